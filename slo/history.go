package slo

import (
	"fmt"
	"time"

	"github.com/traceslo/traceslo/internal/state"
)

// A Minute is one minute of an objective.
type Minute struct {
	// At is when it begins.
	At    time.Time
	State MinuteState
	// Excluded holds if an exclusion takes the minute out of every window.
	Excluded bool
	// Events is how many events ended in it, Bad how many of these were not good.
	Events, Bad uint64
}

// A MinuteState says what is known of a minute.
type MinuteState uint8

// The states of a minute. They are never confused: nothing is known of an
// unmeasured one, and that an idle one had no event is.
const (
	Unmeasured MinuteState = iota
	Idle
	Measured
)

var minuteStates = [...]string{"unmeasured", "idle", "measured"}

// String returns the state in one word.
func (s MinuteState) String() string { return minuteStates[s] }

// History returns the minutes in [from, to) of the objective that is shown
// with these labels, in order, as of the last Publish. An unmeasured minute may
// have events: those that are known. tx is of the ledger's state file; an objective that
// is not shown is an error. It may be called at any time by any goroutine.
func (l *Ledger) History(tx *state.Tx, slo, service string, from, to time.Time) ([]Minute, error) {
	l.mu.RLock()
	v := l.view
	l.mu.RUnlock()
	s, ok := v.find(slo, service)
	if !ok {
		return nil, fmt.Errorf("no objective %q of service %q is in the ledger", slo, service)
	}
	d, err := openDays(tx)
	if err != nil {
		return nil, err
	}
	first, end := floorMinute(from), ceilMinute(to)
	excluded := minutesOf(Excluded(s.objective.Exclusions, from, to))
	out := union(l.unmeasuredOf(s.series, s.standing, first, v.clock, v.unmeasured), []minuteRange{{v.clock + 1, end}})
	minutes := make([]Minute, 0, max(0, end-first))
	var c chunk
	for m := first; m < end; m++ {
		if m == first || m%60 == 0 {
			if err := d.hour(s.series.id, m/60, &c); err != nil {
				return nil, err
			}
		}
		n := c[m%60]
		minute := Minute{At: time.Unix(m*60, 0).UTC(), State: Measured, Excluded: contains(excluded, m), Events: n.Events, Bad: n.Bad}
		switch {
		case contains(out, m):
			minute.State = Unmeasured
		case n.Events == 0:
			minute.State = Idle
		}
		minutes = append(minutes, minute)
	}
	return minutes, nil
}

// Culprits returns where the bad events of a day of UTC came from, for the
// objective that is shown with these labels. It may be called at any time by
// any goroutine, and fails as History does.
func (l *Ledger) Culprits(tx *state.Tx, slo, service string, day time.Time) (Culprits, error) {
	l.mu.RLock()
	v := l.view
	l.mu.RUnlock()
	s, ok := v.find(slo, service)
	if !ok {
		return Culprits{}, fmt.Errorf("no objective %q of service %q is in the ledger", slo, service)
	}
	d, err := openDays(tx)
	if err != nil {
		return Culprits{}, err
	}
	return d.culprits(s.series.id, floorMinute(day)/1440)
}
