package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
)

// A matched is what the events of each objective add up to, by value for those
// that are one for each, where there is no ledger to keep them.
type matched struct {
	objectives []slo.Objective
	counts     []map[string]slo.Count
}

func newMatched(objectives []slo.Objective) matched {
	m := matched{objectives: objectives}
	for _, o := range objectives {
		counts := map[string]slo.Count{}
		if o.ForEach == "" {
			counts[""] = slo.Count{} // there from the start
		}
		m.counts = append(m.counts, counts)
	}
	return m
}

// add adds an event count of one of the objectives.
func (m matched) add(n sli.MinuteCount) {
	c := m.counts[n.Measure][n.Value]
	m.counts[n.Measure][n.Value] = slo.Count{Events: c.Events + n.Events, Bad: c.Bad + n.Bad}
}

// commit hands what was judged to take, and makes the recorder, which has no
// state file, forget the rest.
func commit(r *sli.Recorder, take func(sli.MinuteCount)) error {
	for n := range r.Minutes() {
		if n.Measure != sli.Platform {
			take(n)
		}
	}
	if err := r.Save(nil, time.Now(), time.Time{}); err != nil {
		return err
	}
	r.Publish()
	return nil
}

var (
	matchedEvents = prometheus.NewDesc(slo.EventsMetric, "Events of the objective, in order of arrival.", []string{slo.SLOLabel, slo.ServiceLabel}, nil)
	matchedBad    = prometheus.NewDesc(slo.BadEventsMetric, "Events of the objective that were not good, in order of arrival.", []string{slo.SLOLabel, slo.ServiceLabel}, nil)
)

// Describe implements prometheus.Collector.
func (m matched) Describe(ch chan<- *prometheus.Desc) { ch <- matchedEvents; ch <- matchedBad }

// Collect implements prometheus.Collector.
func (m matched) Collect(ch chan<- prometheus.Metric) {
	for i := range m.objectives {
		for value, c := range m.counts[i] {
			name, service := m.objectives[i].SeriesLabels(value)
			ch <- prometheus.MustNewConstMetric(matchedEvents, prometheus.CounterValue, float64(c.Events), name, service)
			ch <- prometheus.MustNewConstMetric(matchedBad, prometheus.CounterValue, float64(c.Bad), name, service)
		}
	}
}
