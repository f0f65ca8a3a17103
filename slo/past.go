package slo

import (
	"fmt"
	"time"

	"github.com/traceslo/traceslo/internal/state"
)

// Sums returns the counts of an objective between each edge and the next,
// without excluded minutes. Edges are ascending; seconds of them are cut off.
// Whole days of UTC cost little, other hours more. It may be called at any time
// by any goroutine, and fails as History does.
func (l *Ledger) Sums(tx *state.Tx, slo, service string, edges []time.Time) ([]Count, error) {
	s, d, err := l.past(tx, slo, service)
	if err != nil || len(edges) == 0 {
		return nil, err
	}
	minutes := make([]int64, len(edges))
	for i, edge := range edges {
		minutes[i] = max(0, floorMinute(edge))
	}
	excluded := minutesOf(Excluded(s.objective.Exclusions, edges[0], edges[len(edges)-1]))
	sums := make([]Count, len(edges)-1)
	for i := range sums {
		if sums[i], err = d.sum(s.series.id, minutes[i], minutes[i+1], excluded); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// Unmeasured returns the minutes in [from, to) of which nobody can tell whether
// events of the objective were good, those after the ledger's clock among them;
// ascending and apart from each other. It may be called at any time by any
// goroutine, and fails as History does.
func (l *Ledger) Unmeasured(tx *state.Tx, slo, service string, from, to time.Time) ([]Interval, error) {
	s, d, err := l.past(tx, slo, service)
	if err != nil {
		return nil, err
	}
	var m meta
	if _, err := readMeta(tx, &m); err != nil {
		return nil, err
	}
	first, end := max(0, floorMinute(from)), ceilMinute(to)
	ranges, err := l.unmeasuredIn(d, s, m, first)
	if err != nil {
		return nil, err
	}
	var out []Interval
	// Of what is older than the retention, nothing is kept.
	for _, r := range union(ranges, []minuteRange{{0, m.Clock - l.retention}, {m.Clock + 1, end}}) {
		if r = (minuteRange{max(r.From, first), min(r.To, end)}); r.length() > 0 {
			out = append(out, Interval{time.Unix(r.From*60, 0).UTC(), time.Unix(r.To*60, 0).UTC()})
		}
	}
	return out, nil
}

// past returns the series that is shown with these labels, and the days of the ledger.
func (l *Ledger) past(tx *state.Tx, slo, service string) (*shown, *days, error) {
	l.mu.RLock()
	v := l.view
	l.mu.RUnlock()
	s, ok := v.find(slo, service)
	if !ok {
		return nil, nil, fmt.Errorf("no objective %q of service %q is in the ledger", slo, service)
	}
	d, err := openDays(tx)
	return s, d, err
}
