package dashboards

import (
	"fmt"
	"slices"
	"strings"

	"github.com/traceslo/traceslo/slo"
)

// A tierGroup is the objectives that alert alike.
type tierGroup struct {
	// names are sorted, as the groups are by the first of them.
	names []string
	tiers []slo.Tier
}

// tierGroups puts the objectives together that have the same tiers; those
// without any are left out.
func tierGroups(objectives []slo.Objective) []tierGroup {
	var groups []tierGroup
	for _, o := range objectives {
		tiers := o.TierList()
		if len(tiers) == 0 {
			continue
		}
		at := slices.IndexFunc(groups, func(g tierGroup) bool { return slices.Equal(g.tiers, tiers) })
		if at < 0 {
			at = len(groups)
			groups = append(groups, tierGroup{tiers: tiers})
		}
		groups[at].names = append(groups[at].names, o.Name)
	}
	for _, g := range groups {
		slices.Sort(g.names)
	}
	slices.SortFunc(groups, func(a, b tierGroup) int { return slices.Compare(a.names, b.names) })
	return groups
}

// objectives is 1 for the chosen objective, if it is one of the group.
func (g tierGroup) objectives(this []string) string {
	return "group by (" + identity + ") (" + of(slo.ObjectiveRecord, append(this[:len(this):len(this)], oneOfAll(slo.ObjectiveLabel, g.names))...) + ")"
}

// A tierLine is where the tiers of a severity fire.
type tierLine struct {
	query
	color string
}

// tierLines returns the burn rates at which the tiers of the chosen objective
// fire, for each severity that any group has.
func tierLines(groups []tierGroup, this []string) []tierLine {
	var drawn []tierLine
	for _, s := range []struct{ severity, color string }{{slo.PageSeverity, red}, {slo.TicketSeverity, orange}} {
		expr := eachTier(groups, func(g tierGroup, t slo.Tier) string {
			if t.Severity != s.severity {
				return ""
			}
			return t.BurnRate.String() + " * " + g.objectives(this)
		})
		if expr != "" {
			drawn = append(drawn, tierLine{query{expr, "{{" + slo.TierLabel + "}}"}, s.color})
		}
	}
	return drawn
}

// nearness is how near the tiers of the chosen objective are to firing.
func nearness(groups []tierGroup, this []string) string {
	return eachTier(groups, func(g tierGroup, t slo.Tier) string {
		window := func(length string) string { return of(slo.RatioRecord+length, this...) }
		long, short := window(slo.FormatWindow(t.Long)), window(slo.FormatWindow(t.Short))
		return lines("min by ("+identity+") ("+long+" or "+short+")",
			"/ on ("+identity+")", "("+each(of(slo.ErrorBudgetRecord, this...))+" * "+t.BurnRate.String()+")",
			// Without events in the short window, nothing fires.
			"and on ("+identity+")", short,
			"and on ("+identity+")", g.objectives(this))
	})
}

// eachTier puts together what is made of the tiers of each group, with the label
// of the tier that says which it is.
func eachTier(groups []tierGroup, expr func(tierGroup, slo.Tier) string) string {
	var parts []string
	for _, g := range groups {
		for _, t := range g.tiers {
			if e := expr(g, t); e != "" {
				parts = append(parts, fmt.Sprintf("label_replace(\n%s,\n  %q, %q, \"\", \"\"\n)", indent(e), slo.TierLabel, describe(t)))
			}
		}
	}
	return strings.Join(parts, "\nor\n")
}

func describe(t slo.Tier) string {
	return fmt.Sprintf("%s: %s in %s and %s", t.Severity, t.BurnRate, slo.FormatWindow(t.Long), slo.FormatWindow(t.Short))
}
