package rules_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/traceslo/traceslo/slo"
)

// A ledger is a daemon's, as far as its gauges go: a scrape a minute of the
// exact counts of windows.
type ledger struct {
	objective slo.Objective
	// slo and service are the labels; those of the objective if they are empty.
	slo, service    string
	instance, shard string
	// minute returns the events, and how many were bad, of a minute, counted
	// from the first scrape; those before are negative.
	minute func(minute int) (events, bad int)
	// frozen is the scrape from which on the measuring stands still, 0 for never.
	frozen int
	// down are the scrapes that fail.
	down func(scrape int) bool
	// excluded are the scrapes while which an exclusion runs.
	excluded  func(scrape int) bool
	unmatched bool
	scrapes   int
}

// series returns the gauges in the notation of promqltest.
func (l ledger) series() []string {
	o := l.objective.With(slo.Alerting{})
	const history = 31 * 1440
	events, bad := make([]int, history+l.scrapes+1), make([]int, history+l.scrapes+1)
	for i := range events[1:] {
		e, b := l.minute(i - history)
		events[i+1], bad[i+1] = events[i]+e, bad[i]+b
	}
	windows := map[string]int{o.Window.String(): int(o.Window.Length() / time.Minute)}
	for _, w := range o.AlertWindows() {
		windows[slo.FormatWindow(w)] = int(w / time.Minute)
	}
	clock := func(scrape int) int {
		if l.frozen > 0 {
			return min(scrape, l.frozen)
		}
		return scrape
	}
	var out []string
	for label, length := range windows {
		for metric, sums := range map[string][]int{slo.WindowEvents: events, slo.WindowBadEvents: bad} {
			out = append(out, l.gauge(metric, fmt.Sprintf("window=%q", label), func(scrape int) int {
				at := history + clock(scrape)
				return sums[at] - sums[at-length]
			}))
		}
	}
	return append(out,
		l.gauge(slo.UnmeasuredSeconds, "", func(scrape int) int { return 60 * (scrape - clock(scrape)) }),
		l.gauge(slo.ExcludedMetric, "", func(scrape int) int { return truth(l.excluded != nil && l.excluded(scrape)) }),
		l.gauge(slo.UnmatchedMetric, "", func(int) int { return truth(l.unmatched) }))
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (l ledger) gauge(metric, extra string, value func(scrape int) int) string {
	name, service := l.slo, l.service
	if name == "" {
		name = l.objective.Name
	}
	if service == "" {
		service = l.objective.Service
	}
	labels := []string{fmt.Sprintf("slo=%q,service=%q,job=\"traceslo\"", name, service)}
	if l.instance != "" {
		labels = append(labels, fmt.Sprintf("instance=%q", l.instance))
	}
	if l.shard != "" {
		labels = append(labels, fmt.Sprintf("shard=%q", l.shard))
	}
	if extra != "" {
		labels = append(labels, extra)
	}
	return metric + "{" + strings.Join(labels, ",") + "} " + values(l.scrapes, l.down, value)
}

// values writes the samples of a series, and what a scrape that fails leaves.
func values(scrapes int, down func(int) bool, value func(scrape int) int) string {
	var b strings.Builder
	for i := range scrapes {
		switch {
		case down == nil || !down(i):
			fmt.Fprintf(&b, " %d", value(i))
		case i > 0 && !down(i-1):
			b.WriteString(" stale")
		default:
			b.WriteString(" _")
		}
	}
	return b.String()
}

// between holds for numbers from from on and before to.
func between(from, to int) func(int) bool { return func(n int) bool { return from <= n && n < to } }

// steady is a load of so many events a minute, of which none is bad.
func steady(events int) func(int) (int, int) { return func(int) (int, int) { return events, 0 } }

// faulty is a steady load of which, from the minute from on and before to, so
// many are bad.
func faulty(events, bad, from, to int) func(int) (int, int) {
	return func(minute int) (int, int) {
		if from <= minute && minute < to {
			return events, bad
		}
		return events, 0
	}
}
