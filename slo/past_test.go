package slo_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
)

func TestSumsAndUnmeasuredAreThoseOfTheHistory(t *testing.T) {
	o := availability("a", slo.Window{Rolling: 48 * time.Hour})
	o.Exclusions = []slo.Exclusion{{From: at(300), To: at(421), Reason: "move"}}
	b := newBench(t, o)
	j := &judged{}
	for m := range 3 * 1440 {
		if m >= 2000 && m < 2030 {
			continue // nobody sends anything
		}
		j.event(0, "", at(m), uint64(m%7+1), uint64(m%3/2))
		if m%5 == 0 || m >= 2030 && m < 2040 {
			b.step(at(m).Add(time.Second), j)
			j = &judged{}
		}
	}
	edges := []time.Time{at(-100), at(10), at(330).Add(30 * time.Second), at(1440), at(2880), at(2880), at(5000)}
	var sums []slo.Count
	var unmeasured []slo.Interval
	if err := b.store.View(func(tx *state.Tx) (err error) {
		if sums, err = b.ledger.Sums(tx, "a", "api-gateway", edges); err != nil {
			return err
		}
		unmeasured, err = b.ledger.Unmeasured(tx, "a", "api-gateway", edges[0], edges[len(edges)-1])
		return err
	}); err != nil {
		t.Fatal(err)
	}

	want := make([]slo.Count, len(edges)-1)
	total := uint64(0)
	for i := range want {
		for _, m := range b.history("a", edges[i].Truncate(time.Minute), edges[i+1].Truncate(time.Minute)) {
			if !m.Excluded {
				want[i].Events += m.Events
				want[i].Bad += m.Bad
				total += m.Events
			}
		}
	}
	if diff := cmp.Diff(want, sums); diff != "" || total == 0 {
		t.Errorf("-history +sums\n%s", diff)
	}
	for _, m := range b.history("a", edges[0], edges[len(edges)-1]) {
		within := false
		for _, i := range unmeasured {
			within = within || !m.At.Before(i.From) && m.At.Before(i.To)
		}
		if within != (m.State == slo.Unmeasured) {
			t.Errorf("%v is %s", m.At, m.State)
		}
	}
	if first, last := unmeasured[0], unmeasured[len(unmeasured)-1]; len(unmeasured) != 3 || !first.From.Equal(at(-100)) || !last.To.Equal(at(5000)) {
		t.Errorf("unmeasured are %v", unmeasured)
	}

	standings, upto := b.ledger.Standings(at(5000))
	if s := standings[0]; !s.To.Equal(upto.Truncate(time.Minute).Add(time.Minute)) || s.To.Sub(s.From) != 48*time.Hour+time.Minute {
		t.Errorf("at %v, the window is from %v to %v", upto, s.From, s.To)
	}
	err := b.store.View(func(tx *state.Tx) error {
		_, err := b.ledger.Sums(tx, "nobody's", "api-gateway", edges)
		return err
	})
	if err == nil {
		t.Error("an objective that is not there has sums")
	}
}

// TestWhatIsOlderThanTheRetentionIsUnmeasured holds also where silence is never
// taken for a fault, so that a day without events says nothing.
func TestWhatIsOlderThanTheRetentionIsUnmeasured(t *testing.T) {
	b := newBench(t, availability("a", slo.Window{Rolling: 24 * time.Hour}))
	b.options.Retention, b.options.Silence = 2*24*time.Hour, 0
	b.load(epoch, true)
	for m := 0; m <= 5*1440; m += 60 {
		j := &judged{}
		j.event(0, "", at(m), 1, 0)
		b.step(at(m), j)
	}
	var unmeasured []slo.Interval
	if err := b.store.View(func(tx *state.Tx) (err error) {
		unmeasured, err = b.ledger.Unmeasured(tx, "a", "api-gateway", at(0), at(5*1440))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]slo.Interval{{From: at(0), To: at(3 * 1440)}}, unmeasured); diff != "" {
		t.Errorf("-want +unmeasured\n%s", diff)
	}
}
