package slo_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
)

// A whole adds up the ledgers of several benches in one of its own.
type whole struct {
	*bench
	members []*bench
	heads   []slo.PartHead
}

// anew adds up all that the members have.
func (w *whole) anew(now time.Time) {
	w.t.Helper()
	w.bench = newBench(w.t, w.objectives()...)
	w.ledger = slo.NewWhole(w.options)
	if err := w.store.View(func(tx *state.Tx) error { return w.ledger.Load(tx, epoch, true) }); err != nil {
		w.t.Fatal(err)
	}
	w.heads = make([]slo.PartHead, len(w.members))
	var all []slo.Increment
	for i, m := range w.members {
		var text bytes.Buffer
		if err := m.store.View(func(tx *state.Tx) error { return m.ledger.WritePart(tx, &text) }); err != nil {
			w.t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(text.String()), "\n")
		if last := lines[len(lines)-1]; last != `"end"` {
			w.t.Fatalf("the last line is %s", last)
		}
		w.parse(lines[0], &w.heads[i])
		for _, line := range lines[1 : len(lines)-1] {
			var increment slo.Increment
			w.parse(line, &increment)
			all = append(all, increment)
		}
	}
	w.ledger.Measured(w.heads)
	w.save(all, now)
}

func (w *whole) objectives() []slo.Objective { return w.members[0].options.Objectives }

func (w *whole) parse(text string, into any) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		w.t.Fatal(err)
	}
}

// follow adds what the members added since.
func (w *whole) follow(now time.Time) {
	w.t.Helper()
	var all []slo.Increment
	for i, m := range w.members {
		for more := true; more; {
			var part *slo.Part
			if err := m.store.View(func(tx *state.Tx) (err error) {
				part, err = m.ledger.Part(tx, w.heads[i].Seq, w.heads[i].Mark)
				return err
			}); err != nil {
				w.t.Fatal(err)
			}
			text, err := json.Marshal(part)
			if err != nil {
				w.t.Fatal(err)
			}
			part = nil
			w.parse(string(text), &part)
			w.heads[i], more = part.PartHead, part.More
			all = append(all, part.Increments...)
		}
	}
	w.save(all, now)
}

func (w *whole) save(all []slo.Increment, now time.Time) {
	w.t.Helper()
	judged, err := w.ledger.Increments(all)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ledger.Adopt(w.heads)
	watermark := now.Add(time.Hour)
	for _, h := range w.heads {
		if h.Complete().Before(watermark) {
			watermark = h.Complete()
		}
	}
	if err := w.store.Update(func(tx *state.Tx) error {
		return w.ledger.Save(tx, source.Step{Now: now, Watermark: watermark}, judged)
	}); err != nil {
		w.t.Fatal(err)
	}
	w.ledger.Publish()
}

// TestTheWholeIsTheSumOfItsParts judges the same events by one ledger, and by
// several that share them, which are added up. Both must say the same.
func TestTheWholeIsTheSumOfItsParts(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			objectives := []slo.Objective{availability("a", slo.Window{Rolling: 6 * time.Hour}), availability("b", thirtyDays), availability("c", slo.Window{Rolling: 6 * time.Hour})}
			objectives[1].ForEach, objectives[1].Service = "service", ""
			objectives[1].ForEachLimit = 100
			objectives[2].ExpectsTraffic = true
			one := newBench(t, objectives...)
			w := &whole{bench: &bench{t: t}}
			for range 1 + rnd.IntN(4) {
				m := newBench(t, objectives...)
				m.options.Shared, m.options.Configuration = true, "x"
				m.load(epoch, true)
				w.members = append(w.members, m)
			}
			built := false
			alive := epoch
			for minute := 1; minute < 220; minute++ {
				quiet := minute > 100 && minute < 100+rnd.IntN(30) || minute%50 > 43
				parts := make([]*judged, len(w.members)+1)
				for i := range parts {
					parts[i] = &judged{}
				}
				// Around the minute in which spans are lost, each has an event: how
				// far a gap reaches back depends on when the last one came.
				lost := minute == 180
				busy := minute > 175 && minute < 182
				for n := range rnd.IntN(8) + 1 {
					if n == 0 && !busy || quiet {
						continue
					}
					alive = at(minute)
					measure, value := rnd.IntN(3), ""
					if measure == 1 {
						value = fmt.Sprint("service-", rnd.IntN(5))
					}
					when := at(minute - rnd.IntN(3)*rnd.IntN(40))
					if n == 0 {
						when = at(minute)
					} else if when.Before(epoch) {
						when = epoch
					}
					seed := rnd.Uint64()
					for _, j := range []*judged{parts[0], parts[1+rnd.IntN(len(w.members))]} {
						of := rand.New(rand.NewPCG(seed, 1))
						if of.IntN(2) == 0 {
							j.badEvent(measure, value, when, byte(of.IntN(60)), of.Uint64())
						} else {
							j.event(measure, value, when, 1+of.Uint64N(9), 0)
						}
					}
				}
				step := source.Step{Now: at(minute), Watermark: at(minute), Since: epoch, Alive: alive, Lost: lost}
				if err := one.try(step, parts[0]); err != nil {
					t.Fatal(err)
				}
				for i, m := range w.members {
					step.Lost = lost && i == 0
					if err := m.try(step, parts[1+i]); err != nil {
						t.Fatal(err)
					}
					if rnd.IntN(40) == 0 {
						m.load(at(minute), false)
					}
				}
				switch rnd.IntN(30) {
				case 0:
					w.anew(at(minute))
					built = true
				case 1, 2, 3, 4:
					if built {
						w.follow(at(minute))
					}
				}
			}
			if !built {
				w.anew(at(219))
			}
			w.follow(at(220))
			// How old the clock is depends on when one asks.
			asked := cmpopts.IgnoreMapEntries(func(name string, _ float64) bool { return strings.HasPrefix(name, "unmeasured_seconds") })
			if diff := cmp.Diff(one.gauges(), w.gauges(), asked); diff != "" {
				t.Errorf("gauges (-one +whole):\n%s", diff)
			}
			for _, name := range []string{"a", "c"} {
				if diff := cmp.Diff(one.history(name, epoch, at(230)), w.history(name, epoch, at(230))); diff != "" {
					t.Errorf("minutes of %s (-one +whole):\n%s", name, diff)
				}
			}
			for _, id := range [][2]string{{"a", "api-gateway"}, {"b", "service-1"}, {"c", "api-gateway"}} {
				if diff := cmp.Diff(one.badTraces(id[0], id[1]), w.badTraces(id[0], id[1])); diff != "" {
					t.Errorf("bad traces of %v (-one +whole):\n%s", id, diff)
				}
				culprits := func(b *bench) (c slo.Culprits) {
					if err := b.store.View(func(tx *state.Tx) (err error) {
						c, err = b.ledger.Culprits(tx, id[0], id[1], epoch)
						return err
					}); err != nil {
						t.Fatal(err)
					}
					return c
				}
				if diff := cmp.Diff(culprits(one), culprits(w.bench), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("culprits of %v (-one +whole):\n%s", id, diff)
				}
			}
		})
	}
}

// TestAnIncrementThatIsNotKnown is one that was never there, or is there no more.
func TestAnIncrementThatIsNotKnown(t *testing.T) {
	b := newBench(t, availability("a", thirtyDays))
	b.options.Shared = true
	b.load(epoch, true)
	part := func(seq uint64, mark string) error {
		return b.store.View(func(tx *state.Tx) error {
			_, err := b.ledger.Part(tx, seq, mark)
			return err
		})
	}
	if err := part(0, ""); !errors.Is(err, slo.ErrGone) {
		t.Errorf("of an empty ledger: %v", err)
	}
	b.step(at(1), &judged{})
	var head bytes.Buffer
	if err := b.store.View(func(tx *state.Tx) error { return b.ledger.WritePart(tx, &head) }); err != nil {
		t.Fatal(err)
	}
	var first slo.PartHead
	if err := json.NewDecoder(&head).Decode(&first); err != nil {
		t.Fatal(err)
	}
	for range 5100 {
		b.step(at(2), &judged{})
	}
	if err := part(first.Seq, first.Mark); !errors.Is(err, slo.ErrGone) {
		t.Errorf("of an increment that is no longer kept: %v", err)
	}
	if err := part(first.Seq+5000, "0123456789abcdef"); !errors.Is(err, slo.ErrGone) {
		t.Errorf("of an increment of another name: %v", err)
	}
	if err := part(first.Seq+9000, first.Mark); !errors.Is(err, slo.ErrGone) {
		t.Errorf("of an increment to come: %v", err)
	}
}

// TestHostileParts refuses what no ledger writes.
func TestHostileParts(t *testing.T) {
	b := newBench(t, availability("a", thirtyDays))
	own := [][3]string{{"a", b.options.Objectives[0].Fingerprint(), ""}}
	long := strings.Repeat("x", 1<<20)
	for name, in := range map[string]slo.Increment{
		"no such series":    {Series: own, Minutes: [][4]int64{{1, 5, 1, 0}}},
		"a negative series": {Series: own, Minutes: [][4]int64{{-1, 5, 1, 0}}},
		"more bad than all": {Series: own, Minutes: [][4]int64{{0, 5, 1, 2}}},
		"a negative count":  {Series: own, Minutes: [][4]int64{{0, 5, 1, -1}}},
		"no event":          {Series: own, Minutes: [][4]int64{{0, 5, 0, 0}}},
		"too many events":   {Series: own, Minutes: [][4]int64{{0, 5, 1 << 60, 0}}},
		"before the epoch":  {Series: own, Minutes: [][4]int64{{0, -5, 1, 0}}},
		"a long value":      {Series: [][3]string{{"a", "b", long}}},
		"a long culprit":    {Series: own, Culprits: []slo.PartCulprit{{CulpritCount: slo.CulpritCount{Service: long}}}},
		"no trace":          {Series: own, Bad: []slo.PartBadEvent{{TraceID: "x", SpanID: "y"}}},
		"a bad trace id":    {Series: own, Bad: []slo.PartBadEvent{{TraceID: strings.Repeat("z", 32), SpanID: strings.Repeat("0", 16)}}},
	} {
		if _, err := b.ledger.Increments([]slo.Increment{in}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	judged, err := b.ledger.Increments([]slo.Increment{{Series: [][3]string{{"another", "0", ""}, own[0]}, Minutes: [][4]int64{{0, 5, 1, 0}, {1, 5, 2, 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range judged.Minutes() {
		if diff := cmp.Diff(sli.MinuteCount{Minute: 5, Events: 2, Bad: 1}, n); diff != "" {
			t.Errorf("of an objective that is not there (-want +got):\n%s", diff)
		}
	}
}
