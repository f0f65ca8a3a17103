package web

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo"
)

// An Objective is how an objective stands, for one value if it has one for each.
type Objective struct {
	// SLO and Service are the labels of its series; Name is that of the
	// configuration, which all values of for_each share.
	SLO         string            `json:"slo"`
	Service     string            `json:"service"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Labels      map[string]string `json:"labels"`
	// Target is written as in the configuration, 99.9%, and TargetRatio a number.
	Target      string  `json:"objective"`
	TargetRatio float64 `json:"objective_ratio"`
	Window      string  `json:"window"`
	// From and To are what of the window has passed, null if nothing was ever read to its end.
	From *time.Time `json:"window_from"`
	To   *time.Time `json:"window_to"`
	// State is one word from a closed set, Text says more, and Trouble holds if
	// somebody should look.
	State   State  `json:"state"`
	Text    string `json:"state_text"`
	Trouble bool   `json:"trouble"`
	// Excluded holds while an exclusion runs.
	Excluded  bool   `json:"excluded"`
	Events    uint64 `json:"events"`
	BadEvents uint64 `json:"bad_events"`
	// Good is the part that was good, 99.95%, rounded down; "none" without events.
	Good string `json:"good"`
	// Remaining is the part of the error budget that is left, below 0 if it is
	// overspent; null without events.
	Remaining *float64 `json:"error_budget_remaining_ratio"`
	// Coverage is the part of the window that was measured; null if all of it is excluded.
	Coverage *float64 `json:"coverage_ratio"`
	Tiers    []Tier   `json:"tiers"`
	// Path is that of the objective's page, from the page of all.
	Path string `json:"path"`

	standing slo.Standing
	rank     int
}

// A Tier is how fast the budget burns in the two windows of an alert.
type Tier struct {
	Severity  string  `json:"severity"`
	Long      string  `json:"long"`
	Short     string  `json:"short"`
	Limit     float64 `json:"burn_rate_limit"`
	LongRate  float64 `json:"long_burn_rate"`
	ShortRate float64 `json:"short_burn_rate"`
	// LongEvents and LongBad are what the long window holds, ShortEvents and
	// ShortBad the same of the short one.
	LongEvents  uint64 `json:"long_events"`
	LongBad     uint64 `json:"long_bad_events"`
	ShortEvents uint64 `json:"short_events"`
	ShortBad    uint64 `json:"short_bad_events"`
	Burning     bool   `json:"burning"`
}

// A State is one word for how an objective stands.
type State string

// The states of an objective.
const (
	OK             State = "ok"
	Burning        State = "burning"
	Spent          State = "spent"
	Unmeasured     State = "unmeasured"
	MatchesNothing State = "matches_nothing"
	NoEvents       State = "no_events"
	ExcludedNow    State = "excluded"
)

var states = []State{Burning, Spent, Unmeasured, MatchesNothing, OK, ExcludedNow, NoEvents}

// The ranks by which objectives are sorted, those in trouble first.
const (
	rankPage = iota
	rankSpent
	rankTicket
	rankUnmeasured
	rankUnmatched
	rankOK
	rankExcluded
	rankIdle
)

// all returns the objectives, those in trouble first, and the time up to which
// they are measured. Nothing is at work for a nil running.
func (s *Server) all(running *Running, now time.Time) (rows []Objective, upto time.Time) {
	if running == nil {
		return nil, time.Time{}
	}
	standings, upto := measured(running, now)
	rows = make([]Objective, len(standings))
	for i, standing := range standings {
		rows[i] = describe(standing, now, upto)
	}
	slices.SortStableFunc(rows, func(a, b Objective) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.left(), b.left()))
	})
	return rows, upto
}

// measured returns how objectives stand, and the time up to which they are
// measured, zero if nothing was ever read to its end.
func measured(running *Running, now time.Time) (standings []slo.Standing, upto time.Time) {
	standings, upto = running.Ledger.Standings(now)
	if len(standings) == 0 || standings[0].To.IsZero() {
		return standings, time.Time{}
	}
	return standings, upto
}

// left orders objectives by how much is left of their budgets.
func (o *Objective) left() float64 {
	if o.Remaining == nil {
		return 2 // nothing is known, after all that is
	}
	return *o.Remaining
}

func describe(s slo.Standing, now, upto time.Time) Objective {
	o := s.Objective
	out := Objective{
		SLO: s.SLO, Service: s.Service, Name: o.Name, Description: o.Description, Labels: o.Labels,
		Target: o.Target.String(), TargetRatio: o.Target.Float(), Window: o.Window.String(), From: known(s.From), To: known(s.To),
		Excluded: s.Excluded, Events: s.Own.Events, BadEvents: s.Own.Bad, Good: s.Own.Good(),
		Tiers: []Tier{}, Path: path(s), standing: s,
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	if s.Own.Events > 0 {
		left := s.Own.Remaining(o.Target)
		out.Remaining = &left
	}
	if s.Measurable {
		coverage := s.Coverage
		out.Coverage = &coverage
	}
	for _, t := range s.Tiers {
		out.Tiers = append(out.Tiers, Tier{
			Severity: t.Severity, Long: slo.FormatWindow(t.Long), Short: slo.FormatWindow(t.Short), Limit: t.BurnRate.Float(),
			LongRate: t.LongCount.BurnRate(o.Target), ShortRate: t.ShortCount.BurnRate(o.Target),
			LongEvents: t.LongCount.Events, LongBad: t.LongCount.Bad, ShortEvents: t.ShortCount.Events, ShortBad: t.ShortCount.Bad, Burning: t.Burning(o),
		})
	}
	out.judge(now, upto)
	return out
}

// judge says how the objective stands. That nobody can tell goes before what
// was so when somebody last could, which is told too.
func (o *Objective) judge(now, upto time.Time) {
	o.State, o.Text, o.Trouble, o.rank = o.lastKnown()
	switch unmeasured := now.Sub(upto); {
	case upto.IsZero():
		o.State, o.Text, o.Trouble, o.rank = Unmeasured, "not measured yet", false, rankUnmeasured
	case unmeasured > o.standing.Objective.Alerting.UnmeasuredAfter:
		text := "not measured for " + config.FormatDuration(unmeasured.Truncate(time.Minute))
		if o.Trouble {
			text += ", then: " + o.Text
		}
		o.State, o.Text, o.Trouble, o.rank = Unmeasured, text, true, min(o.rank, rankUnmeasured)
	}
}

// lastKnown says how the objective stood at the ledger's clock.
func (o *Objective) lastKnown() (state State, text string, trouble bool, rank int) {
	s := o.standing
	burning := slices.IndexFunc(o.Tiers, func(t Tier) bool { return t.Burning })
	switch {
	case s.Own.Events == 0 && s.Unmatched:
		return MatchesNothing, "matches nothing", true, rankUnmatched
	case s.Own.Events == 0:
		return NoEvents, "no events", false, rankIdle
	case s.Excluded:
		return ExcludedNow, "excluded now", false, rankExcluded
	case burning >= 0:
		t := s.Tiers[burning]
		text := fmt.Sprintf("burns above %s (%s)", t.BurnRate, t.Severity)
		if s.Spent() {
			text = "budget spent, " + text
		}
		switch {
		case t.Severity == slo.PageSeverity:
			return Burning, text, true, rankPage
		case s.Spent():
			return Spent, text, true, rankSpent
		}
		return Burning, text, true, rankTicket
	case s.Spent():
		return Spent, "budget spent", true, rankSpent
	}
	return OK, "ok", false, rankOK
}

// path returns the path of an objective's page, to which alerts lead: its name
// as one segment, and its service where the name has several.
func path(s slo.Standing) string {
	p := "slo/" + url.PathEscape(s.SLO)
	if s.Objective.Service == "" {
		p += "?service=" + url.QueryEscape(s.Service)
	}
	return p
}

// find returns the objectives that a request for one names, by its label slo or
// by the name of the configuration.
func find(all []Objective, name, service string) []Objective {
	return slices.DeleteFunc(slices.Clone(all), func(o Objective) bool {
		return o.SLO != name && o.Name != name || service != "" && o.Service != service
	})
}

// names returns the names that objectives can be asked for by, each once.
func names(all []Objective) []string {
	var found []string
	for _, o := range all {
		found = append(found, o.SLO, o.Name)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// choices says which services an objective is for, so that one can be chosen.
func choices(of []Objective) string {
	var services []string
	for _, o := range of {
		services = append(services, o.Service)
	}
	slices.Sort(services)
	services = slices.Compact(services)
	if len(services) > maxChoices {
		services = append(services[:maxChoices], "…")
	}
	return strings.Join(services, ", ")
}

const maxChoices = 10
