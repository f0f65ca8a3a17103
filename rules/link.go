package rules

import (
	"fmt"
	"net/url"
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

// tracesLink leads to Jaeger's search for what an objective calls bad: traces
// that are slow where a duration decides, and failed ones where none does.
func (m *maker) tracesLink(o *slo.Objective, lookback time.Duration) string {
	if bounds := o.SLI.Bounds(); len(bounds) > 0 {
		return m.slowTraces(bounds[0], lookback)
	}
	return m.failedTraces(lookback)
}

func (m *maker) slowTraces(threshold, lookback time.Duration) string {
	return m.search("minDuration="+url.QueryEscape(threshold.String()), lookback)
}

func (m *maker) failedTraces(lookback time.Duration) string {
	return m.search("tags="+url.QueryEscape(`{"error":"true"}`), lookback)
}

// search leads to Jaeger's search within the alert's service. The times are
// those of the alert, in microseconds, so that the link shows the same traces
// the next day. Most versions of Jaeger read no other time from a link.
func (m *maker) search(condition string, lookback time.Duration) string {
	if m.links.Jaeger == "" {
		return ""
	}
	at := func(query string) string {
		return fmt.Sprintf("{{ query `vector(%s)` | first | value | printf `%%.0f` }}000000", query)
	}
	return fmt.Sprintf("%s/search?service=%s&%s&limit=20&lookback=custom&start=%s&end=%s",
		base(m.links.Jaeger), escapedService, condition, at(fmt.Sprintf("time() - %s", seconds(lookback))), at("time()"))
}

// base returns a URL that a path can be put after.
func base(link string) string { return literal(strings.TrimSuffix(link, "/")) }
