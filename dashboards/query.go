package dashboards

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/traceslo/traceslo/slo"
)

// The times that Grafana puts into a query: four scrapes or more, and all that
// the board shows (https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/).
const (
	rateInterval = "$__rate_interval"
	wholeRange   = "$__range"
)

// anyOf matches the values that are chosen of a variable, and oneOf its only
// value. Names of services, operations and objectives come from spans: in
// backquotes, where nothing is escaped, a quote or a backslash in them ends
// nothing. Grafana's own escaping leaves out double quotes.
func anyOf(label, variable string) string { return fmt.Sprintf("%s=~`${%s:regex}`", label, variable) }
func oneOf(label, variable string) string { return fmt.Sprintf("%s=`${%s:raw}`", label, variable) }

// oneOfAll matches exactly the given texts. Grafana sees no variable in them: a
// dollar is written otherwise, and brackets are escaped.
func oneOfAll(label string, texts []string) string {
	patterns := make([]string, len(texts))
	for i, t := range texts {
		patterns[i] = regexp.QuoteMeta(t)
	}
	return label + "=~" + strings.ReplaceAll(strconv.Quote(strings.Join(patterns, "|")), "$", `\x24`)
}

// of returns a selector.
func of(metric string, matchers ...string) string {
	if len(matchers) == 0 {
		return metric
	}
	return metric + "{" + strings.Join(matchers, ", ") + "}"
}

func over(selector, window string) string { return selector + "[" + window + "]" }

func by(labels ...string) string { return "by (" + strings.Join(labels, ", ") + ")" }

// lines puts each part on a line of its own.
func lines(parts ...string) string { return strings.Join(parts, "\n") }

func indent(expr string) string { return "  " + strings.ReplaceAll(expr, "\n", "\n  ") }

// wrap returns a function, or an aggregation, of an expression.
func wrap(function, expr string) string { return function + " (\n" + indent(expr) + "\n)" }

// sum adds up; a group has the labels alone that are given.
func sum(expr string, labels ...string) string {
	if len(labels) == 0 {
		return wrap("sum", expr)
	}
	return wrap("sum "+by(labels...), expr)
}

// readers leaves one of several that read the same: the one ahead.
func readers(expr string) string { return wrap("max without (instance, pod)", expr) }

// settled leaves out what is of a daemon that has not come to the end of what is
// stored since it was started. It counts the past in a moment then, and a rate
// would tell of that moment.
func settled(expr string) string {
	return lines(expr, "unless on (instance)", "min_over_time("+over(completeMetric, rateInterval)+") == 0")
}

// The spans that a service was asked for: clients and internals would dilute
// them, and nothing tells roots apart.
const served = kindLabel + `=~"server|consumer"`

// A scope is the spans that a panel looks at.
type scope []string

// with returns a narrower scope.
func (s scope) with(matchers ...string) scope { return append(s[:len(s):len(s)], matchers...) }

// counted is the rate of a counter of spans.
func (s scope) counted(metric string, labels ...string) string {
	return s.countedAt("", metric, labels...)
}

// countedAt is counted, at a time in the past such as " offset 1w".
func (s scope) countedAt(offset, metric string, labels ...string) string {
	rate := "rate(" + over(of(metric, s...), rateInterval) + offset + ")"
	if offset == "" {
		rate = settled(rate)
	}
	return sum(readers(rate), labels...)
}

// total is how much a counter of spans has grown within what the board shows.
func (s scope) total(metric string, labels ...string) string {
	return sum(readers("increase("+over(of(metric, s...), wholeRange)+")"), labels...)
}

// failing is the part of the spans that failed; what never failed has no series
// of errors, and without spans there is no ratio.
func failing(failed, all string) string {
	return lines("(", indent(lines(failed, "or", "0 * "+all)), ")", "/", "("+all+" > 0)")
}

// durations is the rate of the histogram that the board's variable names: the
// native one, or the buckets of the classic one, which have the label le.
// Several that read the same weigh the same.
func (s scope) durations(labels ...string) string { return s.durationsAt("", labels...) }

func (s scope) durationsAt(offset string, labels ...string) string {
	rate := "rate(" + over(of("${"+histogramVariable+"}", s...), rateInterval) + offset + ")"
	if offset == "" {
		rate = settled(rate)
	}
	return sum(rate, append(labels[:len(labels):len(labels)], "le")...)
}

// allDurations are those within what the board shows.
func (s scope) allDurations(labels ...string) string {
	return sum("increase("+over(of("${"+histogramVariable+"}", s...), wholeRange)+")", append(labels[:len(labels):len(labels)], "le")...)
}

func quantile(q, histogram string) string { return wrap("histogram_quantile", q+",\n"+histogram) }

// identity is what tells objectives apart.
const identity = slo.SLOLabel + ", " + slo.ServiceLabel

// each leaves one series for an objective, with no other label.
func each(expr string) string { return wrap("max by ("+identity+")", expr) }

// ofReaders is a gauge of the ledger, of all readers together: the best of those
// that read the same, and of shards the worst.
func ofReaders(worst, best, metric string, matchers ...string) string {
	return wrap(worst+" by ("+identity+")", wrap(best+" by ("+identity+", "+slo.ShardLabel+")", of(metric, matchers...)))
}
