package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/peers"
	"github.com/traceslo/traceslo/source"
)

// TestPeersAreAsManyAsReaders refuses addresses that do not fit --shard.
func TestPeersAreAsManyAsReaders(t *testing.T) {
	addresses := []string{"http://a:9924", "http://b:9924"}
	for _, test := range []struct {
		member    source.Member
		addresses []string
		says      string
	}{
		{source.Member{}, nil, ""},
		{source.Member{Number: 1, Of: 2}, nil, ""},
		{source.Member{Number: 2, Of: 2}, addresses, ""},
		{source.Member{}, addresses, "say by --shard which of them this is"},
		{source.Member{Number: 1, Of: 3}, addresses, "peers.addresses names 2 readers, and this is reader 1/3; name all 3"},
	} {
		d := newDaemon(zerolog.Nop(), nil, test.member)
		store, err := openState(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		d.store, d.dir = store, t.TempDir()
		cfg := fast()
		cfg.Peers.Addresses = test.addresses
		union, err := d.newUnion(cfg, slo.NewLedger(slo.LedgerOptions{}))
		switch {
		case test.says == "" && err != nil, test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s with %d addresses: %v, want one that says %q", test.member, len(test.addresses), err, test.says)
		case err == nil && (union != nil) != (len(test.addresses) > 0):
			t.Errorf("%s with %d addresses: adds up %t", test.member, len(test.addresses), union != nil)
		}
		if union != nil {
			if err := union.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestAHalfMadeSumIsNoReport refuses a file in which the readers were being
// added up when the daemon ended.
func TestAHalfMadeSumIsNoReport(t *testing.T) {
	dir := t.TempDir()
	write := func(name, bucket, key, text string) {
		t.Helper()
		store, err := state.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Update(func(tx *state.Tx) error { return tx.Bucket(bucket).Put([]byte(key), []byte(text)) }); err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(state.FileName, "source", "run", `{"began":"2026-01-02T00:00:00Z","member":"1/2"}`)
	write(peers.FileName, "slo", "x", "1")
	if _, _, err := openLedger(dir); err == nil || !strings.Contains(err.Error(), "not all added up") {
		t.Errorf("a half-made sum: %v", err)
	}
	write(peers.FileName, "peers", "readers", `{"configuration":"x","readers":[{},{}]}`)
	store, member, err := openLedger(dir)
	if err != nil || member != (source.Member{Number: 1, Of: 2}) {
		t.Fatalf("a whole sum: %v, %v", member, err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// TestWhatIsJudgedHasAName holds that objectives, dimensions and retention are
// what readers must have alike, and that targets are not.
func TestWhatIsJudgedHasAName(t *testing.T) {
	with := func(change func(*loaded)) string {
		cfg := fast()
		cfg.objectives = []slo.Objective{objectiveOf("api"), objectiveOf("shop")}
		change(cfg)
		return cfg.judgedBy()
	}
	same := with(func(*loaded) {})
	if got := with(func(l *loaded) {
		l.objectives[0], l.objectives[1] = l.objectives[1], l.objectives[0]
		l.objectives[0].Target++
	}); got != same {
		t.Error("another order, and another target, are another name")
	}
	for name, change := range map[string]func(*loaded){
		"an objective less": func(l *loaded) { l.objectives = l.objectives[:1] },
		"another retention": func(l *loaded) { l.SLORetention *= 2 },
	} {
		if with(change) == same {
			t.Errorf("%s has the same name", name)
		}
	}
}
