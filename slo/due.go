package slo

import "time"

// Next returns the first time after a given one at which the schedule comes by
// the clocks of a zone: as an Exclusion's, one that they skip comes when they
// have been put forward, and one that they show twice comes the first time. The
// zero Schedule never comes, which is the zero time.
func (s Schedule) Next(zone Zone, after time.Time) time.Time {
	for due := range s.dues(zone, after) {
		return due
	}
	return time.Time{}
}

// Last returns the last time after a given one, and not after upto, at which the
// schedule comes as Next says, and whether there is one.
func (s Schedule) Last(zone Zone, after, upto time.Time) (last time.Time, found bool) {
	for back := day; !found && back > 0; back *= 2 {
		from, all := upto.Add(-back), false
		if !from.After(after) {
			from, all = after, true
		}
		for due := range s.dues(zone, from) {
			if due.After(upto) {
				break
			}
			last, found = due, true
		}
		if all {
			break
		}
	}
	return last, found
}

// dues yields the times after a given one at which the schedule comes. There is
// no end to them.
func (s Schedule) dues(zone Zone, after time.Time) func(yield func(time.Time) bool) {
	return func(yield func(time.Time) bool) {
		// No wall time before this is reached after it.
		earliest := after.Unix() - maxOffset
		clock := zone.clockFor(earliest - int64(day/time.Second))
		last := after.Unix()
		for wall := range s.walls(earliest) {
			at := clock.reach(wall)
			if at <= last {
				continue // two times that clocks skip are reached at once
			}
			last = at
			if !yield(time.Unix(at, 0).In(zone.Location())) {
				return
			}
		}
	}
}

// Knows tells whether all that was stored of the time before at is counted, as
// far as the ledger's clock tells. What is stored later still corrects it.
func (l *Ledger) Knows(at time.Time) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.view.clock > 0 && floorMinute(at) <= l.view.clock
}
