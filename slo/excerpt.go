package slo

import (
	"fmt"
	"time"

	"github.com/traceslo/traceslo/internal/state"
)

// An Excerpt reads the pasts of many objectives within one transaction: what is
// the same for all of them is read once. It is for one goroutine.
type Excerpt struct {
	ledger *Ledger
	days   *days
	meta   meta
	// unmeasured are the minutes from since on that are so for all.
	unmeasured []minuteRange
	since      int64
	records    []Record
}

// A Record is the past of one objective, for one value if it has one for each.
type Record struct {
	// SLO and Service are the labels of its series.
	SLO, Service string
	Objective    *Objective
	// Shown is unset for a value that has had no event for long.
	Shown bool
	// series is nil if no value was ever seen of an objective for each.
	series  *series
	measure *measure
	excerpt *Excerpt
}

// Excerpt returns what tx, which is of the ledger's state file, holds from since
// on. It may be called at any time by any goroutine.
func (l *Ledger) Excerpt(tx *state.Tx, since time.Time) (*Excerpt, error) {
	l.mu.RLock()
	v := l.view
	l.mu.RUnlock()
	d, err := openDays(tx)
	if err != nil {
		return nil, err
	}
	e := &Excerpt{ledger: l, days: d, since: max(0, floorMinute(since))}
	if _, err := readMeta(tx, &e.meta); err != nil {
		return nil, err
	}
	alive, err := d.alive(platformSeries, e.since-l.silence)
	if err != nil {
		return nil, err
	}
	// Of what is older than the retention, nothing is kept.
	e.unmeasured = union(l.unmeasured(e.meta, alive, e.since), []minuteRange{{0, e.meta.Clock - l.retention}})
	seen := map[*objective]bool{}
	for i := range v.known {
		s := &v.known[i]
		seen[s.objective] = true
		e.records = append(e.records, Record{s.slo, s.service, s.objective.Objective, s.visible, s.series, s.series.measure, e})
	}
	for _, o := range l.objectives {
		if !seen[o] {
			e.records = append(e.records, Record{o.Name, o.Service, o.Objective, true, nil, o.measure, e})
		}
	}
	return e, nil
}

// Records returns the objectives: those with a series sorted by SLO and
// Service, then those of which no value was ever seen.
func (e *Excerpt) Records() []Record { return e.records }

// Upto returns the end of the last minute that windows hold, which may still be
// running; the zero time before the first complete read.
func (e *Excerpt) Upto() time.Time {
	if e.meta.Clock == 0 {
		return time.Time{}
	}
	return time.Unix((e.meta.Clock+1)*60, 0).UTC()
}

// Since returns the beginning of the first minute that was judged for the
// objective, the zero time before anything was read.
func (r Record) Since() time.Time {
	if r.excerpt.meta.Since == 0 {
		return time.Time{}
	}
	return time.Unix(max(r.measure.Born, r.excerpt.meta.Since)*60, 0).UTC()
}

// Counts appends what ended in each minute of [from, to) to counts: nothing in
// one that is excluded. It is a place for each minute, whatever the ledger has.
func (r Record) Counts(from, to time.Time, counts []Count) ([]Count, error) {
	first, end := floorMinute(from), floorMinute(to)
	excluded := minutesOf(Excluded(r.Objective.Exclusions, from, to))
	var c chunk
	for m := first; m < end; {
		stop := min(end, (floorDiv(m, 60)+1)*60)
		known := r.series != nil && m >= 0 && r.excerpt.days.existing[m/1440]
		if known && (m == first || m%1440 == 0) {
			// A day without events has 24 records less.
			total, err := r.excerpt.days.total(r.series.id, m/1440)
			if err != nil {
				return nil, err
			}
			if total.Events == 0 {
				stop, known = min(end, (m/1440+1)*1440), false
			}
		}
		if !known {
			counts = append(counts, make([]Count, stop-m)...)
			m = stop
			continue
		}
		if err := r.excerpt.days.hour(r.series.id, m/60, &c); err != nil {
			return nil, err
		}
		counts = append(counts, c[m%60:m%60+stop-m]...)
		m = stop
	}
	hours := counts[len(counts)-int(max(0, end-first)):]
	for _, x := range excluded {
		clear(hours[max(0, x.From-first):max(0, min(x.To, end)-first)])
	}
	return counts, nil
}

// floorDiv returns a/b rounded down.
func floorDiv(a, b int64) int64 {
	if a < 0 {
		return (a - b + 1) / b
	}
	return a / b
}

// Sum returns what ended in [from, to), without excluded minutes.
func (r Record) Sum(from, to time.Time) (Count, error) {
	if r.series == nil {
		return Count{}, nil
	}
	excluded := minutesOf(Excluded(r.Objective.Exclusions, from, to))
	return r.excerpt.days.sum(r.series.id, max(0, floorMinute(from)), floorMinute(to), excluded)
}

// Unmeasured returns the minutes of [from, to) that nobody can tell of, those
// after Upto among them, ascending and apart from each other. from is not before
// that of the excerpt.
func (r Record) Unmeasured(from, to time.Time) ([]Interval, error) {
	e := r.excerpt
	first, end := floorMinute(from), floorMinute(to)
	if max(0, first) < e.since {
		return nil, fmt.Errorf("the excerpt begins after %s", from.UTC().Format(time.RFC3339))
	}
	var own *minuteSet
	if r.series != nil && r.Objective.ExpectsTraffic {
		var err error
		if own, err = e.days.alive(r.series.id, first-e.ledger.silence); err != nil {
			return nil, err
		}
	}
	ranges := e.ledger.unmeasuredOf(r.measure, own, first, e.meta.Clock, e.unmeasured)
	var out []Interval
	// Before the Unix epoch, there were no spans.
	for _, x := range union(ranges, []minuteRange{{first, 0}, {e.meta.Clock + 1, end}}) {
		if x = (minuteRange{max(x.From, first), min(x.To, end)}); x.length() > 0 {
			out = append(out, Interval{time.Unix(x.From*60, 0).UTC(), time.Unix(x.To*60, 0).UTC()})
		}
	}
	return out, nil
}

// Culprits returns where the bad events of a day of UTC came from, excluded
// minutes among it.
func (r Record) Culprits(day time.Time) (Culprits, error) {
	if r.series == nil {
		return Culprits{}, nil
	}
	return r.excerpt.days.culprits(r.series.id, floorMinute(day)/1440)
}
