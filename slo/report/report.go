// Package report tells how objectives fared over a period: what was promised
// and what was kept, what burnt the error budgets, and what the budget policy
// says to that.
//
// Its place is at the end of the flow, beside rules and dashboards:
//
//	source ← sli ← slo ← slo/report ← cmd/traceslo
//
// Build makes a Report, which is plain data, from the ledger; each rendering of
// it has a file of its own: HTML, Markdown, JSON, CSV. The same data make the
// same bytes. All names in it are from spans, and shown so that they harm
// nobody.
package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
)

// Schema names the shape of a Report as JSON. Fields may be added to it; what
// is there keeps its name and meaning as long as this name.
const Schema = "traceslo.report/v1"

// A Report tells how objectives fared over a period.
type Report struct {
	Schema string `json:"schema"`
	// Made is when it was made.
	Made   time.Time `json:"made"`
	Period Period    `json:"period"`
	// Runs holds if the period had not ended then: all figures are so far.
	Runs     bool   `json:"runs"`
	Previous Period `json:"previous_period"`
	// Upto is the time up to which the ledger knew what happened; absent before
	// the first complete read.
	Upto time.Time `json:"known_up_to,omitzero"`
	// Notes say what else is to be known of where the figures come from, as that a
	// reader is missing; a sentence each.
	Notes  []string `json:"notes,omitempty"`
	Policy Policy   `json:"policy"`
	// Objectives are sorted by trouble, most first.
	Objectives []Objective `json:"objectives"`
}

// An Objective is how one objective fared, for one value if it has one for each.
type Objective struct {
	// SLO and Service are the labels of its series.
	SLO         string            `json:"slo"`
	Service     string            `json:"service"`
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	// Target is the part of the events that is to be good, Window the time that
	// it alerts by, which may be another than the period.
	Target  slo.Target `json:"objective"`
	Window  string     `json:"window"`
	Verdict Verdict    `json:"verdict"`
	Figures
	Coverage Coverage `json:"coverage"`
	// Series are the figures of the period's parts, all equally long but the last.
	Series []Step `json:"series"`
	// WorstDays and WorstHours are those of the zone's clocks with most bad events.
	WorstDays  []Stretch  `json:"worst_days"`
	WorstHours []Stretch  `json:"worst_hours"`
	Incidents  []Incident `json:"incidents"`
	Culprits   Culprits   `json:"culprits"`
	// Exclusions are those that touch the period.
	Exclusions []Exclusion `json:"exclusions"`
	// Unmeasured are the times that nobody can tell of, without excluded ones.
	Unmeasured []Span `json:"unmeasured"`
	// Before is the period before, BeforeUnmeasured how many minutes of it nobody
	// can tell of.
	Before           Figures `json:"previous"`
	BeforeUnmeasured int     `json:"previous_unmeasured_minutes"`
}

// Figures are exact counts of a time and what follows from them.
type Figures struct {
	Events uint64 `json:"events"`
	Bad    uint64 `json:"bad_events"`
	// Achieved is the part that was good in percent, rounded down to four
	// decimals; "none" without events.
	Achieved string `json:"achieved"`
	// AchievedRatio is the same, unrounded; null without events.
	AchievedRatio *float64 `json:"achieved_ratio"`
	Budget        Budget   `json:"error_budget"`
}

// A Budget is the error budget of the events of a time: the part of them that
// the objective lets be bad.
type Budget struct {
	// Allowed is how many of the events may be bad.
	Allowed float64 `json:"allowed_bad_events"`
	// Spent and Left are parts of it, 1 for all; null without events. Left is
	// below 0 if more is spent than there is.
	Spent *float64 `json:"spent_ratio"`
	Left  *float64 `json:"left_ratio"`
}

// A Verdict is what the budget policy says.
type Verdict struct {
	State State  `json:"state"`
	Text  string `json:"text"`
}

// A State is how an error budget stands.
type State string

// The states, in order of trouble.
const (
	// Exhausted holds, while the period runs, if all of its budget is spent at
	// the rate of events so far.
	Exhausted State = "exhausted"
	AtRisk    State = "at_risk"
	// NoData holds without events, and if too little is known to call what is
	// left within budget.
	NoData       State = "no_data"
	WithinBudget State = "within_budget"
)

// String returns the state in words.
func (s State) String() string { return strings.ReplaceAll(string(s), "_", " ") }

var troubles = []State{Exhausted, AtRisk, NoData, WithinBudget}

// Options are what a Report is made of.
type Options struct {
	Period Period
	// SLOs are the names of those to report, all if there are none: names of
	// series, or of objectives, which then stand for all of their values.
	SLOs []string
	// Dimensions are the labels of the dimensions that culprits have, in order.
	Dimensions []string
	Policy     Policy
	// Notes are those of Report.
	Notes []string
	// Now is this machine's time.
	Now time.Time
	// Progress, if there is one, is told after each objective how many are done.
	Progress func(done, all int)
}

// Build makes a report from the ledger. tx is of the ledger's state file. A name
// of Options.SLOs that the ledger does not have is an error, and so is the end of ctx.
func Build(ctx context.Context, l *slo.Ledger, tx *state.Tx, o Options) (*Report, error) {
	r := &Report{
		Schema: Schema, Made: o.Now.In(o.Period.Zone.Location()).Truncate(time.Second), Policy: o.Policy, Notes: o.Notes,
		Period: o.Period, Runs: o.Period.Runs(o.Now), Previous: o.Period.Previous(), Objectives: []Objective{},
	}
	excerpt, err := l.Excerpt(tx, r.Previous.From)
	if err != nil {
		return nil, err
	}
	if upto := excerpt.Upto(); !upto.IsZero() {
		r.Upto = upto.In(o.Period.Zone.Location())
	}
	records, err := selected(excerpt.Records(), o.SLOs)
	if err != nil {
		return nil, err
	}
	b := &builder{Options: o, report: r, upto: excerpt.Upto()}
	for i, record := range records {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := b.add(record); err != nil {
			return nil, fmt.Errorf("objective %q of service %q: %w", record.SLO, record.Service, err)
		}
		if o.Progress != nil {
			o.Progress(i+1, len(records))
		}
	}
	slices.SortStableFunc(r.Objectives, byTrouble)
	return r, nil
}
