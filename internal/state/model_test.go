package state_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/state"
)

// clone returns a copy that shares nothing that changes.
func (c content) clone() content {
	copied := content{}
	for name, records := range c {
		copied[name] = maps.Clone(records)
	}
	return copied
}

// change does something at random, alike in the transaction and in the model.
func change(r *rand.Rand, tx *state.Tx, model content) error {
	name := fmt.Sprintf("bucket %d", r.IntN(5))
	if r.UintN(200) == 0 {
		delete(model, name)
		return tx.Drop(name)
	}
	b := tx.Bucket(name)
	records := model[name]
	if records == nil {
		records = map[string]string{}
		model[name] = records
	}
	key := fmt.Sprintf("%04d", r.IntN(800))
	if r.UintN(8) == 0 {
		// Few fit a page, so that trees are deep and branches overflow.
		key += strings.Repeat("k", r.IntN(3000))
	}
	if got, want := string(b.Get([]byte(key))), records[key]; got != want {
		return fmt.Errorf("Get = %d bytes, want %d", len(got), len(want))
	}
	if r.UintN(5) < 2 {
		delete(records, key)
		return b.Delete([]byte(key))
	}
	records[key] = strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(1<<r.IntN(15)))
	return b.Put([]byte(key), []byte(records[key]))
}

func TestAStoreHoldsWhatAMapWould(t *testing.T) {
	steps := 400
	if testing.Short() {
		steps = 100
	}
	path := newPath(t)
	r := rand.New(rand.NewPCG(7, 7))
	model := content{}
	s, err := state.OpenUnsynced(path)
	if err != nil {
		t.Fatal(err)
	}
	undone := errors.New("undone")
	for step := range steps {
		changed := model.clone()
		err := s.Update(func(tx *state.Tx) error {
			for range r.IntN(120) {
				if err := change(r, tx, changed); err != nil {
					return err
				}
			}
			if r.UintN(4) == 0 {
				return undone
			}
			return nil
		})
		switch err {
		case nil:
			model = changed
		case undone:
		default:
			t.Fatalf("step %d: %v", step, err)
		}
		if step%5 > 0 {
			continue
		}
		if diff := cmp.Diff(model, mustRead(t, s)); diff != "" {
			t.Fatalf("step %d (-want +got):\n%.1000s", step, diff)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := state.Check(path); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if step%50 == 0 {
			if _, _, err := state.Compact(path); err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
		}
		if s, err = state.OpenUnsynced(path); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
