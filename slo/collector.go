package slo

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A collector exposes a ledger. What it says of windows is of the last commit;
// what is of the present moment it works out when it is asked.
type collector struct {
	ledger, whole func() *Ledger
	now           func() time.Time
}

// NewCollector returns a collector of the ledger that the function returns at
// the time of the scrape, which may be nil. Of one that shares the events with
// others, the ledger of all together, if whole is given and returns one, says what does not
// add up: what is left of budgets, and how much was measured.
func NewCollector(ledger, whole func() *Ledger) prometheus.Collector {
	if whole == nil {
		whole = func() *Ledger { return nil }
	}
	return collector{ledger, whole, time.Now}
}

var (
	ids = []string{SLOLabel, ServiceLabel}

	eventsDesc     = desc(EventsMetric, "Events of the objective, in order of arrival.", ids...)
	badEventsDesc  = desc(BadEventsMetric, "Events of the objective that were not good, in order of arrival.", ids...)
	windowDesc     = desc(WindowEvents, "Events that ended within the window, which is its whole minutes before the ledger's clock and the running one, excluded minutes left out.", append(ids, WindowLabel)...)
	windowBadDesc  = desc(WindowBadEvents, "Events that ended within the window, as in traceslo_slo_window_events, and were not good.", append(ids, WindowLabel)...)
	objectiveDesc  = desc(ObjectiveRatio, "The part of the events that is to be good.", ids...)
	remainingDesc  = desc(BudgetRemaining, "The part of the error budget of the objective's window that is left, below 0 when it is overspent; absent without events.", ids...)
	exhaustionDesc = desc(BudgetExhaustion, "Seconds until the error budget is spent if it burns on as in the longest window that pages; +Inf if it does not burn; absent without events.", ids...)
	coverageDesc   = desc(CoverageRatio, "The part of the objective's window that was measured, excluded minutes left out.", ids...)
	elapsedDesc    = desc(ElapsedRatio, "The part of the whole window of the objective, of a calendar period up to its end, that has passed since the objective was measured first.", ids...)
	excludedDesc   = desc(ExcludedMetric, "1 while an exclusion of the objective runs, else 0.", ids...)
	unmeasuredDesc = desc(UnmeasuredSeconds, "Seconds since the time up to which all is measured; windows end there.", ids...)
	unmatchedDesc  = desc(UnmatchedMetric, "1 if no span has matched the objective for a day or longer since it was measured first, else 0.", ids...)
	clockDesc      = desc("traceslo_slo_clock_timestamp_seconds", "Unix time of the last minute that windows hold; 0 before the first complete read.")
	unplacedDesc   = desc("traceslo_slo_unplaced_spans_total", "Spans that ended in no minute that the ledger keeps, by reason: future (more than an hour ahead) or retention (older than slo_retention).", "reason")
	restartsDesc   = desc("traceslo_slo_restarts_total", "Changes of an objective's SLI, with which its ledger began anew.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements prometheus.Collector. InfoMetric has other labels for
// each objective, so that the collector is an unchecked one.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	l := c.ledger()
	if l == nil {
		return
	}
	l.mu.RLock()
	v := l.view
	l.mu.RUnlock()
	now := c.now()
	heldSince := l.heldSince(now)
	// Once: it may come to be, or go away, while this collects.
	whole := c.whole()
	for i := range v.known {
		s := &v.known[i]
		if !s.visible {
			continue
		}
		s.collect(ch, now, v.upto, heldSince)
		if !l.shared {
			s.collectBudget(ch)
			s.collectTime(ch)
		} else if whole == nil {
			// What is left of a part of a budget says nothing.
			s.collectTime(ch)
		}
	}
	if l.shared && whole != nil {
		whole.mu.RLock()
		known := whole.view.known
		whole.mu.RUnlock()
		for i := range known {
			if known[i].visible {
				known[i].collectBudget(ch)
				known[i].collectTime(ch)
			}
		}
	}
	for _, o := range v.unmatched {
		ch <- gauge(unmatchedDesc, 1, o.Name, o.Service)
	}
	ch <- gauge(clockDesc, float64(v.clock*60))
	ch <- counter(unplacedDesc, v.unplaced.Future, "future")
	ch <- counter(unplacedDesc, v.unplaced.Retention, "retention")
	ch <- counter(restartsDesc, v.restarts)
}

func gauge(d *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func counter(d *prometheus.Desc, value uint64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

// heldSince returns since when a series must have been created, in milliseconds,
// to be shown at 0 still. It never goes back, when the machine's time does or
// when new_series_hold grows: a counter that was shown at 1 and is shown at 0
// would count again.
func (l *Ledger) heldSince(now time.Time) int64 {
	for {
		before := l.shownUpto.Load()
		upto := max(before, now.Add(-l.hold).UnixMilli())
		if l.shownUpto.CompareAndSwap(before, upto) {
			return upto
		}
	}
}

func (s *shown) collect(ch chan<- prometheus.Metric, now, upto time.Time, heldSince int64) {
	o, at := s.objective, s.standing
	id := []string{s.slo, s.service}
	total := at.total
	if !s.created.IsZero() && s.created.UnixMilli() > heldSince {
		// As sli has it: rate() sees the first event only after a 0.
		total = Count{}
	}
	ch <- counter(eventsDesc, total.Events, id...)
	ch <- counter(badEventsDesc, total.Bad, id...)
	for i, w := range o.windows {
		ch <- gauge(windowDesc, float64(at.windows[i].Events), s.slo, s.service, w.label)
		ch <- gauge(windowBadDesc, float64(at.windows[i].Bad), s.slo, s.service, w.label)
	}
	ch <- gauge(objectiveDesc, o.Target.Float(), id...)
	ch <- gauge(excludedDesc, truth(o.excludedNow(now)), id...)
	ch <- gauge(unmeasuredDesc, max(0, now.Sub(upto).Seconds()), id...)
	ch <- gauge(unmatchedDesc, truth(s.unmatched), id...)
	ch <- o.info(s.slo, s.service)
}

// collectBudget collects what does not add up: it is told of all readers
// together, or not at all.
func (s *shown) collectBudget(ch chan<- prometheus.Metric) {
	o, at := s.objective, s.standing
	own := at.windows[o.own]
	if own.Events == 0 {
		return
	}
	left := own.Remaining(o.Target)
	ch <- gauge(remainingDesc, left, s.slo, s.service)
	if o.current >= 0 {
		ch <- gauge(exhaustionDesc, exhaustion(left, at.windows[o.current].BurnRate(o.Target), s.period), s.slo, s.service)
	}
}

// collectTime collects how much of the window was measured, and has passed.
func (s *shown) collectTime(ch chan<- prometheus.Metric) {
	if at := s.standing; at.elapsed > 0 {
		ch <- gauge(coverageDesc, float64(at.measured)/float64(at.elapsed), s.slo, s.service)
	}
	ch <- gauge(elapsedDesc, s.elapsed, s.slo, s.service)
}

// info returns InfoMetric, which alone has the user's labels.
func (o *objective) info(slo, service string) prometheus.Metric {
	labels := prometheus.Labels{}
	for name, value := range o.Labels {
		labels[name] = value
	}
	d := prometheus.NewDesc(InfoMetric, "1; its labels say what the objective is.",
		append(ids, WindowLabel, "target", "description"), labels)
	return gauge(d, 1, slo, service, o.windows[o.own].label, o.Target.Ratio(), o.Description)
}

// excludedNow tells whether an exclusion runs at a time.
func (o *objective) excludedNow(at time.Time) bool {
	for _, x := range o.Exclusions {
		if x.Covers(at) {
			return true
		}
	}
	return false
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// exhaustion returns after how many seconds a budget is spent of which the part
// left is left, at a burn rate of which 1 spends all of it in the period.
func exhaustion(left, burnRate float64, period time.Duration) float64 {
	switch {
	case left <= 0:
		return 0
	case burnRate == 0:
		return math.Inf(1)
	}
	return left * period.Seconds() / burnRate
}
