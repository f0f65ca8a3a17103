package report

import (
	"time"

	"github.com/traceslo/traceslo/slo"
)

// Coverage is how much of the period is known, in minutes. Each minute is one
// of these.
type Coverage struct {
	// Measured are those with events, Idle those without.
	Measured int `json:"measured_minutes"`
	Idle     int `json:"idle_minutes"`
	// Unmeasured are those that nobody can tell of.
	Unmeasured int `json:"unmeasured_minutes"`
	Excluded   int `json:"excluded_minutes"`
	// ToCome are those after the time of the report.
	ToCome int `json:"minutes_to_come"`
	// Ratio is the part of what is neither excluded nor to come that is measured
	// or idle; null where there is nothing else.
	Ratio *float64 `json:"ratio"`
}

// A Span is a stretch of time.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// past cuts off what has not come yet.
func (b *builder) past(all []slo.Interval) []slo.Interval {
	now := b.Now.Truncate(time.Minute)
	var out []slo.Interval
	for _, i := range all {
		if i.To.After(now) {
			i.To = now
		}
		if i.From.Before(i.To) {
			out = append(out, i)
		}
	}
	return out
}

func (b *builder) coverage(unmeasured, excluded []slo.Interval) Coverage {
	var c Coverage
	future := max(b.minute(b.Period.From), b.minute(b.Now))
	in := func(all *[]slo.Interval, at time.Time) bool {
		for len(*all) > 0 && !(*all)[0].To.After(at) {
			*all = (*all)[1:]
		}
		return len(*all) > 0 && !(*all)[0].From.After(at)
	}
	at := b.Period.From
	for m := b.minute(at); m < len(b.counts); m++ {
		out, dark := in(&excluded, at), in(&unmeasured, at)
		switch {
		case out:
			c.Excluded++
		case m >= future:
			c.ToCome++
		case dark:
			c.Unmeasured++
		case b.counts[m].Events > 0:
			c.Measured++
		default:
			c.Idle++
		}
		at = at.Add(time.Minute)
	}
	if known := c.Measured + c.Idle; known+c.Unmeasured > 0 {
		ratio := float64(known) / float64(known+c.Unmeasured)
		c.Ratio = &ratio
	}
	return c
}

// without returns all without what is in out; both are ascending and apart.
func without(all, out []slo.Interval) []slo.Interval {
	var rest []slo.Interval
	for _, i := range all {
		for _, x := range out {
			if !x.To.After(i.From) || !x.From.Before(i.To) {
				continue
			}
			if i.From.Before(x.From) {
				rest = append(rest, slo.Interval{From: i.From, To: x.From})
			}
			i.From = x.To
		}
		if i.From.Before(i.To) {
			rest = append(rest, i)
		}
	}
	return rest
}

// spans returns intervals by the clocks of the period's zone.
func (b *builder) spans(all []slo.Interval) []Span {
	out := []Span{}
	for _, i := range all {
		out = append(out, Span{b.local(i.From), b.local(i.To)})
	}
	return out
}

func (b *builder) local(at time.Time) time.Time { return at.In(b.Period.Zone.Location()) }
