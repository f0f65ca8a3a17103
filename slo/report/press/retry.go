package press

import "time"

// longest bounds what backOff returns.
const longest = time.Hour

// backOff returns how long to wait after so many failures: a minute, doubled
// each time up to an hour.
func backOff(failures int) time.Duration {
	return min(time.Minute<<min(failures-1, 10), longest)
}

// waits tells whether what is tried again at next has to wait for that. A next that
// lies further ahead than any back-off is of another clock, and waits no longer.
func waits(next, now time.Time) bool {
	return now.Before(next) && !next.After(now.Add(longest))
}

// A retry is how often something failed, and when it is tried again.
type retry struct {
	failures int
	next     time.Time
}

func (r *retry) waits(now time.Time) bool { return waits(r.next, now) }

func (r *retry) failed(now time.Time) {
	r.failures++
	r.next = now.Add(backOff(r.failures))
}
