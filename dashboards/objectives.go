package dashboards

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/traceslo/traceslo/slo"
)

// The states of an objective, the worse the greater.
const (
	stateMet = iota
	stateExcluded
	stateIdle
	stateUnmatched
	stateUnmeasured
	stateTicket
	stateSpent
	statePage
)

// states are the words for them, which traceslo's page has too.
func states() []dashboard.ValueMapping {
	word := func(state int, text, color string) word { return word{fmt.Sprint(state), text, color} }
	return words(
		word(stateMet, "ok", green),
		word(stateExcluded, "excluded now", sky),
		word(stateIdle, "no events", grey),
		word(stateUnmatched, "matches nothing", grey),
		word(stateUnmeasured, "not measured", purple),
		word(stateTicket, "burns (ticket)", orange),
		word(stateSpent, "budget spent", red),
		word(statePage, "burns (page)", red))
}

// A state is what an objective is in while an expression has its series.
type state struct {
	number int
	expr   string
}

// stateOf returns the state of each objective that the matchers fit, the worst
// of those that hold.
func stateOf(matchers ...string) string {
	objectives := of(slo.ObjectiveRecord, matchers...)
	var parts []string
	for _, s := range []state{
		{statePage, alert(slo.BurnAlert, matchers, slo.SeverityLabel+`="`+slo.PageSeverity+`"`)},
		{stateSpent, of(slo.RemainingRecord, matchers...) + " <= 0"},
		{stateTicket, alert(slo.BurnAlert, matchers, slo.SeverityLabel+`="`+slo.TicketSeverity+`"`)},
		{stateUnmeasured, alert(slo.UnmeasuredAlert, matchers)},
		{stateUnmatched, alert(slo.UnmatchedAlert, matchers)},
		{stateIdle, objectives + " unless on (" + identity + ") " + of(slo.RemainingRecord, matchers...)},
		{stateExcluded, of(slo.ExcludedMetric, matchers...) + " == 1"},
		{stateMet, objectives},
	} {
		parts = append(parts, fmt.Sprintf("%d * group by (%s) (%s)", s.number, identity, s.expr))
	}
	return strings.Join(parts, "\nor\n")
}

// alert is 1 for each alert of a name that fires for objectives.
func alert(name string, matchers []string, further ...string) string {
	all := append([]string{`alertname="` + name + `"`, firing}, further...)
	return of(alertsMetric, append(all, matchers...)...)
}

// objectives returns the board of all objectives.
func (m *maker) objectives() *board {
	b := m.board(objectivesUID, "SLO overview",
		"How all objectives stand: what is left of their error budgets, how fast those burn, and how much of the time was measured. It needs the rules of traceslo rules.", "now-6h")
	b.variables(datasources(),
		choice(serviceVariable, "Service", "Services whose objectives to look at.", slo.ObjectiveRatio, slo.ServiceLabel, true))
	b.catchingUp()

	services := anyOf(slo.ServiceLabel, serviceVariable)
	toObjective := toBoard("The objective", objectiveUID, serviceVariable, inLine(slo.ServiceLabel), sloVariable, inLine(slo.SLOLabel))

	amount := func(condition string) string {
		return lines("count(", indent(lines("(", indent(stateOf(services)), ") "+condition)), ")", "or vector(0)")
	}
	b.row("Is anything in trouble?", 4,
		figure("Objectives", "Objectives there are; one for each value, where an objective is made for_each.", count, 4, steps(blue), query{"count(" + each(of(slo.ObjectiveRecord, services)) + ")", ""}).still(),
		figure("Paging", "Objectives that burn their error budgets so fast that somebody was paged.", count, 5, alarm(), query{amount(is(statePage)), ""}).still(),
		figure("Budget spent", "Objectives of whose error budget nothing is left, without those that page.", count, 5, alarm(), query{amount(is(stateSpent)), ""}).still(),
		figure("Burning", "Objectives that burn their error budgets faster than is good in the long run: there is a ticket.", count, 5, steps(green, step{1, orange}), query{amount(is(stateTicket)), ""}).still(),
		figure("Not measured or idle", "Objectives of which nothing can be told: spans are not read, or no event came within the window.", count, 5, steps(green, step{1, orange}),
			query{amount(fmt.Sprintf(">= %d <= %d", stateIdle, stateUnmeasured)), ""}).still())

	b.row("How does each objective stand?", 12, m.standings(services))

	b.row("Where is it going?", 9,
		graph("Budget left", "What is left of each error budget, of 1 at the beginning; below 0 it is overspent. With a rolling window it grows again as old failures leave it.", ratio, 12,
			query{each(of(slo.RemainingRecord, services)), "{{service}}: {{slo}}"}).bounded(steps(red, step{0, green})).link(toObjective),
		graph("Burn rate", "How many times faster than allowed each budget burns in the shortest window of its alerts. At 1 it lasts just as long as the window.", plain, 12,
			query{each(of(slo.CurrentBurnRateRecord, services)), "{{service}}: {{slo}}"}).bounded(steps(green, step{1, orange})).link(toObjective),
		timeline("States", "What held when for each objective, of several the worst.", 24, states(), query{stateOf(services), "{{service}}: {{slo}}"}).link(toObjective))
	return b
}

func is(state int) string { return fmt.Sprintf("== %d", state) }

// standings returns the table of objectives, those in trouble first.
func (m *maker) standings(services string) *panel {
	p := grid("Objectives, those in trouble first", "State is the worst of what holds. Good is the part of the events of the window that were good, Budget left what remains of those that may be bad. "+
		"Spent in says when nothing is left if it burns on as in the longest window that pages; empty if it does not burn. Coverage is the part of the window that was measured.",
		24, []string{slo.SLOLabel, slo.ServiceLabel}, []column{
			{title: "State", unit: plain, expr: stateOf(services), mapping: states()},
			{title: "Budget left", unit: ratio, expr: each(of(slo.RemainingRecord, services)), thresholds: budgetSteps()},
			{title: "Burn rate", unit: plain, expr: each(of(slo.CurrentBurnRateRecord, services)), thresholds: burnSteps()},
			{title: "Spent in", unit: seconds, expr: ofReaders("min", "min", slo.BudgetExhaustion, services) + " < Inf"},
			{title: "Good", unit: ratio, expr: goodRatio(services)},
			{title: "Target", unit: ratio, expr: each(of(slo.ObjectiveRecord, services))},
			{title: "Window", expr: wrap("max by ("+identity+", "+slo.WindowLabel+")", of(slo.InfoMetric, services)), hidden: true},
			{title: "Coverage", unit: ratio, expr: ofReaders("min", "max", slo.CoverageRatio, services), thresholds: coverageSteps()},
			{title: "Not measured for", unit: seconds, expr: ofReaders("max", "min", slo.UnmeasuredSeconds, services), thresholds: steps(green, step{120, orange}, step{600, red})},
		}, descending("State"), ascending("Budget left"))
	p.override(override("Target", property("decimals", 3)), override("Good", property("decimals", 3)))
	links := append([]dashboard.DashboardLink{toBoard("The objective", objectiveUID, serviceVariable, cell(slo.ServiceLabel), sloVariable, cell(slo.SLOLabel))},
		m.toPage(cell(slo.SLOLabel), cell(slo.ServiceLabel))...)
	p.linked(slo.SLOLabel, links...)
	return p.linked(slo.ServiceLabel, toBoard("The service", serviceUID, serviceVariable, cell(slo.ServiceLabel)))
}

// goodRatio is the part of the events of an objective's own window that was good.
func goodRatio(matchers ...string) string {
	return lines("1 -", each(of(slo.PeriodBurnRateRecord, matchers...)), "*", each(of(slo.ErrorBudgetRecord, matchers...)))
}
