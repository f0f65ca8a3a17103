package main_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
)

// readLedger returns the minutes with events of each objective, from the state of a stopped daemon.
func readLedger(t *testing.T, d *daemon) map[string]map[int64]slo.Count {
	t.Helper()
	history := map[string]map[int64]slo.Count{}
	withLedger(t, d, func(tx *state.Tx, ledger *slo.Ledger, o slo.Objective) error {
		now := time.Now()
		minutes, err := ledger.History(tx, o.Name, o.Service, now.Add(-4*time.Hour), now.Add(time.Hour))
		history[o.Name] = map[int64]slo.Count{}
		for _, m := range minutes {
			if m.Events > 0 {
				history[o.Name][m.At.Unix()/60] = slo.Count{Events: m.Events, Bad: m.Bad}
			}
		}
		return err
	})
	return history
}

// readCulprits returns who is to blame of today and yesterday, by objective, from the state of a stopped daemon.
func readCulprits(t *testing.T, d *daemon) map[string][]slo.Culprits {
	t.Helper()
	culprits := map[string][]slo.Culprits{}
	withLedger(t, d, func(tx *state.Tx, ledger *slo.Ledger, o slo.Objective) error {
		for days := range 3 {
			c, err := ledger.Culprits(tx, o.Name, o.Service, time.Now().UTC().AddDate(0, 0, 1-days))
			if err != nil {
				return err
			}
			culprits[o.Name] = append(culprits[o.Name], c)
		}
		return nil
	})
	return culprits
}

// withLedger has read called for each objective with the ledger of a stopped daemon.
func withLedger(t *testing.T, d *daemon, read func(*state.Tx, *slo.Ledger, slo.Objective) error) {
	t.Helper()
	var written struct {
		SLOs []slo.Objective `yaml:"slos"`
	}
	if err := config.Parse("objectives", []byte(agreeObjectives), nil, &written).Err(); err != nil {
		t.Fatal(err)
	}
	for i, o := range written.SLOs {
		written.SLOs[i] = o.With(slo.Alerting{})
	}
	store, err := state.Open(filepath.Join(d.storage, state.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ledger := slo.NewLedger(slo.LedgerOptions{Objectives: written.SLOs, Retention: 400 * 24 * time.Hour, Silence: 5 * time.Minute, Log: zerolog.Nop()})
	if err := store.View(func(tx *state.Tx) error {
		if err := ledger.Load(tx, time.Now(), false); err != nil {
			return err
		}
		for _, o := range written.SLOs {
			if err := read(tx, ledger, o); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
