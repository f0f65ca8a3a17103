package slo

import (
	"time"
)

// moveClock takes the clock as far as all is known, and the windows with it.
func (s *saving) moveClock() error {
	alive := s.alive
	if s.next.alive != nil {
		alive = s.next.alive
	}
	before := s.next.meta.Clock
	s.noteSign()
	if a := s.adopted; a != nil {
		if a.since > 0 {
			s.next.meta.Since = a.since
		}
		s.next.meta.Gaps = union(s.next.meta.Gaps, a.gaps)
	}
	s.next.meta.Clock, s.next.upto = s.clock(alive)
	if s.next.meta.Since == 0 && s.next.meta.Clock > 0 {
		if !s.step.Since.IsZero() {
			s.next.meta.Since = ceilMinute(s.step.Since)
		} else if first, ok := alive.from(0); ok {
			s.next.meta.Since = first
		} else if s.shared {
			// Of what was stored before, nothing was this one's to read.
			s.next.meta.Since, s.next.meta.Vague = s.next.meta.Clock, true
		}
	}
	if first, ok := alive.from(0); ok && s.next.meta.Vague {
		s.next.meta.Since, s.next.meta.Vague = min(s.next.meta.Since, first), false
	}
	if s.step.Lost {
		// The last minute is not surely complete.
		s.next.meta.Gaps = union(s.next.meta.Gaps, []minuteRange{{before, s.now + 1}})
	}
	if s.next.meta.Clock == 0 || s.next.meta.Clock == before && s.next.alive == nil && !s.step.Lost && !s.silent && len(s.unwritten) == 0 {
		return nil
	}
	coverage := s.newCoverage(s.next.meta, alive)
	for _, of := range s.byID {
		if of.objective == nil {
			continue
		}
		to := s.standing(of)
		if err := s.advance(s.days, of, to, before, s.next.meta.Clock); err != nil {
			return err
		}
		to.measured, to.elapsed = coverage.of(of, to)
	}
	return nil
}

// clock returns the last minute that windows hold, and the time up to which all is known.
func (s *saving) clock(alive *minuteSet) (minute int64, upto time.Time) {
	if s.step.Watermark.IsZero() {
		return s.next.meta.Clock, time.Time{}
	}
	minute, upto = floorMinute(s.step.Watermark), s.step.Watermark
	if s.silence > 0 {
		last, ok := s.lastSign(alive, minute)
		if !ok {
			return s.next.meta.Clock, time.Time{}
		}
		// A quiet time that is shorter than the silence is known to be one.
		if minute-last >= s.silence {
			upto = time.Unix((last+1)*60, 0)
		}
		minute = min(minute, last+1)
	}
	if minute < s.next.meta.Clock {
		return s.next.meta.Clock, time.Time{}
	}
	return minute, upto
}

// lastSign returns the last minute up to one in which any service sent a span,
// and whether there is one. It is that in which a span ended; of a ledger that
// shares the events with others, that in which one came.
func (s *saving) lastSign(alive *minuteSet, minute int64) (int64, bool) {
	if !s.shared {
		return alive.before(minute + 1)
	}
	return min(floorMinute(s.step.Alive), minute), !s.step.Alive.IsZero()
}

// noteSign makes a gap of the time in which nothing came, to this reader or
// another, once something comes again. Of the time before the ledger was loaded
// it says nothing: nobody was there to see.
func (s *saving) noteSign() {
	if !s.shared || s.step.Alive.IsZero() {
		return
	}
	s.next.sign = max(s.sign, floorMinute(s.step.Alive))
	if s.silence > 0 && s.sign > 0 && s.next.sign-s.sign > s.silence {
		s.next.meta.Quiet = union(s.next.meta.Quiet, []minuteRange{{s.sign + 1, s.next.sign}})
		s.silent = true
	}
}
