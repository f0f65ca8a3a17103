package dashboards

import (
	"github.com/traceslo/traceslo/slo"
)

// overview returns the board of all services. Its title is the one that the
// platform knows it by.
func (m *maker) overview() *board {
	b := m.board(overviewUID, "Distributed Tracing Overview",
		"How all services do, by the spans that Jaeger has stored: what they were asked for (server and consumer spans), how long that took, and what failed.", "now-1h")
	b.variables(datasources(),
		choice(serviceVariable, "Service", "Services to look at.", slo.SpansMetric, slo.ServiceLabel, true),
		histograms(), filters())
	b.catchingUp()

	all := scope{anyOf(slo.ServiceLabel, serviceVariable)}
	s := all.with(served)
	const service = slo.ServiceLabel
	toService := toBoard("The service", serviceUID, serviceVariable, inLine(service))
	rate, failed := s.counted(slo.SpansMetric), s.counted(slo.ErrorsMetric)

	b.row("How is the platform now?", 4,
		figure("Requests", "Server and consumer spans that end in a second, of all services chosen. A request that passes three services counts three times.",
			perSecond, 6, steps(blue), query{rate, ""}),
		figure("Failed", "The part of the server and consumer spans that failed: their error tag is true, or their OpenTelemetry status is ERROR.",
			ratio, 6, errorSteps(), query{failing(failed, rate), ""}),
		figure("95% are faster than", "The 95th percentile of the durations of all server and consumer spans.",
			seconds, 6, steps(blue), query{quantile("0.95", s.durations()), ""}),
		figure("Services", "Services that sent a server or consumer span.",
			count, 6, steps(blue), query{"count(" + s.counted(slo.SpansMetric, service) + " > 0)", ""}))

	b.row("How much is asked of which service?", 9,
		graph("Requests by service", "Server and consumer spans that end in a second. There is a gap where traceslo catches up after a start: it counts the past in a moment then.",
			perSecond, 12, query{s.counted(slo.SpansMetric, service), "{{service}}"}).stacked().link(toService),
		graph("Spans by kind", "All spans that end in a second: internal and client spans besides those that a service was asked for.",
			spansRate, 12, query{all.counted(slo.SpansMetric, kindLabel), "{{span_kind}}"}).stacked())

	latency := func(title, q, text string) *panel {
		return graph(title, "The "+text+" of the durations of server and consumer spans. A point is a single span; with exemplarTraceIdDestinations in the datasource it leads to its trace in Jaeger.",
			seconds, 8, query{quantile(q, s.durations(service)), "{{service}}"}).exemplars().link(toService)
	}
	b.row("How long do the services take?", 9,
		latency("Half are faster: p50", "0.5", "median"),
		latency("95% are faster: p95", "0.95", "95th percentile"),
		latency("99% are faster: p99", "0.99", "99th percentile"),
		heat("All durations", "How many server and consumer spans took how long. From the native histogram the cells are fine; from the classic one they are the bounds of sli.buckets.",
			24, query{s.durations(), "{{le}}"}).exemplars())

	b.row("What fails?", 9,
		graph("Failed by service", "The part of the server and consumer spans that failed. The lines are at 1% and 5%; TraceErrorRate fires above 5% unless it was told otherwise.",
			ratio, 12, query{failing(s.counted(slo.ErrorsMetric, service), s.counted(slo.SpansMetric, service)), "{{service}}"}).bounded(errorSteps()).link(toService),
		graph("Failures by type", "Failed server and consumer spans in a second, by error_type: error.type, the type of the first exception, an HTTP status from 400 on or a gRPC status.",
			spansRate, 12, query{s.counted(slo.ErrorsMetric, errorLabel), "{{error_type}}"}).stacked())

	b.row("Which operations are slow, and which fail?", 10, m.slowest(s), m.mostFailing(s))
	return b
}

// operationKeys tell the rows of tables of operations apart.
var operationKeys = []string{slo.ServiceLabel, operationLabel, kindLabel}

// slowest returns a table of the operations that took longest.
func (m *maker) slowest(s scope) *panel {
	top := "topk(20, " + quantile("0.95", s.allDurations(operationKeys...)) + ")"
	only := func(expr string) string {
		return lines(expr, "and on ("+slo.ServiceLabel+", "+operationLabel+", "+kindLabel+")", top)
	}
	return m.operations(grid("Slowest operations", "The 20 operations whose 95th percentile was the highest in the time shown.", 12, operationKeys, []column{
		{title: "p95", unit: seconds, expr: top},
		{title: "p50", unit: seconds, expr: only(quantile("0.5", s.allDurations(operationKeys...)))},
		{title: "Requests", unit: count, expr: only(s.total(slo.SpansMetric, operationKeys...))},
	}, descending("p95")), false)
}

// mostFailing returns a table of the operations that failed most often.
func (m *maker) mostFailing(s scope) *panel {
	failed, all := s.total(slo.ErrorsMetric, operationKeys...), s.total(slo.SpansMetric, operationKeys...)
	return m.operations(grid("Most failures", "The 20 operations that failed most often in the time shown. What never failed is not among them.", 12, operationKeys, []column{
		{title: "Failures", unit: count, expr: "topk(20, " + failed + ")"},
		{title: "Failed", unit: ratio, expr: lines("topk(20, "+failed+")", "/", "("+all+" > 0)"), thresholds: errorSteps()},
	}, descending("Failures")), true)
}

// operations makes links of the services and operations of a table.
func (m *maker) operations(p *panel, failed bool) *panel {
	p.linked(slo.ServiceLabel, toBoard("The service", serviceUID, serviceVariable, cell(slo.ServiceLabel)))
	if traces := m.toTraces("Traces in Jaeger", cell(slo.ServiceLabel), cell(operationLabel), failed); traces != nil {
		p.linked(operationLabel, traces...)
	}
	return p
}

// catchingUp marks the times at which rates tell of the past.
func (b *board) catchingUp() {
	b.mark("Catching up", grey, "max(max_over_time("+over(slo.CatchingUpMetric, rateInterval)+")) == 1",
		"Catching up", "There are stored spans that are not counted yet: rates may tell of the past, and objectives of a part.", "")
}
