package sli

import (
	"slices"

	"github.com/traceslo/traceslo/source"
)

// A series is one measure with one of its values. The label sets that can have
// events of it share it.
type series struct {
	judge *judge
	value string
	// slot is the place in a tally. It is given out again when nothing uses
	// the series any more.
	slot uint32
	// uses is how many label sets hold it.
	uses int
}

type seriesKey struct {
	measure int
	value   string
}

// A seriesTable knows every series of a registry, whose lock guards it.
type seriesTable struct {
	bench bench
	known map[seriesKey]*series
	slots uint32
	free  []uint32
	// platform counts every span. It is none of known.
	platform *series
}

func newSeriesTable(b bench) seriesTable {
	return seriesTable{bench: b, known: map[seriesKey]*series{}, slots: 1, platform: &series{judge: &judge{measure: Platform}}}
}

// find returns the series of a judge and a value, nil if it is not known.
func (t *seriesTable) find(j *judge, value string) *series {
	return t.known[seriesKey{j.measure, value}]
}

// take returns the series of a judge and a value for one more label set to hold.
func (t *seriesTable) take(j *judge, value string) *series {
	s := t.find(j, value)
	if s == nil {
		s = &series{judge: j, value: value}
		if n := len(t.free); n > 0 {
			s.slot, t.free = t.free[n-1], t.free[:n-1]
		} else {
			s.slot = t.slots
			t.slots++
		}
		t.known[seriesKey{j.measure, value}] = s
	}
	s.uses++
	return s
}

// drop takes back what a label set that ends holds.
func (t *seriesTable) drop(held []*series) {
	for _, s := range held {
		if s.uses--; s.uses == 0 {
			delete(t.known, seriesKey{s.judge.measure, s.value})
			t.free = append(t.free, s.slot)
		}
	}
}

// takeAll returns the series of which the spans of a label set can be events,
// if their service, operation and kind are the set's own.
func (t *seriesTable) takeAll(s *set) []*series {
	var held []*series
	for _, j := range s.operation.service.judges {
		if value, ok := j.value(s); ok && j.mayTake(s.operation.name, s.kind) {
			held = append(held, t.take(j, value))
		}
	}
	return slices.Clip(held)
}

// bent appends the series to list of which a span can be an event that limits
// put into a label set of another service or operation: it is judged by what it
// is, and counted as what the set is. A series that is not known is taken, for
// which the registry must be locked; without admit, bent reports that there is
// such.
func (g *registry) bent(list []*series, t *tally, s *source.Span, to *set, admit bool) (_ []*series, known bool) {
	var judges []*judge
	if svc := g.services[s.Service]; svc != nil {
		judges = svc.judges
	} else {
		t.judges = g.series.bench.appendFor(t.judges[:0], s.Service)
		judges = t.judges
	}
	for _, j := range judges {
		value, ok := j.value(to)
		if !ok || !j.mayTake(s.Operation, s.Kind) {
			continue
		}
		found := g.series.find(j, value)
		if found == nil {
			if !admit {
				return list, false
			}
			found = g.series.take(j, value)
			to.bent = append(to.bent, found)
		}
		list = append(list, found)
	}
	return list, true
}
