package report

import (
	"time"

	"github.com/traceslo/traceslo/slo"
)

// A Step is the figures of a part of the period.
type Step struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Events uint64    `json:"events"`
	Bad    uint64    `json:"bad_events"`
	// Left is which part of the error budget of the whole period is left at To;
	// null where nothing is known of the step, and after what is known.
	Left *float64 `json:"budget_left_ratio"`
}

// maxSteps is how many steps a series has at most: as many as a plot shows.
const maxSteps = 128

// stepLengths are the lengths that steps may have, in minutes.
var stepLengths = []time.Duration{1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2 * 1440, 3 * 1440, 7 * 1440, 14 * 1440}

func (b *builder) stepLength() time.Duration {
	length := b.Period.To.Sub(b.Period.From)
	for _, l := range stepLengths {
		if length <= maxSteps*l*time.Minute {
			return l * time.Minute
		}
	}
	return stepLengths[len(stepLengths)-1] * time.Minute
}

// series returns the steps. What is left is reckoned from the budget of all
// events of the period, so that it falls to what is left in the end and never rises.
func (b *builder) series(total slo.Count, t slo.Target, unmeasured []slo.Interval) []Step {
	var steps []Step
	bad := uint64(0)
	length := b.stepLength()
	for from := b.Period.From; from.Before(b.Period.To); from = from.Add(length) {
		to := from.Add(length)
		if to.After(b.Period.To) {
			to = b.Period.To
		}
		c := b.count(from, to)
		bad += c.Bad
		s := Step{From: b.local(from), To: b.local(to), Events: c.Events, Bad: c.Bad}
		for len(unmeasured) > 0 && !unmeasured[0].To.After(from) {
			unmeasured = unmeasured[1:]
		}
		dark := len(unmeasured) > 0 && !unmeasured[0].From.After(from) && !unmeasured[0].To.Before(to)
		if total.Events > 0 && !dark {
			left := slo.Count{Events: total.Events, Bad: bad}.Remaining(t)
			s.Left = &left
		}
		steps = append(steps, s)
	}
	return steps
}
