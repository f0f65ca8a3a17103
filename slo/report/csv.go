package report

import (
	"encoding/csv"
	"io"
	"regexp"
	"strconv"
	"time"

	"github.com/traceslo/traceslo/internal/harmless"
)

// columns are those of the CSV, a row an objective, sorted by trouble.
var columns = []struct {
	name  string
	value func(*Report, *Objective) string
}{
	{"period", func(r *Report, _ *Objective) string { return r.Period.Name }},
	{"from", func(r *Report, _ *Objective) string { return r.Period.From.Format(time.RFC3339) }},
	{"to", func(r *Report, _ *Objective) string { return r.Period.To.Format(time.RFC3339) }},
	{"slo", func(_ *Report, o *Objective) string { return o.SLO }},
	{"service", func(_ *Report, o *Objective) string { return o.Service }},
	{"objective", func(_ *Report, o *Objective) string { return o.Target.String() }},
	{"window", func(_ *Report, o *Objective) string { return o.Window }},
	{"state", func(_ *Report, o *Objective) string { return string(o.Verdict.State) }},
	{"events", func(_ *Report, o *Objective) string { return strconv.FormatUint(o.Events, 10) }},
	{"bad_events", func(_ *Report, o *Objective) string { return strconv.FormatUint(o.Bad, 10) }},
	{"achieved_ratio", func(_ *Report, o *Objective) string { return float(o.AchievedRatio) }},
	{"allowed_bad_events", func(_ *Report, o *Objective) string { return float(&o.Budget.Allowed) }},
	{"budget_spent_ratio", func(_ *Report, o *Objective) string { return float(o.Budget.Spent) }},
	{"budget_left_ratio", func(_ *Report, o *Objective) string { return float(o.Budget.Left) }},
	{"incidents", func(_ *Report, o *Objective) string { return strconv.Itoa(len(o.Incidents)) }},
	{"measured_minutes", func(_ *Report, o *Objective) string { return strconv.Itoa(o.Coverage.Measured) }},
	{"idle_minutes", func(_ *Report, o *Objective) string { return strconv.Itoa(o.Coverage.Idle) }},
	{"unmeasured_minutes", func(_ *Report, o *Objective) string { return strconv.Itoa(o.Coverage.Unmeasured) }},
	{"excluded_minutes", func(_ *Report, o *Objective) string { return strconv.Itoa(o.Coverage.Excluded) }},
	{"coverage_ratio", func(_ *Report, o *Objective) string { return float(o.Coverage.Ratio) }},
	{"top_culprit", func(_ *Report, o *Objective) string { return o.Culprits.first() }},
	{"previous_events", func(_ *Report, o *Objective) string { return strconv.FormatUint(o.Before.Events, 10) }},
	{"previous_bad_events", func(_ *Report, o *Objective) string { return strconv.FormatUint(o.Before.Bad, 10) }},
	{"previous_budget_left_ratio", func(_ *Report, o *Objective) string { return float(o.Before.Budget.Left) }},
}

// writeCSV writes a header and a row for each objective. What is not known is empty.
func (r *Report) writeCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.name
	}
	if err := out.Write(row); err != nil {
		return err
	}
	for i := range r.Objectives {
		for j, c := range columns {
			row[j] = cell(c.value(r, &r.Objectives[i]))
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

var (
	plainNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	// A formula begins with a sign, after what spreadsheets leave out.
	formula = regexp.MustCompile(`^[ '"]*[=+\-@|%＝＋－＠]`)
	// Where a comma stands in numbers, a semicolon may begin a cell.
	laterFormula = regexp.MustCompile(`;([ '"]*[=+\-@|%＝＋－＠])`)
)

// cell returns text as a spreadsheet shows it and does not run it: what begins
// as a formula does, or goes on so after a semicolon, gets an apostrophe before
// it, unless it is a number.
func cell(text string) string {
	text = harmless.Text(text)
	if plainNumber.MatchString(text) {
		return text
	}
	text = laterFormula.ReplaceAllString(text, ";'$1")
	if formula.MatchString(text) {
		return "'" + text
	}
	return text
}

// float writes a number in full, and nothing for what is not known.
func float(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// first returns the culprit with most bad events in a few words, "" without one.
func (c Culprits) first() string {
	if len(c.Top) == 0 {
		return ""
	}
	return c.Top[0].words()
}

// words returns what a culprit is, as it came.
func (c Culprit) words() string {
	text := c.Service + ": " + c.Operation
	if c.ErrorType != "" {
		text += " · " + c.ErrorType
	}
	for _, d := range c.Dimensions {
		text += " · " + d.Label + "=" + d.Value
	}
	return text
}
