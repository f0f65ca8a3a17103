package slo_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
)

// TestAnExcerptIsTheHistory compares what an excerpt has of several objectives
// with their histories, minute by minute.
func TestAnExcerptIsTheHistory(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	excluded := availability("excluded", thirtyDays)
	excluded.Exclusions = []slo.Exclusion{{From: at(300), To: at(421)}, {From: at(4000), To: at(4001)}}
	expects := availability("expects", thirtyDays)
	expects.ExpectsTraffic = true
	each := availability("each", thirtyDays)
	each.Service, each.ForEach = "", "service"
	none := availability("none", thirtyDays)
	none.Service, none.ForEach = "", "service"
	b := newBench(t, excluded, expects, each, none)
	b.options.Retention = 3 * 24 * time.Hour
	b.load(epoch, true)
	j := &judged{}
	for m := range 5 * 1440 {
		if m%30 == 0 {
			b.step(at(m), j)
			j = &judged{}
		}
		if m >= 2000 && m < 2030 || m >= 3*1440 && m < 4*1440 && m%9 != 0 {
			continue // nobody sends anything
		}
		j.event(0, "", at(m), uint64(m%7+1), uint64(m%3/2))
		if m%100 < 80 {
			j.event(1, "", at(m), 3, 1)
		}
		if m < 3*1440 {
			j.event(2, "api-gateway", at(m), 1, 1)
		}
	}
	b.step(at(5*1440-1), j)
	for range 60 {
		from := at(rnd.IntN(6*1440) - 200).Add(time.Duration(rnd.IntN(2)) * 29 * time.Second)
		to := from.Add(time.Duration(rnd.IntN(3*1440)) * time.Minute)
		read := 0
		err := b.store.View(func(tx *state.Tx) error {
			e, err := b.ledger.Excerpt(tx, from.Add(-time.Hour))
			if err != nil {
				return err
			}
			if want := at(5 * 1440); e.Upto() != want {
				t.Errorf("the ledger is known up to %s, want %s", e.Upto(), want)
			}
			for _, r := range e.Records() {
				read++
				compareWithHistory(t, b, tx, r, from, to)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if read != 4 {
			t.Fatalf("%d objectives were read", read)
		}
	}
}

func compareWithHistory(t *testing.T, b *bench, tx *state.Tx, r slo.Record, from, to time.Time) {
	t.Helper()
	before := []slo.Count{{Events: 7}}
	counts, err := r.Counts(from, to, before)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := r.Sum(from, to)
	if err != nil {
		t.Fatal(err)
	}
	unmeasured, err := r.Unmeasured(from, to)
	if err != nil {
		t.Fatal(err)
	}
	first := from.Truncate(time.Minute)
	want := make([]slo.Count, int(to.Truncate(time.Minute).Sub(first)/time.Minute))
	var total slo.Count
	if r.SLO == "none" {
		if sum != total {
			t.Errorf("there is no value, and the sum is %v", sum)
		}
		if diff := cmp.Diff(want, counts[1:]); diff != "" {
			t.Errorf("there is no value, but counts: %s", diff)
		}
		return
	}
	minutes, err := b.ledger.History(tx, r.SLO, r.Service, first, to.Truncate(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range minutes {
		if !m.Excluded {
			want[m.At.Sub(first)/time.Minute] = slo.Count{Events: m.Events, Bad: m.Bad}
			total = slo.Count{Events: total.Events + m.Events, Bad: total.Bad + m.Bad}
		}
		within := false
		for _, i := range unmeasured {
			within = within || !m.At.Before(i.From) && m.At.Before(i.To)
		}
		if within != (m.State == slo.Unmeasured) {
			t.Fatalf("%s at %s: it is unmeasured: %t, the history has %s", r.SLO, m.At, within, m.State)
		}
	}
	// The retention drops whole days, so that what is read may reach further back.
	oldest := at(5*1440 - 1 - 3*1440)
	for i := range want {
		if first.Add(time.Duration(i) * time.Minute).Before(oldest) {
			total = slo.Count{Events: total.Events + counts[i+1].Events, Bad: total.Bad + counts[i+1].Bad}
			want[i] = counts[i+1]
		}
	}
	if diff := cmp.Diff(want, counts[1:]); diff != "" || counts[0].Events != 7 {
		t.Fatalf("%s from %s to %s: -history +excerpt\n%s", r.SLO, from, to, diff)
	}
	if sum != total {
		t.Errorf("%s from %s to %s: sum %v, want %v", r.SLO, from, to, sum, total)
	}
}

// TestNothingIsKnownBeforeAnObjectiveWasThere has objectives that the
// configuration got later, one of them for each of values that nobody saw.
func TestNothingIsKnownBeforeAnObjectiveWasThere(t *testing.T) {
	b := newBench(t, availability("old", thirtyDays))
	for m := range 100 {
		j := &judged{}
		j.event(0, "", at(m), 1, 0)
		b.step(at(m), j)
	}
	one, each := availability("one", thirtyDays).With(slo.Alerting{}), availability("each", thirtyDays).With(slo.Alerting{})
	each.ForEach = "operation"
	b.options.Objectives = append(b.options.Objectives, one, each)
	b.load(at(100), false)
	for m := 100; m < 200; m++ {
		j := &judged{}
		j.event(0, "", at(m), 1, 0)
		b.step(at(m), j)
	}
	unmeasured := map[string][]slo.Interval{}
	if err := b.store.View(func(tx *state.Tx) error {
		e, err := b.ledger.Excerpt(tx, at(0))
		if err != nil {
			return err
		}
		for _, r := range e.Records() {
			if unmeasured[r.SLO], err = r.Unmeasured(at(0), at(200)); err != nil {
				return err
			}
			born := at(100)
			if r.SLO == "old" {
				born = at(0)
			}
			if got := r.Since(); !got.Equal(born) {
				t.Errorf("%s is measured since %s, want %s", r.SLO, got, born)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	before := []slo.Interval{{From: at(0), To: at(100)}}
	if diff := cmp.Diff(map[string][]slo.Interval{"old": nil, "one": before, "each": before}, unmeasured); diff != "" {
		t.Errorf("-want +unmeasured\n%s", diff)
	}
}

func TestAZoneReachesWhatItsClocksShow(t *testing.T) {
	wall := func(text string) time.Time {
		at, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, test := range []struct{ zone, wall, want string }{
		{"UTC", "2026-10-01 00:00", "2026-10-01T00:00:00Z"},
		{"Europe/Madrid", "2026-10-01 00:00", "2026-10-01T00:00:00+02:00"},
		{"Europe/Madrid", "2026-11-01 00:00", "2026-11-01T00:00:00+01:00"},
		{"Europe/Madrid", "2026-10-25 02:30", "2026-10-25T02:30:00+02:00"}, // twice: the first time
		{"Europe/Madrid", "2026-03-29 02:30", "2026-03-29T03:00:00+02:00"}, // skipped
		{"America/St_Johns", "2026-03-08 02:30", "2026-03-08T03:00:00-02:30"},
		{"Africa/Cairo", "2026-04-24 00:00", "2026-04-24T01:00:00+03:00"}, // a day without a midnight
		{"Pacific/Apia", "2011-12-30 12:00", "2011-12-31T00:00:00+14:00"}, // a day that was not
	} {
		if got := zone(t, test.zone).Reach(wall(test.wall)).Format(time.RFC3339); got != test.want {
			t.Errorf("%s in %s: got %s, want %s", test.wall, test.zone, got, test.want)
		}
	}
}
