package dashboards

import "github.com/traceslo/traceslo/slo"

// service returns the board of one service.
func (m *maker) service() *board {
	b := m.board(serviceUID, "Service",
		"What one service was asked for, what it asked of others, how long that took and what failed, by operation and kind of span.", "now-1h")
	own := oneOf(slo.ServiceLabel, serviceVariable)
	b.variables(datasources(),
		choice(serviceVariable, "Service", "The service to look at.", slo.SpansMetric, slo.ServiceLabel, false),
		choice(kindVariable, "Kind", "Kinds of spans, in the rows that show all kinds.", of(slo.SpansMetric, own), kindLabel, true),
		choice(operationVariable, "Operation", "Operations to look at.", of(slo.SpansMetric, own), operationLabel, true),
		histograms(), filters())
	b.dashboard.Links = append(b.dashboard.Links, m.toTraces("Traces of the service", chosen(serviceVariable), "", false)...)
	b.catchingUp()

	all := scope{own, anyOf(operationLabel, operationVariable)}
	m.serviceNow(b, all.with(served))
	m.serviceOperations(b, all)
	m.serviceFailures(b, all)
	m.serviceDependencies(b, all.with(kindLabel+`=~"client|producer"`))
	m.serviceLastWeek(b, all.with(served))
	return b
}

func (m *maker) serviceNow(b *board, s scope) {
	rate, failed := s.counted(slo.SpansMetric), s.counted(slo.ErrorsMetric)
	objectives := each(of(slo.RemainingRecord, oneOf(slo.ServiceLabel, serviceVariable)))
	b.row("Is it well?", 5,
		figure("Requests", "Server and consumer spans of the service that end in a second.", perSecond, 4, steps(blue), query{rate, ""}),
		figure("Failed", "The part of its server and consumer spans that failed.", ratio, 4, errorSteps(), query{failing(failed, rate), ""}),
		figure("95% are faster than", "The 95th percentile of the durations of its server and consumer spans.", seconds, 4, steps(blue), query{quantile("0.95", s.durations()), ""}),
		figure("Budgets left", "What is left of the error budget of each objective of the service; below 0 it is overspent. Empty if the service has no objective.",
			ratio, 12, budgetSteps(), query{objectives, "{{slo}}"}).still().
			link(toBoard("The objective", objectiveUID, serviceVariable, inLine(slo.ServiceLabel), sloVariable, inLine(slo.SLOLabel))))
}

func (m *maker) serviceOperations(b *board, all scope) {
	s := all.with(served)
	traces := m.toTraces("Traces in Jaeger", chosen(serviceVariable), inLine(operationLabel), false)
	keys := []string{operationLabel, kindLabel}
	chosenKinds := all.with(anyOf(kindLabel, kindVariable))
	failed, total := chosenKinds.total(slo.ErrorsMetric, keys...), chosenKinds.total(slo.SpansMetric, keys...)
	table := grid("All operations and kinds", "Rate, errors and durations of each operation in the time shown, of the kinds chosen: also of what it asks of others and does inside.",
		24, keys, []column{
			{title: "Spans", unit: count, expr: total},
			{title: "Failures", unit: count, expr: lines(failed, "or", "0 * "+total)},
			{title: "Failed", unit: ratio, expr: failing(failed, total), thresholds: errorSteps()},
			{title: "p50", unit: seconds, expr: quantile("0.5", chosenKinds.allDurations(keys...))},
			{title: "p95", unit: seconds, expr: quantile("0.95", chosenKinds.allDurations(keys...))},
			{title: "p99", unit: seconds, expr: quantile("0.99", chosenKinds.allDurations(keys...))},
		}, descending("Spans"))
	if inRow := m.toTraces("Traces in Jaeger", chosen(serviceVariable), cell(operationLabel), false); inRow != nil {
		table.linked(operationLabel, inRow...)
	}
	b.row("What is asked of it, and how does it answer?", 9,
		graph("Requests by operation", "Server and consumer spans that end in a second.", perSecond, 8,
			query{s.counted(slo.SpansMetric, operationLabel), "{{operation}}"}).stacked().link(traces...),
		graph("Failed by operation", "The part of the server and consumer spans that failed.", ratio, 8,
			query{failing(s.counted(slo.ErrorsMetric, operationLabel), s.counted(slo.SpansMetric, operationLabel)), "{{operation}}"}).bounded(errorSteps()).link(traces...),
		graph("p95 by operation", "The 95th percentile of the durations of server and consumer spans. A point is a single span, with exemplarTraceIdDestinations in the datasource a link to its trace.", seconds, 8,
			query{quantile("0.95", s.durations(operationLabel)), "{{operation}}"}).exemplars().link(traces...),
		graph("Durations", "Percentiles of the durations of all its server and consumer spans.", seconds, 12,
			query{quantile("0.5", s.durations()), "p50"}, query{quantile("0.95", s.durations()), "p95"}, query{quantile("0.99", s.durations()), "p99"}).
			exemplars().painted(sky, blue, purple),
		heat("All durations", "How many of its server and consumer spans took how long.", 12, query{s.durations(), "{{le}}"}).exemplars(),
		table)
}

func (m *maker) serviceFailures(b *board, all scope) {
	s := all.with(anyOf(kindLabel, kindVariable))
	keys := []string{operationLabel, kindLabel, errorLabel}
	p := grid("Failures by operation and type", "Spans that failed in the time shown, by error_type.", 12, keys,
		[]column{{title: "Failures", unit: count, expr: s.total(slo.ErrorsMetric, keys...)}, {title: "In a second", unit: spansRate, expr: s.counted(slo.ErrorsMetric, keys...)}}, descending("Failures"))
	if traces := m.toTraces("Failed traces in Jaeger", chosen(serviceVariable), cell(operationLabel), true); traces != nil {
		p.linked(operationLabel, traces...)
	}
	b.row("What fails, and why?", 9,
		graph("Failures by type", "Spans of the kinds chosen that fail in a second, by error_type: error.type, the type of the first exception, an HTTP status from 400 on or a gRPC status.",
			spansRate, 12, query{s.counted(slo.ErrorsMetric, errorLabel), "{{error_type}}"}).stacked(),
		p)
}

func (m *maker) serviceDependencies(b *board, s scope) {
	const operation = operationLabel
	b.row("What does it ask of others, and what comes back?", 9,
		graph("Calls", "Client and producer spans that end in a second: what the service asks of others. Empty for one that asks nothing.", perSecond, 8,
			query{s.counted(slo.SpansMetric, operation, kindLabel), "{{operation}} ({{span_kind}})"}).stacked(),
		graph("Failed calls", "The part of its client and producer spans that failed, as the caller sees it.", ratio, 8,
			query{failing(s.counted(slo.ErrorsMetric, operation, kindLabel), s.counted(slo.SpansMetric, operation, kindLabel)), "{{operation}} ({{span_kind}})"}).bounded(errorSteps()),
		graph("p95 of calls", "The 95th percentile of the durations of its client and producer spans, the network included.", seconds, 8,
			query{quantile("0.95", s.durations(operation, kindLabel)), "{{operation}} ({{span_kind}})"}).exemplars())
}

// lastWeek is how far back the comparison looks.
const lastWeek = " offset 1w"

func (m *maker) serviceLastWeek(b *board, s scope) {
	then := func(metric string) string { return s.countedAt(lastWeek, metric) }
	compared := func(title, description, unit, now, before string) *panel {
		return graph(title, description+" The grey line is the same time a week ago, once Prometheus has a week.", unit, 8,
			query{now, "now"}, query{before, "a week ago"}).painted(blue).dashed(ref(1), grey)
	}
	b.row("Is it as it was last week?", 8,
		compared("Requests", "Server and consumer spans that end in a second.", perSecond, s.counted(slo.SpansMetric), then(slo.SpansMetric)),
		compared("Failed", "The part of them that failed.", ratio, failing(s.counted(slo.ErrorsMetric), s.counted(slo.SpansMetric)), failing(then(slo.ErrorsMetric), then(slo.SpansMetric))),
		compared("p95", "The 95th percentile of their durations.", seconds, quantile("0.95", s.durations()), quantile("0.95", s.durationsAt(lastWeek))))
}
