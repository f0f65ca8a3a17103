package slo

import (
	"maps"
	"slices"
)

// unmeasured returns the minutes of [first, the clock] that nobody can tell of:
// those before the counting began, those of which spans were lost, and those in
// which no service at all sent a span for as long as the configured silence.
func (l *Ledger) unmeasured(m meta, alive *minuteSet, first int64) []minuteRange {
	lists := [][]minuteRange{m.Gaps, {{0, m.Since}}, m.Quiet}
	if m.Since == 0 {
		lists[1] = []minuteRange{{0, m.Clock + 1}}
	}
	return union(append(lists, l.silent(alive, max(m.Since, first-l.silence), m.Clock))...)
}

// silent returns the minutes of [first, clock] that belong to a run without
// events that is as long as the configured silence. What ends a run before
// first is only seen if first is that much earlier.
func (l *Ledger) silent(alive *minuteSet, first, clock int64) []minuteRange {
	if l.silence == 0 || l.shared || alive == nil {
		return nil
	}
	return alive.gaps(first, clock+1, l.silence)
}

// unmeasuredOf returns the minutes of [first, clock] that are unmeasured for a
// series of a measure, whose minutes with events are in alive if it expects traffic.
func (l *Ledger) unmeasuredOf(of *measure, alive *minuteSet, first, clock int64, unmeasured []minuteRange) []minuteRange {
	return union(unmeasured, of.Holes, []minuteRange{{0, of.Born}}, l.silent(alive, first-l.silence, clock))
}

// coverage works out how much of the windows that end at one clock was measured.
type coverage struct {
	*Ledger
	clock int64
	// unmeasured are the minutes of the longest window that are so for all.
	unmeasured []minuteRange
	// known holds what is the same for all series of an objective.
	known map[*objective][2]int64
}

func (l *Ledger) newCoverage(m meta, alive *minuteSet) *coverage {
	first := m.Clock
	for _, o := range l.objectives {
		first = min(first, o.first(o.windows[o.own], m.Clock))
	}
	return &coverage{Ledger: l, clock: m.Clock, unmeasured: l.unmeasured(m, alive, first), known: map[*objective][2]int64{}}
}

// of returns how many minutes of the series' own window were measured, and how
// many there were, excluded ones left out of both.
func (c *coverage) of(s *series, at *standing) (measured, elapsed int64) {
	o := s.objective
	if known, ok := c.known[o]; ok && at.alive == nil {
		return known[0], known[1]
	}
	first := o.first(o.windows[o.own], c.clock)
	excluded := o.excludedAt(c.clock)
	out := c.unmeasured
	if len(excluded) > 0 || len(s.measure.Holes) > 0 || s.measure.Born > first || at.alive != nil {
		out = union(c.unmeasuredOf(s.measure, at.alive, first, c.clock, c.unmeasured), excluded)
	}
	elapsed = c.clock + 1 - first - overlapping(excluded, first, c.clock+1)
	measured = c.clock + 1 - first - overlapping(out, first, c.clock+1)
	c.known[o] = [2]int64{measured, elapsed}
	return measured, elapsed
}

// alive returns the minutes with events of a series, from the day of a minute on.
func (d *days) alive(series uint32, since int64) (*minuteSet, error) {
	set := &minuteSet{}
	var c chunk
	for _, day := range slices.Sorted(maps.Keys(d.existing)) {
		if day < since/1440 {
			continue
		}
		for hour := day * 24; hour < (day+1)*24; hour++ {
			if err := d.hour(series, hour, &c); err != nil {
				return nil, err
			}
			for i := range c {
				if c[i].Events > 0 {
					set.add(hour*60+int64(i), hour*60+int64(i)+1)
				}
			}
		}
	}
	return set, nil
}
