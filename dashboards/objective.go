package dashboards

import "github.com/traceslo/traceslo/slo"

// objective returns the board of one objective. The tiers that are drawn into it
// are those of the objectives given.
func (m *maker) objective(objectives []slo.Objective) *board {
	b := m.board(objectiveUID, "SLO detail",
		"One objective: how its error budget went and how fast it burns, against the tiers of its alerts, and what events there were. It needs the rules of traceslo rules.", "now-6h")
	b.variables(datasources(),
		choice(serviceVariable, "Service", "Whose objective it is.", slo.ObjectiveRatio, slo.ServiceLabel, false),
		choice(sloVariable, "Objective", "The objective to look at.", of(slo.ObjectiveRatio, oneOf(slo.ServiceLabel, serviceVariable)), slo.SLOLabel, false))
	b.dashboard.Links = append(b.dashboard.Links, m.toPage(chosen(sloVariable), chosen(serviceVariable))...)
	b.dashboard.Links = append(b.dashboard.Links, m.toTraces("Traces of the service", chosen(serviceVariable), "", false)...)

	this := []string{oneOf(slo.SLOLabel, sloVariable), oneOf(slo.ServiceLabel, serviceVariable)}
	mark := func(severity, color string) {
		b.mark("Burns ("+severity+")", color, alert(slo.BurnAlert, this, slo.SeverityLabel+`="`+severity+`"`),
			"{{alertname}} ({{severity}})", "The error budget burns too fast in {{tier}}.", slo.TierLabel)
	}
	mark(slo.PageSeverity, red)
	mark(slo.TicketSeverity, orange)
	b.mark("Other alerts", purple, of(alertsMetric, append([]string{`alertname!="` + slo.BurnAlert + `"`, firing}, this...)...), "{{alertname}}", "", slo.SeverityLabel)
	b.mark("Excluded", sky, each(of(slo.ExcludedMetric, this...))+" == 1", "Excluded", "An exclusion runs: events do not count, and nothing alerts.", "")
	b.catchingUp()

	m.objectiveNow(b, this)
	b.row("How did the error budget go?", 9,
		graph("Budget left", "What is left of the error budget of the window, of 1; below 0 it is overspent. A rolling window gains again as old failures leave it, a calendar period begins anew at 1. "+
			"It goes back as far as Prometheus has recorded; choose the window's length as the time shown to see all of it.", ratio, 16,
			query{each(of(slo.RemainingRecord, this...)), "budget left"}).bounded(steps(red, step{0, green})).painted(blue),
		graph("Coverage", "The part of the window that was measured, excluded minutes left out. What was not measured counts as neither good nor bad.", ratio, 8,
			query{ofReaders("min", "max", slo.CoverageRatio, this...), "measured"}).painted(blue).limits(0, 1))
	m.objectiveBurn(b, this, tierGroups(objectives))
	m.objectiveEvents(b, this)
	return b
}

func (m *maker) objectiveNow(b *board, this []string) {
	spent := ofReaders("min", "min", slo.BudgetExhaustion, this...)
	b.row("Is the promise kept?", 5,
		figure("State", "The worst of what holds.", plain, 4, steps(grey), query{stateOf(this...), ""}).still().mapped(states()),
		figure("Budget left", "What is left of the error budget of the window; below 0 it is overspent.", ratio, 4, budgetSteps(), query{each(of(slo.RemainingRecord, this...)), ""}),
		figure("Good", "The part of the events of the window that were good.", ratio, 4, steps(blue), query{goodRatio(this...), ""}).still().decimals(3),
		figure("Target", "The part of the events of the window that is to be good.", ratio, 4, steps(blue), query{each(of(slo.ObjectiveRecord, this...)), ""}).still().decimals(3),
		figure("Spent in", "When nothing is left of the budget if it burns on as in the longest window that pages.", seconds, 4, steps(red, step{86400, orange}, step{7 * 86400, green}),
			query{lines("("+spent+" < Inf)", "or", "0 * ("+spent+" < bool Inf) - 1"), ""}).still().mapped(words(word{"-1", "does not burn", green})),
		figure("Measured up to", "How long ago the time is up to which all is measured. Windows end there.", seconds, 4, steps(green, step{120, orange}, step{600, red}),
			query{ofReaders("max", "min", slo.UnmeasuredSeconds, this...), ""}))
}

// decimals is how many digits stand behind the point.
func (p *panel) decimals(n float64) *panel {
	p.defaults().Decimals = &n
	return p
}

func (m *maker) objectiveBurn(b *board, this []string, groups []tierGroup) {
	rates := lines(`{__name__=~"`+slo.RatioRecord+`.+", `+this[0]+", "+this[1]+"}",
		"/ on ("+identity+") group_left ()", each(of(slo.ErrorBudgetRecord, this...)))
	drawn := tierLines(groups, this)
	queries, width := []query{{rates, "{{" + slo.SlothWindow + "}}"}}, uint32(gridWidth)
	for _, l := range drawn {
		queries, width = append(queries, l.query), gridWidth/2
	}
	burn := graph("Burn rate by window", "How many times faster than allowed the events of each window were bad. The dashed lines are the tiers of the alerts: one fires when both of its windows are above its line.",
		plain, width, queries...)
	panels := []*panel{burn}
	if len(drawn) > 0 {
		panels = append(panels, graph("How near each alert is", "For each tier, the lower burn rate of its two windows by the one at which it fires: at 1 it fires, if there were enough events and bad ones.", plain, width,
			query{nearness(groups, this), "{{" + slo.TierLabel + "}}"}).bounded(steps(green, step{1, red})))
	}
	for i, l := range drawn {
		burn.dashed(ref(1+i), l.color)
	}
	b.row("How fast does it burn?", 9, panels...)
}

func (m *maker) objectiveEvents(b *board, this []string) {
	s := scope(this)
	perReader := func(metric string) string {
		return sum(wrap("max by ("+identity+", "+slo.ShardLabel+")", settled("rate("+over(of(metric, s...), rateInterval)+")")))
	}
	window := func(record string) string { return wrap("max "+by(slo.WindowLabel), of(record, this...)) }
	b.row("What happened?", 9,
		graph("Events", "Good and bad events of the objective in a second, in the order in which their spans came.", spansRate, 8,
			query{lines(perReader(slo.EventsMetric), "-", perReader(slo.BadEventsMetric)), "good"}, query{perReader(slo.BadEventsMetric), "bad"}).stacked().painted(green, red),
		graph("Bad events", "Bad events of the objective in a second.", spansRate, 8, query{perReader(slo.BadEventsMetric), "bad"}).painted(red),
		grid("Events by window", "Events that ended within each window and how many of them were bad, by the ledger: exact, and without excluded minutes.", 8, []string{slo.WindowLabel}, []column{
			{title: "Events", unit: count, expr: window(slo.EventsRecord)},
			{title: "Bad", unit: count, expr: window(slo.BadEventsRecord)},
			{title: "Bad part", unit: ratio, expr: lines(window(slo.BadEventsRecord), "/", "("+window(slo.EventsRecord)+" > 0)")},
		}, ascending("Events")),
		timeline("States", "What held when, of several the worst.", 24, states(), query{stateOf(this...), "{{slo}}"}))
}
