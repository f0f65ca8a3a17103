package slo

import (
	"fmt"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
)

// maxExclusion bounds what comes again and again.
const maxExclusion = 7 * day

func validateExclusions(r report, xs []Exclusion) {
	var recurring []Exclusion
	for i, x := range xs {
		at := r.in(fmt.Sprintf("[%d]", i))
		x.validate(at)
		if x.Schedule.spec != nil && x.Duration > 0 && x.Duration <= maxExclusion {
			recurring = append(recurring, x)
		}
	}
	// What comes in one leap year stands for all time.
	from, to := time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)
	var excluded time.Duration
	for _, i := range Excluded(recurring, from, to) {
		excluded += i.To.Sub(i.From)
	}
	if share := excluded * 100 / to.Sub(from); share >= 50 {
		r.warn("", fmt.Sprintf("%d%% of all time does not count", share), "make sure that the objective is meant for the rest alone")
	}
}

func (x Exclusion) validate(r report) {
	once := !x.From.IsZero() || !x.To.IsZero()
	recurs := x.Schedule.spec != nil || x.Duration != 0
	switch {
	case once && recurs:
		r.fault("", "from and to are one exclusion, schedule and duration another", "write each on its own")
	case once:
		x.validateOnce(r)
	case recurs:
		x.validateRecurring(r)
	default:
		r.fault("", "there is no time", "write from and to, or schedule and duration")
	}
	if strings.TrimSpace(x.Reason) == "" {
		r.fault("reason", "there is no reason", "write why this time does not count; it is shown wherever the budget is")
	}
}

func (x Exclusion) validateOnce(r report) {
	switch {
	case x.From.IsZero():
		r.fault("from", "there is no beginning", "write for example 2026-03-29T02:00:00Z")
	case x.To.IsZero():
		r.fault("to", "there is no end", "write for example 2026-03-29T02:00:00Z")
	case !x.From.Before(x.To):
		r.fault("to", fmt.Sprintf("%s is not after %s", x.To.Format(time.RFC3339), x.From.Format(time.RFC3339)), "write a later time")
	}
	if x.TimeZone != (Zone{}) {
		r.fault("time_zone", "from and to say their offsets themselves", "leave it out")
	}
}

func (x Exclusion) validateRecurring(r report) {
	if x.Schedule.spec == nil {
		r.fault("schedule", "there is no schedule", scheduleCure)
	}
	if x.Duration == 0 {
		r.fault("duration", "there is no duration", "write for example 2h")
	} else if problem, cure := wholeMinutes(x.Duration); problem != "" {
		r.fault("duration", problem, cure)
	} else if x.Duration > maxExclusion {
		r.fault("duration", config.FormatDuration(x.Duration)+" is longer than "+config.FormatDuration(maxExclusion), "write less; a longer time has a from and a to")
	}
}
