package slo

import (
	"fmt"
	"time"

	"github.com/traceslo/traceslo/internal/config"
)

// Validate returns everything that is wrong with the section alerting or
// probably not meant. Retention is how long the ledger keeps its minutes; 0
// asks for no check.
func (a Alerting) Validate(retention time.Duration) []config.Fault {
	r := newReport()
	a.validate(r, retention)
	return *r.found
}

func (a Alerting) validate(r report, retention time.Duration) {
	for i, t := range a.Tiers {
		at := r.in(fmt.Sprintf("tiers[%d]", i))
		t.validate(at, retention)
		for j, earlier := range a.Tiers[:i] {
			if t.sameAlert(earlier) && t.Long != 0 {
				at.fault("", fmt.Sprintf("its alerts could not be told from those of tiers[%d], which has the same severity and long window", j), "keep one of the two")
				break
			}
		}
	}
	for _, floor := range []struct {
		path  string
		value int
	}{{"min_events", a.MinEvents}, {"min_failures", a.MinFailures}} {
		if floor.value < 0 {
			r.fault(floor.path, fmt.Sprintf("%d is negative", floor.value), "write a number from 1, which is no floor")
		}
	}
	if a.UnmeasuredAfter != 0 && a.UnmeasuredAfter < time.Minute {
		r.fault("unmeasured_after", config.FormatDuration(a.UnmeasuredAfter)+" is shorter than a minute", "write at least 1m")
	}
	for _, s := range []struct {
		path string
		Severity
	}{{"page", a.Page}, {"ticket", a.Ticket}} {
		validateLabels(r.in(s.path+".labels"), s.Labels, alertLabels)
		validateLabels(r.in(s.path+".annotations"), s.Annotations, nil)
	}
	if problem := checkURL(a.RunbookURL, "{slo}", "{service}"); problem != "" {
		r.fault("runbook_url", problem, "write for example https://wiki.example.com/{service}/{slo}")
	}
}

// validate says what is wrong with a tier whoever's it is.
func (t Tier) validate(r report, retention time.Duration) {
	switch t.Severity {
	case PageSeverity, TicketSeverity:
	case "":
		r.fault("severity", "there is no severity", "write page or ticket")
	default:
		r.fault("severity", fmt.Sprintf("%q is not a severity", t.Severity), "write page or ticket; labels of page and of ticket can say more")
	}
	sound := true
	for _, w := range []struct {
		path    string
		length  time.Duration
		example string
	}{{"long", t.Long, "1h"}, {"short", t.Short, "5m"}} {
		problem, cure := wholeMinutes(w.length)
		switch {
		case w.length == 0:
			r.fault(w.path, "there is no window", "write for example "+w.example)
		case problem != "":
			r.fault(w.path, problem, cure)
		case retention > 0 && w.length > retention:
			r.fault(w.path, fmt.Sprintf("%s is longer than slo_retention, %s", FormatWindow(w.length), config.FormatDuration(retention)), "write less")
		default:
			continue
		}
		sound = false
	}
	if sound && t.Short >= t.Long {
		r.fault("short", fmt.Sprintf("%s is not shorter than the long window, %s", FormatWindow(t.Short), FormatWindow(t.Long)), "write about a twelfth of it")
	}
	if t.BurnRate <= 0 {
		r.fault("burn_rate", "there is no burn rate", "write for example 14.4")
	}
}

// validateTiers says which of the tiers that are in effect make no sense for
// this target and this window, which both are sound.
func (o *Objective) validateTiers(r report, defaults Alerting) {
	own := len(o.Alerting.Tiers) > 0
	effective := o.With(defaults).Alerting
	tiers := effective.Tiers
	if len(tiers) == 0 {
		tiers = StandardTiers(o.Window)
	}
	budget := whole - o.Target
	for i, t := range tiers {
		if effective.mutes(t) || t.BurnRate <= 0 || t.Long <= 0 {
			continue
		}
		name := ""
		longPath, ratePath := fmt.Sprintf("alerting.tiers[%d].long", i), fmt.Sprintf("alerting.tiers[%d].burn_rate", i)
		shorter, lower := "write less", "write at most "+highestRate(budget).String()
		if !own {
			name = fmt.Sprintf("for the %s of %s, ", t.Severity, FormatWindow(t.Long))
			longPath, ratePath = "window", "objective"
			shorter = "write a longer window, or tiers in alerting"
			lower = fmt.Sprintf("write at least %s, or tiers in alerting", lowestTarget(t.BurnRate))
		}
		if t.Long > o.Window.Length() {
			r.warn(longPath, fmt.Sprintf("%s%s is longer than the objective's window, %s", name, FormatWindow(t.Long), o.Window), shorter)
		}
		// Neither factor is rounded, and their product is below 1e18.
		if burnt := int64(t.BurnRate) * int64(budget); burnt >= int64(one)*int64(whole) {
			r.warn(ratePath, fmt.Sprintf("%s%s × %s = %s%%: even a total outage burns slower, so that it never fires", name,
				t.BurnRate, budget, formatDecimal(burnt, percentPlaces+factorPlaces)), lower)
		}
		if own && t.BurnRate < one {
			r.warn(ratePath, fmt.Sprintf("%s fires although the budget would outlast the window", t.BurnRate), "write at least 1")
		}
	}
}

// highestRate returns the highest burn rate that a total outage exceeds.
func highestRate(budget Target) Factor {
	return Factor((int64(one)*int64(whole) - 1) / int64(budget))
}

// lowestTarget returns the lowest target, in hundredths of a percent if there
// is one, at which a total outage exceeds the burn rate.
func lowestTarget(rate Factor) Target {
	budget := Target((int64(one)*int64(whole) - 1) / int64(rate))
	const hundredth = whole / 10_000
	if budget > hundredth {
		budget -= budget % hundredth
	}
	return whole - budget
}
