package rules

import (
	"fmt"
	"strings"
	"time"

	"github.com/traceslo/traceslo/slo"
)

// escaped are templates of labels whose values come from spans. What urlquery
// writes for a space is one only in a query, so that it is rewritten: the
// result is safe in a path and in a query. Both functions are known to every
// version of Prometheus.
const (
	escapedSLO     = "{{ $labels.slo | urlquery | reReplaceAll `[+]` `%20` }}"
	escapedService = "{{ $labels.service | urlquery | reReplaceAll `[+]` `%20` }}"
)

// statusLink leads to the objective on traceslo's own page.
func (m *maker) statusLink(o *slo.Objective) string {
	if m.links.Status == "" {
		return ""
	}
	link := base(m.links.Status) + "/slo/" + escapedSLO
	if o.Service == "" {
		// The name is that of one objective for each service.
		link += "?service=" + escapedService
	}
	return link
}

// runbookLink puts the alert's objective into the user's URL.
func runbookLink(link string) string {
	return strings.NewReplacer("{slo}", escapedSLO, "{service}", escapedService, "{", `{{"{"}}`).Replace(link)
}

// tracesLink leads to Jaeger's search for what an objective calls bad.
func (m *maker) tracesLink(o *slo.Objective, lookback time.Duration) string {
	start, end := times(lookback)
	return m.jaeger().BadTraces(o, escapedService, start, end)
}

func (m *maker) slowTraces(threshold, lookback time.Duration) string {
	start, end := times(lookback)
	return m.jaeger().SlowTraces(threshold, escapedService, start, end)
}

func (m *maker) failedTraces(lookback time.Duration) string {
	start, end := times(lookback)
	return m.jaeger().FailedTraces(escapedService, start, end)
}

// jaeger returns the links to Jaeger, as a template has them.
func (m *maker) jaeger() slo.Links { return slo.Links{Jaeger: literal(m.links.Jaeger)} }

// times are the beginning and the end of a lookback, in microseconds. They are
// those of the alert, so that a link shows the same traces the next day.
func times(lookback time.Duration) (start, end string) {
	at := func(query string) string {
		return fmt.Sprintf("{{ query `vector(%s)` | first | value | printf `%%.0f` }}000000", query)
	}
	return at(fmt.Sprintf("time() - %s", seconds(lookback))), at("time()")
}

// base returns a URL that a path can be put after.
func base(link string) string { return literal(strings.TrimSuffix(link, "/")) }
