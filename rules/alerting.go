package rules

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/traceslo/traceslo/slo"
)

// alerts returns the alerts of an objective.
func (m *maker) alerts(s *subject) []rule {
	var rules []rule
	for _, t := range s.TierList() {
		rules = append(rules, m.burn(s, t))
	}
	if s.Alerting.Ticket.Disabled {
		return rules
	}
	if !s.Alerting.Disabled {
		rules = append(rules, m.exhausted(s))
	}
	rules = append(rules, m.unmeasured(s))
	if s.ExpectsTraffic && s.shortest != "" {
		rules = append(rules, m.traffic(s))
	}
	return append(rules, m.unmatched(s))
}

// burn returns the alert of a tier. It has no "for": the short window is what
// ends it soon after the burning ends, and waiting would only tell it later.
func (m *maker) burn(s *subject, t slo.Tier) rule {
	long, short := slo.FormatWindow(t.Long), slo.FormatWindow(t.Short)
	threshold := t.BurnRate.String() + " * " + s.budget()
	rule := m.rule(s, slo.BurnAlert, t.Severity, s.unlessExcluded(all(
		s.ratio(long)+" > "+threshold,
		s.ratio(short)+" > "+threshold,
		fmt.Sprintf("%s >= %d", s.window(slo.EventsRecord, long), s.Alerting.MinEvents),
		fmt.Sprintf("%s >= %d", s.window(slo.BadEventsRecord, long), s.Alerting.MinFailures),
	)))
	rule.Labels[slo.TierLabel] = long
	m.annotate(&rule, s, t.Severity, burnSummary(t), s.burnDescription(t))
	if link := m.tracesLink(s.Objective, t.Long); link != "" {
		setDefault(rule.Annotations, tracesKey, link)
	}
	return rule
}

// exhausted returns the alert of a budget that is spent.
func (m *maker) exhausted(s *subject) rule {
	// A window of which little has passed, as of a new objective or when a month
	// has just begun, has a budget that grows: what is bad is held against that
	// of the whole window, at the rate of events so far.
	early := fmt.Sprintf("%s\n  * on (%s)\nmax by (%s) (%s)\n  < 1", s.series(slo.PeriodBurnRateRecord), identity, identity, s.last(slo.ElapsedRatio))
	rule := m.rule(s, slo.ExhaustedAlert, slo.TicketSeverity, s.unlessExcluded(all(
		s.series(slo.RemainingRecord)+" <= 0",
		fmt.Sprintf("%s >= %d", s.window(slo.BadEventsRecord, s.own), s.Alerting.MinFailures),
	)+"\nunless on ("+identity+")\n"+early))
	m.annotate(&rule, s, slo.TicketSeverity,
		"{{ $labels.service }}: the error budget of {{ $labels.slo }} is spent",
		lines(
			fmt.Sprintf("%s over %s allows %s of the events to be bad, and %s of %s were.",
				s.Target, s.period(), s.allowed(), s.lookup(slo.BadEventsRecord, s.own), s.lookup(slo.EventsRecord, s.own)),
			"Of the budget, {{ $value | humanizePercentage }} is left.",
			fmt.Sprintf("It fires with at least %d bad events, when the budget of all of the window is spent at the rate of events so far, and not while an exclusion runs.", s.Alerting.MinFailures)))
	return rule
}

// unmeasured returns the alert of a measuring that stands still. Of a pair, one
// that goes on is enough; of shards, all have to.
func (m *maker) unmeasured(s *subject) rule {
	rule := m.rule(s, slo.UnmeasuredAlert, slo.TicketSeverity, s.unlessExcluded(s.standstill()+" > "+seconds(s.Alerting.UnmeasuredAfter)))
	m.annotate(&rule, s, slo.TicketSeverity,
		"{{ $labels.service }}: {{ $labels.slo }} is not measured",
		lines(
			"For {{ $value | humanizeDuration }}, nobody can tell whether events are good: the spans are not read, or no service sends any.",
			"Windows end where the measuring did, so that burn alerts stay as they were then.",
			fmt.Sprintf("It fires after %s, and not while an exclusion runs.", slo.FormatWindow(s.Alerting.UnmeasuredAfter))))
	return rule
}

// traffic returns the alert of an objective that expects events and sees none.
func (m *maker) traffic(s *subject) rule {
	rule := m.rule(s, slo.TrafficAlert, slo.TicketSeverity, s.unlessExcluded(all(
		s.window(slo.EventsRecord, s.shortest)+" == 0",
		s.standstill()+" <= "+seconds(s.Alerting.UnmeasuredAfter),
	)))
	rule.For = trafficFor
	m.annotate(&rule, s, slo.TicketSeverity,
		"{{ $labels.service }}: {{ $labels.slo }} sees no events",
		lines(
			fmt.Sprintf("It expects traffic, and no event ended in the last %s, while spans are read.", s.shortest),
			"The service may be down, or its spans have changed their names.",
			fmt.Sprintf("It fires after %s, and not while an exclusion runs.", trafficFor)))
	return rule
}

// trafficFor is longer than a window may be empty after a restart or an exclusion.
const trafficFor = model.Duration(5 * time.Minute)

// unmatched returns the alert of an objective that no span has matched. It is
// mute if any reader has seen one: a shard may well hold none. Of an objective
// for each value, the series that says so has the bare name.
func (m *maker) unmatched(s *subject) rule {
	bare := fmt.Sprintf("%s{%s=%q}", slo.UnmatchedMetric, slo.SLOLabel, s.Name)
	expr := fmt.Sprintf("min by (%s) (%s == 1)\nunless on ()\n%s == 0", identity, last(bare), s.last(slo.UnmatchedMetric))
	rule := m.rule(s, slo.UnmatchedAlert, slo.TicketSeverity, expr)
	m.annotate(&rule, s, slo.TicketSeverity,
		"{{ $labels.slo }} matches nothing",
		lines(
			"No span has matched this objective for a day or longer: its match is probably wrong, and its budget means nothing.",
			"traceslo check --live says what it would match."))
	return rule
}

// rule returns an alert of an objective.
func (m *maker) rule(s *subject, name, severity, expr string) rule {
	return rule{Alert: name, Expr: expr, Labels: m.objectiveLabels(s, severity)}
}

// standstill is for how many seconds the measuring stands still.
func (s *subject) standstill() string {
	return fmt.Sprintf("max by (%s) (min by (%s) (%s))", identity, perShard, s.last(slo.UnmeasuredSeconds))
}

// unlessExcluded mutes an alert while an exclusion of the objective runs.
func (s *subject) unlessExcluded(expr string) string {
	return fmt.Sprintf("%s\nunless on (%s)\n%s == 1", expr, identity, s.last(slo.ExcludedMetric))
}

// all holds where each of the conditions does, with the value of the first.
func all(conditions ...string) string {
	return strings.Join(conditions, "\nand on ("+identity+")\n")
}
