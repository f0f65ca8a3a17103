package slo

import (
	"cmp"
	"maps"
	"net/url"
	"strings"
	"time"
)

// Alerting says how an objective alerts. In the section alerting of the
// configuration it holds for all objectives; in an objective, what is given
// takes the place of that.
type Alerting struct {
	// Disabled makes no burn alert at all. An objective cannot enable what the
	// section disables.
	Disabled bool `yaml:"disabled"`
	// Tiers are the windows and rates that alert. Default: StandardTiers of the
	// objective's window.
	Tiers []Tier `yaml:"tiers"`
	// MinEvents and MinFailures are how many events, and bad ones, the long
	// window holds at least when a tier fires; 1 is no floor. Defaults: 10 and 3.
	MinEvents   int `yaml:"min_events"`
	MinFailures int `yaml:"min_failures"`
	// UnmeasuredAfter is how long measuring may stand still before that alerts. Default: 10m.
	UnmeasuredAfter time.Duration `yaml:"unmeasured_after"`
	// Page and Ticket say more about the alerts of each severity.
	Page   Severity `yaml:"page"`
	Ticket Severity `yaml:"ticket"`
	// RunbookURL is linked by the alerts; {slo} and {service} in it are replaced.
	RunbookURL string `yaml:"runbook_url"`
}

// A Severity says how the alerts that page, or those that open a ticket, look.
type Severity struct {
	// Disabled makes none of these alerts. An objective cannot enable what the
	// section disables.
	Disabled bool `yaml:"disabled"`
	// Labels and Annotations are added. Those of an objective go before those
	// of the section of the same name.
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// What an objective has for which neither it nor the section alerting says anything.
const (
	defaultMinEvents       = 10
	defaultMinFailures     = 3
	defaultUnmeasuredAfter = 10 * time.Minute
	defaultForEachLimit    = 100
)

// DefaultAlerting returns the section alerting of an empty file.
func DefaultAlerting() Alerting {
	return Alerting{MinEvents: defaultMinEvents, MinFailures: defaultMinFailures, UnmeasuredAfter: defaultUnmeasuredAfter}
}

// With returns the objective as it is in effect: what it leaves out of alerting
// is that of defaults, the section alerting, and then the built-in default.
// Tiers stay empty where neither names any; TierList knows those. It may be
// called on its own result. Nothing of o or defaults is shared but the tiers,
// which nobody writes to.
func (o Objective) With(defaults Alerting) Objective {
	a := &o.Alerting
	a.Disabled = a.Disabled || defaults.Disabled
	if len(a.Tiers) == 0 {
		a.Tiers = defaults.Tiers
	}
	a.MinEvents = cmp.Or(a.MinEvents, defaults.MinEvents, defaultMinEvents)
	a.MinFailures = cmp.Or(a.MinFailures, defaults.MinFailures, defaultMinFailures)
	a.UnmeasuredAfter = cmp.Or(a.UnmeasuredAfter, defaults.UnmeasuredAfter, defaultUnmeasuredAfter)
	a.RunbookURL = cmp.Or(a.RunbookURL, defaults.RunbookURL)
	a.Page = a.Page.with(defaults.Page)
	a.Ticket = a.Ticket.with(defaults.Ticket)
	if o.ForEach != "" {
		o.ForEachLimit = cmp.Or(o.ForEachLimit, defaultForEachLimit)
	}
	return o
}

// Runbook returns the URL of the objective that has these labels, "" for none.
func (a Alerting) Runbook(slo, service string) string {
	return strings.NewReplacer("{slo}", url.PathEscape(slo), "{service}", url.PathEscape(service)).Replace(a.RunbookURL)
}

func (s Severity) with(defaults Severity) Severity {
	return Severity{
		Disabled:    s.Disabled || defaults.Disabled,
		Labels:      merged(defaults.Labels, s.Labels),
		Annotations: merged(defaults.Annotations, s.Annotations),
	}
}

// merged returns a table of both, in which what is over goes before what is under.
func merged(under, over map[string]string) map[string]string {
	if len(under)+len(over) == 0 {
		return nil
	}
	table := map[string]string{}
	maps.Copy(table, under)
	maps.Copy(table, over)
	return table
}
