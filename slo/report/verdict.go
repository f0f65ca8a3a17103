package report

import (
	"fmt"

	"github.com/traceslo/traceslo/slo"
)

// Of a time of which little is known, nobody can say that all went well.
const (
	// enoughKnown is the coverage below which a budget is not called within.
	enoughKnown = 0.5
	// mostKnown is the coverage below which each verdict begins with it.
	mostKnown = 0.9
)

// judge returns the verdict on a count. passed is the part of the period that
// has passed since the objective was measured first, 1 if it has ended.
func (p Policy) judge(c slo.Count, t slo.Target, known Coverage, passed float64) Verdict {
	if c.Events == 0 && known.Idle == 0 {
		return Verdict{NoData, "Nothing was measured in this period, so that there is nothing to judge."}
	}
	if c.Events == 0 {
		return Verdict{NoData, "No event ended in this period, so that there is nothing to judge."}
	}
	coverage := 1.0
	if known.Ratio != nil {
		coverage = *known.Ratio
	}
	before := ""
	if coverage < mostKnown {
		before = fmt.Sprintf("Only %s of the time is known. ", percent(&coverage))
	}
	left := c.Remaining(t)
	// As slo.Standing.Spent has it, so that a report of a period that runs says
	// what the page and the alert say.
	whole := c.BurnRate(t) * passed
	switch {
	case left <= 0 && (passed == 1 || whole >= 1):
		return Verdict{Exhausted, before + p.Exhausted}
	case left <= 0:
		before += fmt.Sprintf("At the rate of events so far, %s of the whole period's budget is spent. ", percent(&whole))
		return Verdict{AtRisk, before + p.AtRisk}
	case left < p.AtRiskBelow.Float():
		return Verdict{AtRisk, before + p.AtRisk}
	case coverage < enoughKnown:
		return Verdict{NoData, fmt.Sprintf("Of what counted, enough was good, but only %s of the time is known: too little to call it within budget.", percent(&coverage))}
	}
	return Verdict{WithinBudget, before + p.WithinBudget}
}

// passed returns which part of the period has passed since an objective was
// measured first, 1 if the period has ended.
func (b *builder) passed(record slo.Record) float64 {
	p := b.Period
	if !b.report.Runs {
		return 1
	}
	begin, end := p.From, b.known(p.To)
	if since := record.Since(); since.After(begin) {
		begin = since
	}
	if b.upto.IsZero() || !begin.Before(end) {
		return 0
	}
	return float64(end.Sub(begin)) / float64(p.To.Sub(p.From))
}
