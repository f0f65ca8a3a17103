package slo

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A view is what a scrape sees. It is never changed.
type view struct {
	// upto is the time up to which all is known.
	upto  time.Time
	clock int64
	// known are the series of the objectives, sorted; of those for each value
	// also those that are not shown any more.
	known    []shown
	unplaced unplaced
	restarts uint64
	// unmatched are the objectives for each value of something that saw no value.
	unmatched []*objective
}

// A shown is a series as a scrape sees it.
type shown struct {
	series       *series
	objective    *objective
	slo, service string
	standing     *standing
	created      time.Time
	unmatched    bool
	// visible is unset for a value without events for long.
	visible bool
	// elapsed is the part of the whole window that has passed since the
	// objective was measured first.
	elapsed float64
	// period is the length of the objective's own window, which for a calendar
	// period is that of the running one.
	period time.Duration
	// The own window is the minutes in [from, to), as far as the clock came.
	from, to int64
}

// find returns the series that is shown with these labels.
func (v *view) find(slo, service string) (*shown, bool) {
	i, ok := slices.BinarySearchFunc(v.known, shown{slo: slo, service: service}, compareShown)
	if !ok {
		return nil, false
	}
	return &v.known[i], true
}

func compareShown(a, b shown) int {
	return cmp.Or(strings.Compare(a.slo, b.slo), strings.Compare(a.service, b.service))
}

// unmatchedAfter is after how many minutes an objective that no event matched is said to match nothing.
const unmatchedAfter = 1440

// publish makes what is committed visible. A zero upto leaves that as it was.
func (l *Ledger) publish(upto time.Time) {
	v := &view{upto: upto, clock: l.meta.Clock, unplaced: l.meta.Unplaced, restarts: l.meta.Restarts}
	if upto.IsZero() {
		v.upto = l.view.upto
	}
	seen := map[*objective]bool{}
	for _, o := range l.objectives {
		o.active = 0
	}
	for _, s := range l.byID {
		if s.objective == nil {
			continue
		}
		if s.visible = s.shown(l.meta.Clock); s.visible {
			seen[s.objective] = true
			if s.value != other {
				s.objective.active++
			}
		}
		name, service := s.objective.SeriesLabels(s.value)
		var from, to int64
		if l.meta.Clock > 0 {
			from, to = s.objective.first(s.objective.windows[s.objective.own], l.meta.Clock), l.meta.Clock+1
		}
		v.known = append(v.known, shown{from: from, to: to, series: s, visible: s.visible, objective: s.objective, slo: name, service: service, standing: s.standing, created: s.created,
			unmatched: s.standing.total.Events == 0 && l.overdue(s.objective), period: l.period(s.objective), elapsed: l.elapsed(s.objective)})
	}
	slices.SortFunc(v.known, compareShown)
	for _, o := range l.objectives {
		if o.ForEach != "" && !seen[o] && l.overdue(o) {
			v.unmatched = append(v.unmatched, o)
		}
	}
	l.tellUnmatched(v)
	l.mu.Lock()
	l.view = v
	l.mu.Unlock()
}

// overdue holds if the objective had time enough to see an event.
func (l *Ledger) overdue(o *objective) bool {
	return l.meta.Clock > 0 && l.meta.Clock-max(o.measure.Born, l.meta.Since) >= unmatchedAfter
}

func (l *Ledger) period(o *objective) time.Duration {
	if o.Window.Rolling > 0 || l.meta.Clock == 0 {
		return o.Window.Length()
	}
	o.first(o.windows[o.own], l.meta.Clock)
	return time.Duration(o.period.length()) * time.Minute
}

// elapsed returns which part of an objective's own window has passed since the
// objective was measured first. A calendar period ends in the future.
func (l *Ledger) elapsed(o *objective) float64 {
	if l.meta.Clock == 0 {
		return 0
	}
	first := o.first(o.windows[o.own], l.meta.Clock)
	passed := max(0, l.meta.Clock+1-max(first, o.measure.Born, l.meta.Since))
	whole := l.meta.Clock + 1 - first
	if o.Window.Rolling == 0 {
		whole = o.period.length()
	}
	return float64(passed) / float64(whole)
}

// tellUnmatched logs, once, which objectives no event matches.
func (l *Ledger) tellUnmatched(v *view) {
	tell := func(o *objective) {
		// What matches may well be others'.
		if !l.told[o] && !l.shared {
			l.told[o] = true
			l.log.Warn().Str("slo", o.Name).Msg("no span has matched this objective for a day or longer; see `traceslo check --live` for what it would match")
		}
	}
	for _, s := range v.known {
		if s.unmatched {
			tell(s.objective)
		}
	}
	for _, o := range v.unmatched {
		tell(o)
	}
}
