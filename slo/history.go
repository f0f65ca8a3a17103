package slo

import (
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
// with these labels, in order. An unmeasured minute may
// have events: those that are known. What is older than the retention, or more than a day
// ahead of the clock, is left out. tx is of the ledger's state file, and tells how
// far it came; an objective that is not in the ledger is an error. It may be
// called at any time by any goroutine.
func (l *Ledger) History(tx *state.Tx, slo, service string, from, to time.Time) ([]Minute, error) {
	s, d, err := l.past(tx, slo, service)
	if err != nil {
		return nil, err
	}
	// What the transaction holds, which may be older or newer than the view.
	var m meta
	if _, err := readMeta(tx, &m); err != nil {
		return nil, err
	}
	first, end := max(floorMinute(from), m.Clock-l.retention, 0), min(ceilMinute(to), m.Clock+1440)
	out, err := l.unmeasuredIn(d, s, m, first)
	if err != nil {
		return nil, err
	}
	out = union(out, []minuteRange{{m.Clock + 1, end}})
	excluded := minutesOf(Excluded(s.objective.Exclusions, from, to))
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

// unmeasuredIn returns the minutes from first on that are unmeasured for a series.
func (l *Ledger) unmeasuredIn(d *days, s *shown, m meta, first int64) ([]minuteRange, error) {
	since := first - l.silence
	alive, err := d.alive(platformSeries, since)
	if err != nil {
		return nil, err
	}
	var own *minuteSet
	if s.objective.ExpectsTraffic {
		if own, err = d.alive(s.series.id, since); err != nil {
			return nil, err
		}
	}
	return l.unmeasuredOf(s.series.measure, own, first, m.Clock, l.unmeasured(m, alive, first)), nil
}

// Culprits returns where the bad events of a day of UTC came from, for the
// objective that is shown with these labels. It may be called at any time by
// any goroutine, and fails as History does.
func (l *Ledger) Culprits(tx *state.Tx, slo, service string, day time.Time) (Culprits, error) {
	s, d, err := l.past(tx, slo, service)
	if err != nil {
		return Culprits{}, err
	}
	return d.culprits(s.series.id, floorMinute(day)/1440)
}
