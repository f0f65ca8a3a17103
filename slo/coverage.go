package slo

// unmeasured returns the minutes up to the clock that nobody can tell of: those
// before the counting began, those of which spans were lost, and those in which
// no service at all sent a span for as long as the configured silence.
func (l *Ledger) unmeasured(m meta, alive *minuteSet) []minuteRange {
	lists := [][]minuteRange{m.Gaps, {{0, m.Since}}}
	if m.Since == 0 {
		lists[1] = []minuteRange{{0, m.Clock + 1}}
	}
	if l.silence > 0 {
		lists = append(lists, alive.gaps(m.Since, m.Clock+1, l.silence))
	}
	return union(lists...)
}

// cover works out how much of the series' own window was measured.
func (l *Ledger) cover(s *series, to *standing, clock int64, unmeasured []minuteRange) {
	o := s.objective
	excluded := o.excludedAt(clock)
	first := o.first(o.windows[o.own], clock)
	out := union(l.unmeasuredOf(s, to, first, clock, unmeasured), excluded)
	to.elapsed = clock + 1 - first - overlapping(excluded, first, clock+1)
	to.measured = clock + 1 - first - overlapping(out, first, clock+1)
}

// unmeasuredOf returns the minutes of [first, clock] that are unmeasured for one series.
func (l *Ledger) unmeasuredOf(s *series, at *standing, first, clock int64, unmeasured []minuteRange) []minuteRange {
	lists := [][]minuteRange{unmeasured, s.measure.Holes, {{0, s.measure.Born}}}
	if at.alive != nil && l.silence > 0 {
		lists = append(lists, at.alive.gaps(first, clock+1, l.silence))
	}
	return union(lists...)
}

// alive returns the minutes with events of a series, from the day of a minute on.
func (d *days) alive(series uint32, since int64) (*minuteSet, error) {
	set := &minuteSet{}
	var c chunk
	for day := range d.existing {
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
