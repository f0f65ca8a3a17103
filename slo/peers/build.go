package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
)

// The bucket and the key of how far each reader is added up.
const (
	bucket = "peers"
	key    = "readers"
)

// record is what the file holds of it.
type record struct {
	Configuration string         `json:"configuration"`
	Readers       []slo.PartHead `json:"readers"`
}

// errHalf is what a file has in which the readers are not all added up.
var errHalf = errors.New("the readers were not all added up when the daemon ended")

// Complete returns an error unless the file that tx reads has all readers, of so
// many, added up: a part of them must not be taken for the whole.
func Complete(tx *state.Tx, of int) error {
	var r record
	text := tx.Bucket(bucket).Get([]byte(key))
	if text == nil {
		return errHalf
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	if len(r.Readers) != of {
		return errHalf
	}
	return nil
}

// open opens the file and goes on with the sum that is in it, if it is of the
// same readers and configuration.
func (u *Union) open() error {
	store, err := state.Open(u.Path)
	if errors.Is(err, state.ErrDamaged) {
		u.Log.Warn().Err(err).Msg("the sum of the readers is made anew")
		return nil
	}
	if err != nil {
		return err
	}
	u.store = store
	var r record
	var ledger *slo.Ledger
	err = store.View(func(tx *state.Tx) error {
		text := tx.Bucket(bucket).Get([]byte(key))
		if text == nil {
			return nil
		}
		if err := json.Unmarshal(text, &r); err != nil {
			return err
		}
		if r.Configuration != u.Options.Ledger.Configuration || len(r.Readers) != len(u.Members) {
			return nil
		}
		ledger = slo.NewWhole(u.Options.Ledger)
		return ledger.Load(tx, time.Now(), true)
	})
	if err != nil {
		u.Log.Warn().Err(err).Msg("the sum of the readers is made anew")
		return nil
	}
	if ledger == nil {
		return nil
	}
	u.ledger, u.heads, u.anew = ledger, r.Readers, false
	u.shown.Store(ledger)
	return nil
}

// build adds all readers up anew, if all of them are there.
func (u *Union) build(ctx context.Context) error {
	errs, all := make([]error, len(u.Members)), true
	for i, m := range u.Members {
		head, err := m.Head(ctx)
		if err == nil {
			err = u.check(i, head)
		}
		errs[i], all = err, all && err == nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !all {
		// Nothing is added up, as a part would look like the whole.
		u.note(errs)
		return nil
	}
	again := make([]Missing, 0, len(u.Members))
	for i := range u.Members {
		again = append(again, Missing{Reader: u.name(i), Why: "all that it counted is being added up anew"})
	}
	u.missing.Store(&again)
	if err := u.replace(); err != nil {
		return err
	}
	began := time.Now()
	next := make([]slo.PartHead, len(u.Members))
	for i, m := range u.Members {
		if err := u.take(ctx, i, m, &next[i]); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			errs[i] = err
			u.note(errs)
			return nil
		}
	}
	u.ledger.Measured(next)
	if err := u.save(nil, next, true); err != nil {
		return err
	}
	u.anew = false
	u.shown.Store(u.ledger)
	u.note(errs)
	u.Log.Info().Int("readers", len(u.Members)).Dur("took", time.Since(began)).Msg("all readers are added up")
	return nil
}

// replace begins with an empty file.
func (u *Union) replace() error {
	u.file.Lock()
	defer u.file.Unlock()
	u.shown.Store(nil)
	if u.store != nil {
		// What cannot be closed in order is thrown away all the same.
		_ = u.store.Close()
		u.store = nil
	}
	if err := os.Remove(u.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	store, err := state.Open(u.Path)
	if err != nil {
		return err
	}
	u.store, u.heads = store, make([]slo.PartHead, len(u.Members))
	u.ledger = slo.NewWhole(u.Options.Ledger)
	return store.View(func(tx *state.Tx) error { return u.ledger.Load(tx, time.Now(), true) })
}

// batch is how many minutes of series are saved at once.
const batch = 50_000

// take adds all that the i-th reader has.
func (u *Union) take(ctx context.Context, i int, m Member, head *slo.PartHead) error {
	var waiting []slo.Increment
	minutes := 0
	flush := func() error {
		err := u.save(waiting, nil, false)
		waiting, minutes = nil, 0
		return err
	}
	err := m.All(ctx, func(h slo.PartHead) error {
		*head = h
		return u.check(i, h)
	}, func(increment slo.Increment) error {
		waiting = append(waiting, increment)
		if minutes += len(increment.Minutes); minutes < batch {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// save adds increments to the sum. With heads, it is known how far each reader is added up.
func (u *Union) save(increments []slo.Increment, heads []slo.PartHead, known bool) error {
	judged, err := u.ledger.Increments(increments)
	if err != nil {
		return fmt.Errorf("it tells what no ledger has: %w", err)
	}
	step := source.Step{Now: time.Now()}
	if known {
		u.ledger.Adopt(heads)
		step.Watermark = heads[0].Complete()
		for _, h := range heads {
			// The clocks of other machines may be ahead of this one's.
			if at := h.Complete(); at.Before(step.Watermark) {
				step.Watermark = at
			}
		}
	}
	if err := u.store.Update(func(tx *state.Tx) error {
		if err := u.ledger.Save(tx, step, judged); err != nil || !known {
			return err
		}
		text, err := json.Marshal(record{u.Options.Ledger.Configuration, heads})
		if err != nil {
			return err
		}
		return tx.Bucket(bucket).Put([]byte(key), text)
	}); err != nil {
		return err
	}
	u.ledger.Publish()
	if known {
		u.heads = heads
	}
	return nil
}
