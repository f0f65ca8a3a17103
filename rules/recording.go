package rules

import (
	"fmt"
	"strconv"

	"github.com/traceslo/traceslo/slo"
)

// recordings returns what is recorded of an objective: its events and bad
// events, and from these what Sloth records, under Sloth's names and labels.
// The labels that are not in a rule come with the series that it divides.
func recordings(s *subject) []rule {
	rules := []rule{
		s.sum(slo.EventsRecord, slo.WindowEvents),
		s.sum(slo.BadEventsRecord, slo.WindowBadEvents),
	}
	for _, w := range s.windows {
		// Without events there is no ratio, and no NaN either.
		rules = append(rules, rule{
			Record: ratioRecord(w),
			Expr: fmt.Sprintf("%s\n  / ignoring (%s)\n(%s > 0)",
				s.window(slo.BadEventsRecord, w), slo.WindowLabel, s.window(slo.EventsRecord, w)),
			Labels: map[string]string{slo.SlothWindow: w},
		})
	}
	days := strconv.FormatFloat(s.Window.Length().Hours()/24, 'f', -1, 64)
	rules = append(rules,
		s.constant(slo.ObjectiveRecord, s.Target.Ratio()),
		s.constant(slo.ErrorBudgetRecord, s.budget()),
		s.constant(slo.PeriodDaysRecord, days))
	if s.shortest != "" {
		rules = append(rules, s.burnRate(slo.CurrentBurnRateRecord, s.shortest))
	}
	info := s.constant(slo.InfoRecord, "1")
	info.Labels = map[string]string{"sloth_mode": "traceslo", "sloth_spec": "traceslo", "sloth_objective": s.percent()}
	return append(rules,
		s.burnRate(slo.PeriodBurnRateRecord, s.own),
		rule{Record: slo.RemainingRecord, Expr: "1 - " + s.series(slo.PeriodBurnRateRecord)},
		info)
}

// sum records a gauge of the ledger, of all readers together: the greatest of
// those that read the same, summed over shards. One of a pair that lags behind
// tells of the past and is left out.
func (s *subject) sum(record, metric string) rule {
	const labels = identity + ", " + slo.WindowLabel
	expr := fmt.Sprintf("sum by ("+labels+") (\n"+
		"  max by ("+perShard+", "+slo.WindowLabel+") (\n"+
		"    %[1]s\n"+
		"    unless on ("+perInstance+")\n"+
		"    %[2]s\n"+
		"      > on ("+perShard+") group_left ()\n"+
		"    min by ("+perShard+") (%[2]s) + %[3]d\n"+
		"  )\n"+
		")", s.last(metric), s.last(slo.UnmeasuredSeconds), lagSeconds)
	rule := rule{Record: record, Expr: expr}
	if s.perValue() {
		rule.Expr = identified(expr)
		return rule
	}
	rule.Labels = map[string]string{slo.SlothID: s.ID(), slo.SlothService: s.Service, slo.SlothSLO: s.Name}
	return rule
}

// lagSeconds is by how much one of a pair may be behind the other.
const lagSeconds = 60

// identified adds Sloth's labels to the series of an expression, made of those
// that they have: which values there are is known only when it is evaluated.
func identified(expr string) string {
	return fmt.Sprintf("label_join(label_join(label_join(\n"+
		"%s,\n"+
		"%q, \"\", %q),\n"+
		"%q, \"\", %q),\n"+
		"%q, \"-\", %q, %q)", expr,
		slo.SlothService, slo.ServiceLabel, slo.SlothSLO, slo.SLOLabel, slo.SlothID, slo.ServiceLabel, slo.SLOLabel)
}

// constant records a number for each series of the objective.
func (s *subject) constant(record, number string) rule {
	return rule{Record: record, Expr: fmt.Sprintf("group without (%s) (%s) * %s", slo.WindowLabel, s.series(slo.EventsRecord), number)}
}

// burnRate records how many times faster than allowed the budget burns in a window.
func (s *subject) burnRate(record, window string) rule {
	return rule{Record: record, Expr: fmt.Sprintf("%s\n  / ignoring (%s)\n%s",
		s.ratio(window), slo.SlothWindow, s.series(slo.ErrorBudgetRecord)),
		Labels: map[string]string{slo.SlothWindow: window}}
}

// percent returns the target without its sign, as Sloth's objectives are written.
func (s *subject) percent() string {
	text := s.Target.String()
	return text[:len(text)-len("%")]
}
