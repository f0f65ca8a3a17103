package slo

// maxAdvance is by how many minutes the windows' counts are moved on a minute's
// count at a time; beyond it they are summed anew.
const maxAdvance = 240

// recompute sums the windows of a series anew, as of clock.
func (l *Ledger) recompute(d *days, s *series, to *standing, clock int64) error {
	o := s.objective
	excluded := o.excludedAt(clock)
	for i, w := range o.windows {
		var err error
		if to.windows[i], err = d.sum(s.id, o.first(w, clock), clock+1, excluded); err != nil {
			return err
		}
	}
	return nil
}

// late adds events of a minute that the windows that end at clock may hold.
func (l *Ledger) late(s *series, to *standing, clock, minute int64, n Count) {
	o := s.objective
	if minute > clock || contains(o.excludedAt(clock), minute) {
		return
	}
	for i, w := range o.windows {
		if minute >= o.first(w, clock) {
			to.windows[i].add(n)
		}
	}
}

// advance moves the windows of a series from one clock to a later one.
func (l *Ledger) advance(d *days, s *series, to *standing, from, clock int64) error {
	if from == 0 || clock-from > maxAdvance {
		return l.recompute(d, s, to, clock)
	}
	o := s.objective
	excluded := o.excludedAt(clock)
	var come Count
	if to.last > from {
		var err error
		if come, err = d.sum(s.id, from+1, clock+1, excluded); err != nil {
			return err
		}
	}
	for i, w := range o.windows {
		before := o.first(w, from)
		first := o.first(w, clock)
		if first > from {
			// A calendar period has begun, or the clock has jumped over all of the window.
			var err error
			if to.windows[i], err = d.sum(s.id, first, clock+1, excluded); err != nil {
				return err
			}
			continue
		}
		if to.windows[i].Events > 0 && first > before {
			gone, err := d.sum(s.id, before, first, excluded)
			if err != nil {
				return err
			}
			to.windows[i].subtract(gone)
		}
		to.windows[i].add(come)
	}
	return nil
}
