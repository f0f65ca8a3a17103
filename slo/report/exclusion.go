package report

import (
	"fmt"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo"
)

// An Exclusion is a time that does not count, or one that comes again and again.
type Exclusion struct {
	Reason string `json:"reason"`
	// Schedule says when one comes again, empty for one that comes once.
	Schedule string `json:"schedule,omitempty"`
	// Times are its stretches within the period, the first of them if there are
	// many; Count is how many there are, Minutes how long they are in all.
	Times   []Span `json:"times"`
	Count   int    `json:"count"`
	Minutes int    `json:"minutes"`
	// seen are all of its stretches, joined where a plot shows nothing between.
	seen []Span
}

// maxTimes is how many stretches of an exclusion are told.
const maxTimes = 60

// plotParts is into how many parts of a plot nobody could tell it apart.
const plotParts = 500

func (b *builder) exclusions(all []slo.Exclusion) []Exclusion {
	out := []Exclusion{}
	for _, x := range all {
		times := x.Between(b.Period.From, b.Period.To)
		if len(times) == 0 {
			continue
		}
		of := Exclusion{Reason: x.Reason, Count: len(times), Times: b.spans(times[:min(maxTimes, len(times))]), seen: b.spans(b.seen(times))}
		if text := x.Schedule.String(); text != "" {
			of.Schedule = fmt.Sprintf("%s (%s), for %s", text, x.TimeZone, config.FormatDuration(x.Duration))
		}
		for _, i := range times {
			of.Minutes += int(i.To.Sub(i.From) / time.Minute)
		}
		out = append(out, of)
	}
	return out
}

// seen joins what is so close by that nobody could see it apart in a plot.
func (b *builder) seen(times []slo.Interval) []slo.Interval {
	thin := b.Period.To.Sub(b.Period.From) / plotParts
	var out []slo.Interval
	for _, i := range times {
		if n := len(out); n > 0 && i.From.Sub(out[n-1].To) < thin {
			out[n-1].To = i.To
			continue
		}
		out = append(out, i)
	}
	return out
}
