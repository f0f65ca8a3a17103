package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo"
)

// unknown stands for a figure that nobody knows.
const unknown = "–"

// count writes a number with commas, 1,234,567.
func count[N uint64 | int](n N) string {
	text := strconv.FormatUint(uint64(n), 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// percent writes a part with one decimal, rounded down, so that what is left
// never looks more than it is.
func percent(v *float64) string {
	if v == nil {
		return unknown
	}
	tenths := math.Floor(*v*1000 + 1e-9)
	return strconv.FormatFloat(tenths/10+0, 'f', 1, 64) + "%"
}

// share writes a part with one decimal, or that it is less than can be told so.
func share(v float64) string {
	if v > 0 && v < 0.0005 {
		return "<0.1%"
	}
	return strconv.FormatFloat(v*100, 'f', 1, 64) + "%"
}

// amount writes how many bad events are allowed, rounded down.
func amount(v float64) string {
	if v < 100 {
		return strconv.FormatFloat(math.Floor(v*10)/10, 'f', 1, 64)
	}
	return count(uint64(v))
}

const (
	minuteLayout = "2006-01-02 15:04 MST"
	dayLayout    = "Mon 2006-01-02"
)

// when writes a time by the clocks of its zone.
func when(at time.Time) string { return at.Format(minuteLayout) }

// span writes a stretch of time; on one day, the second time alone.
func span(from, to time.Time) string {
	if from.Format(time.DateOnly) == to.Format(time.DateOnly) {
		first := from.Format("2006-01-02 15:04")
		if from.Format("MST") != to.Format("MST") {
			first = when(from)
		}
		return first + " – " + to.Format("15:04 MST")
	}
	return when(from) + " – " + when(to)
}

// length writes how long something took: 28d23h rather than 695h.
func length(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 2*day || d%day == 0 {
		return config.FormatDuration(d)
	}
	return config.FormatDuration(d.Truncate(day)) + config.FormatDuration(d%day)
}

// minutesLong writes so many minutes as a length.
func minutesLong(n int) string {
	if n == 0 {
		return "none"
	}
	return length(time.Duration(n) * time.Minute)
}

// spentWords says in words what became of the error budget.
func (f Figures) spentWords() string {
	return fmt.Sprintf("%s of %s allowed bad events: %s left", count(f.Bad), amount(f.Budget.Allowed), percent(f.Budget.Left))
}

// change says in words how the period before went, and how this one compares.
func (o Objective) change() string {
	before := o.Before.Budget.Left
	if before == nil {
		return "no event to compare with"
	}
	text := fmt.Sprintf("%s of the budget was left then (%s good, %s bad of %s)", percent(before), o.Before.Achieved, count(o.Before.Bad), count(o.Before.Events))
	if o.Budget.Left != nil {
		switch difference := *o.Budget.Left - *before; {
		case difference > 0.0005:
			text += "; now it is more"
		case difference < -0.0005:
			text += "; now it is less"
		default:
			text += "; now it is as much"
		}
	}
	if o.BeforeUnmeasured > 0 {
		text += "; " + minutesLong(o.BeforeUnmeasured) + " of it was unmeasured"
	}
	return text
}

// incidentsWords says how many incidents there were, and how many of these paged.
func (o Objective) incidentsWords() string {
	paged := 0
	for _, i := range o.Incidents {
		if slices.ContainsFunc(i.Tiers, func(t IncidentTier) bool { return t.Severity == slo.PageSeverity }) {
			paged++
		}
	}
	if len(o.Incidents) == 0 {
		return "none"
	}
	return fmt.Sprintf("%s (%d)", count(len(o.Incidents)), paged)
}

// summary says in words how many objectives are in which state.
func (r *Report) summary() string {
	if len(r.Objectives) == 0 {
		return "There is no objective to report."
	}
	counts := map[State]int{}
	for _, o := range r.Objectives {
		counts[o.Verdict.State]++
	}
	var parts []string
	for _, s := range troubles {
		if n := counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	noun := "objectives"
	if len(r.Objectives) == 1 {
		noun = "objective"
	}
	return fmt.Sprintf("%d %s: %s.", len(r.Objectives), noun, strings.Join(parts, ", "))
}

// known says up to when the figures hold, "" if they hold for all of the period.
func (r *Report) known() string {
	switch {
	case r.Upto.IsZero():
		return "Nothing was read to its end yet: all figures are of what was read so far, and nothing is measured."
	case r.Runs:
		return "The period goes on: all figures are so far, as known up to " + when(r.Upto) + "."
	case r.Upto.Before(r.Period.To):
		return "The ledger is known up to " + when(r.Upto) + "; what came after is unmeasured."
	}
	return ""
}

// words says in words how much is known.
func (c Coverage) words() string {
	text := "all of it is excluded or to come"
	if c.Ratio != nil {
		text = fmt.Sprintf("%s: measured %s, idle %s, unmeasured %s", percent(c.Ratio), minutesLong(c.Measured), minutesLong(c.Idle), minutesLong(c.Unmeasured))
	}
	if c.Excluded > 0 {
		text += ", excluded " + minutesLong(c.Excluded)
	}
	if c.ToCome > 0 {
		text += ", to come " + minutesLong(c.ToCome)
	}
	return text
}

// words says in words how long a tier was exceeded.
func (t IncidentTier) words() string {
	window := func(text string) string {
		if d, err := config.ParseDuration(text); err == nil {
			return length(d) // 16h48m rather than 1008m
		}
		return text
	}
	return fmt.Sprintf("%s: above %s over %s and %s for %s", t.Severity, t.BurnRate, window(t.Long), window(t.Short), minutesLong(t.Minutes))
}

// note says what an incident's span does not show.
func (i Incident) note() string {
	switch {
	case i.Before && i.Runs:
		return "began before, goes on"
	case i.Before:
		return "began before"
	case i.Runs:
		return "goes on"
	}
	return ""
}

// count of a culprit, of which there may have been more.
func (c Culprit) count() string {
	if c.AtLeast {
		return "at least " + count(c.Bad)
	}
	return count(c.Bad)
}

// daysNote says which days the culprits are of, if these are not the period's
// or have bad events that do not count in it.
func (o Objective) daysNote(p Period) string {
	c := o.Culprits
	if c.From.Equal(p.From) && c.To.Equal(p.To) && c.Bad == o.Bad {
		return ""
	}
	text := "They are kept by days of UTC"
	if len(o.Exclusions) > 0 {
		text += ", excluded times among them"
	}
	text += ": these are of " + c.From.Format(time.DateOnly)
	if last := c.To.AddDate(0, 0, -1); last.After(c.From) {
		text += " to " + last.Format(time.DateOnly)
	}
	text += ", with " + count(c.Bad) + " bad events"
	if c.Bad != o.Bad {
		text += " against " + count(o.Bad) + " that count in the period"
	}
	return text + "."
}

// maxShown is how many incidents a page shows.
const maxShown = 10

// worstIncidents returns those that burnt most, in order of time, and how many
// are left out.
func worstIncidents(all []Incident) (shown []Incident, rest int) {
	shown = slices.Clone(all)
	slices.SortStableFunc(shown, func(a, b Incident) int { return cmp.Compare(b.Bad, a.Bad) })
	shown = shown[:min(maxShown, len(shown))]
	slices.SortFunc(shown, func(a, b Incident) int { return a.From.Compare(b.From) })
	return shown, len(all) - len(shown)
}

// promise says what an objective promises.
func (o Objective) promise() string { return o.Target.String() + " good, alerts by " + o.Window }

// spent returns the part of the budget that is spent, at most 1, for a bar.
func (f Figures) spent() float64 {
	if f.Budget.Spent == nil {
		return 0
	}
	return min(1, *f.Budget.Spent)
}
