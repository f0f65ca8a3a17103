package report

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/traceslo/traceslo/slo"
)

// A builder makes the objectives of a report, one after the other.
type builder struct {
	Options
	report *Report
	// upto is up to when the ledger knows what happened.
	upto time.Time
	// sums are how many events there were, and how many of them were bad, before
	// each minute from first on. Its room is used again.
	sums   []slo.Count
	counts []slo.Count
	first  time.Time
}

// add adds the figures of one objective. A value that has had no event for long
// is left out if it had none in the period either.
func (b *builder) add(record slo.Record) error {
	o := record.Objective
	if err := b.read(record); err != nil {
		return err
	}
	p := b.Period
	total := b.count(p.From, p.To)
	before, err := record.Sum(b.report.Previous.From, b.known(b.report.Previous.To))
	if err != nil {
		return err
	}
	if !record.Shown && total.Events == 0 {
		return nil
	}
	of := Objective{
		SLO: record.SLO, Service: record.Service, Description: o.Description, Labels: o.Labels, Target: o.Target, Window: windowText(o.Window),
		Figures: figures(total, o.Target), Before: figures(before, o.Target),
	}
	unmeasured, err := record.Unmeasured(p.From, p.To)
	if err != nil {
		return err
	}
	dark, err := record.Unmeasured(b.report.Previous.From, b.report.Previous.To)
	if err != nil {
		return err
	}
	for _, i := range without(dark, slo.Excluded(o.Exclusions, b.report.Previous.From, b.report.Previous.To)) {
		of.BeforeUnmeasured += int(i.To.Sub(i.From) / time.Minute)
	}
	excluded := slo.Excluded(o.Exclusions, p.From, p.To)
	of.Coverage = b.coverage(unmeasured, excluded)
	of.Verdict = b.Policy.judge(total, o.Target, of.Coverage, b.passed(record))
	of.Unmeasured = b.spans(without(b.past(unmeasured), excluded))
	of.Exclusions = b.exclusions(o.Exclusions)
	of.Series = b.series(total, o.Target, without(unmeasured, excluded))
	allowed := of.Budget.Allowed
	of.WorstDays = b.worst(b.days(), allowed)
	of.WorstHours = b.worst(b.hours(), allowed)
	of.Incidents = b.incidents(o, allowed)
	if of.Culprits, err = b.culprits(record); err != nil {
		return err
	}
	b.report.Objectives = append(b.report.Objectives, of)
	return nil
}

// read reads the minutes of the period, and those before it that a window may hold.
func (b *builder) read(record slo.Record) error {
	lead := time.Duration(0)
	if windows := record.Objective.AlertWindows(); len(windows) > 0 {
		lead = windows[len(windows)-1]
	}
	// A window holds a minute more than its length, and what burnt at the
	// beginning is asked of the minute before it too.
	b.first = b.Period.From.Add(-lead - time.Minute)
	var err error
	if b.counts, err = record.Counts(b.first, b.Period.To, b.counts[:0]); err != nil {
		return err
	}
	b.sums = append(b.sums[:0], slo.Count{})
	// A span of a clock that is ahead ends after what is known to its end.
	clear(b.counts[min(max(0, b.minute(b.known(b.Period.To))), len(b.counts)):])
	sum := slo.Count{}
	for _, c := range b.counts {
		sum.Events += c.Events
		sum.Bad += c.Bad
		b.sums = append(b.sums, sum)
	}
	return nil
}

// known returns the earlier one of a time and that up to which the ledger knows
// what happened, if it knows that.
func (b *builder) known(at time.Time) time.Time {
	if !b.upto.IsZero() && b.upto.Before(at) {
		return b.upto
	}
	return at
}

// minute returns the place of a time in sums and counts.
func (b *builder) minute(at time.Time) int { return int(at.Sub(b.first) / time.Minute) }

// count returns what ended in [from, to).
func (b *builder) count(from, to time.Time) slo.Count { return b.between(b.minute(from), b.minute(to)) }

func (b *builder) between(from, to int) slo.Count {
	from, to = max(0, from), max(0, to)
	return slo.Count{Events: b.sums[to].Events - b.sums[from].Events, Bad: b.sums[to].Bad - b.sums[from].Bad}
}

// figures returns what follows from a count.
func figures(c slo.Count, t slo.Target) Figures {
	f := Figures{Events: c.Events, Bad: c.Bad, Achieved: c.Good(), Budget: Budget{Allowed: allowed(c.Events, t)}}
	if c.Events > 0 {
		ratio, spent, left := float64(c.Events-c.Bad)/float64(c.Events), c.BurnRate(t), c.Remaining(t)
		f.AchievedRatio, f.Budget.Spent, f.Budget.Left = &ratio, &spent, &left
	}
	return f
}

// allowed returns how many of the events may be bad.
func allowed(events uint64, t slo.Target) float64 {
	const whole = 1_000_000_000
	high, low := bits.Mul64(events, uint64(whole-t.Billionths()))
	n, rest := bits.Div64(high, low, whole)
	return float64(n) + float64(rest)/whole
}

// byTrouble orders objectives by state, and within one by what is left.
func byTrouble(a, b Objective) int {
	left := func(o Objective) float64 {
		if o.Budget.Left == nil {
			return 0
		}
		return *o.Budget.Left
	}
	return cmp.Or(
		cmp.Compare(slices.Index(troubles, a.Verdict.State), slices.Index(troubles, b.Verdict.State)),
		cmp.Compare(left(a), left(b)), strings.Compare(a.SLO, b.SLO), strings.Compare(a.Service, b.Service))
}

// windowText writes a window as people say it.
func windowText(w slo.Window) string {
	if w.Calendar == "" || w.TimeZone.String() == "UTC" {
		return w.String()
	}
	return w.String() + " (" + w.TimeZone.String() + ")"
}
