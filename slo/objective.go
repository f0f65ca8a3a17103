package slo

import (
	"time"

	"github.com/traceslo/traceslo/sli"
)

// An Objective is what a service promises: that of the events of an indicator,
// within a window, at least a part is good.
type Objective struct {
	// Name is unique among all objectives: letters, digits, ".", "_" and "-".
	Name string `yaml:"name"`
	// Service is whose objective it is, the label service of its series. It is
	// left out with ForEach: service, where the value takes its place.
	Service     string `yaml:"service"`
	Description string `yaml:"description"`
	// Labels are the user's own. They stand on InfoMetric and on alerts.
	Labels map[string]string `yaml:"labels"`
	// SLI says which spans are events, and which of them are good.
	SLI sli.Indicator `yaml:"sli"`
	// ForEach makes one objective for each value that is seen: of service,
	// operation, or a dimension's label. Empty for a single one.
	ForEach string `yaml:"for_each"`
	// ForEachLimit bounds how many values are told apart; the others share one
	// objective, for the value _other. Default: 100.
	ForEachLimit int `yaml:"for_each_limit"`
	// Target is the part of the events that is to be good.
	Target Target `yaml:"objective"`
	// Window is the time that the target is kept or missed in.
	Window Window `yaml:"window"`
	// Alerting changes what the section alerting says, for this objective.
	Alerting Alerting `yaml:"alerting"`
	// Exclusions are times that do not count.
	Exclusions []Exclusion `yaml:"exclusions"`
	// ExpectsTraffic says that there is no time without events: without any for
	// source.silence, it is not idle but unmeasured.
	ExpectsTraffic bool `yaml:"expects_traffic"`
}

// A Target is a ratio above 0 and below 1, in billionths: 99.9% is 999_000_000.
// It is exact; a float64 of it is not.
type Target int64

// A Window is a time that ends now: a rolling duration in whole minutes, or a
// calendar period in a time zone. It is written 30d, or as a section.
type Window struct {
	// Rolling is the length of a rolling window, 0 for a calendar period.
	Rolling time.Duration `yaml:"rolling"`
	// Calendar is week (from Monday), month, quarter or year.
	Calendar Calendar `yaml:"calendar"`
	// TimeZone is the IANA zone in which a calendar period begins. Default: UTC.
	TimeZone Zone `yaml:"time_zone"`
}

// A Calendar is a kind of calendar period.
type Calendar string

// The kinds of calendar periods.
const (
	Week    Calendar = "week"
	Month   Calendar = "month"
	Quarter Calendar = "quarter"
	Year    Calendar = "year"
)

// A Zone is an IANA time zone; the zero Zone is UTC.
type Zone struct{ location *time.Location }

// An Exclusion is a time that does not count: once, from From to To, or again
// and again, from each time that Schedule names for Duration.
type Exclusion struct {
	From time.Time `yaml:"from"`
	To   time.Time `yaml:"to"`
	// Schedule is a cron expression of five fields, read in TimeZone.
	Schedule Schedule      `yaml:"schedule"`
	Duration time.Duration `yaml:"duration"`
	TimeZone Zone          `yaml:"time_zone"`
	// Reason is shown wherever the exclusion is.
	Reason string `yaml:"reason"`
}

// Alerting says how an objective alerts. In the section alerting of the
// configuration it holds for all objectives; in an objective, what is given
// takes the place of that.
type Alerting struct {
	// Disabled makes no burn alert at all.
	Disabled bool `yaml:"disabled"`
	// Tiers are the windows and rates that alert. Default: StandardTiers of the
	// objective's window.
	Tiers []Tier `yaml:"tiers"`
	// MinEvents and MinFailures are how many events, and bad ones, the long
	// window holds at least when a tier fires. Defaults: 10 and 3.
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
	Disabled    bool              `yaml:"disabled"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// A Tier is a pair of windows over both of which the budget burns too fast.
type Tier struct {
	// Severity is page or ticket.
	Severity string `yaml:"severity"`
	// Long and Short are whole minutes, Short the shorter.
	Long  time.Duration `yaml:"long"`
	Short time.Duration `yaml:"short"`
	// BurnRate is how many times faster than the budget allows the events are
	// bad when the tier fires.
	BurnRate Factor `yaml:"burn_rate"`
}

// A Factor is a positive decimal number, in thousandths: 14.4 is 14_400.
type Factor int64

// Links are the pages that alerts, boards and reports lead to. An empty one is left out.
type Links struct {
	// Status is the URL of traceslo's own page, as people reach it.
	Status string `yaml:"status_url"`
	// Jaeger is the URL of Jaeger's UI, as people reach it.
	Jaeger string `yaml:"jaeger_url"`
}
