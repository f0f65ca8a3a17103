package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo"
)

var (
	//go:embed objective.html
	objectiveText string
	objectivePage = template.Must(template.New("objective").Parse(objectiveText))
)

// A standing is an objective as the pages show it: words, not only figures.
type standing struct {
	slo.Standing
	// State is one or two words, and Bad holds if they mean trouble.
	State string
	Bad   bool
	// Left is what is left of the error budget, in percent; "" without events.
	Left, Coverage string
	// Path is that of the objective's page.
	Path  string
	Tiers []tierRow
}

// A tierRow is a tier of an objective as its page shows it.
type tierRow struct {
	Severity, Long, Short, Limit, LongRate, ShortRate string
	Burning                                           bool
}

// standings returns the objectives, those in trouble first.
func (d *daemon) standings(now time.Time) (rows []standing, upto time.Time) {
	l := d.ledger()
	if l == nil {
		return nil, time.Time{}
	}
	all, upto := l.Standings(now)
	for _, s := range all {
		row := describe(s)
		if unmeasured := now.Sub(upto); unmeasured > s.Objective.Alerting.UnmeasuredAfter {
			row.State, row.Bad = "not measured for "+config.FormatDuration(unmeasured.Truncate(time.Minute)), true
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b standing) int {
		return cmp.Compare(left(a), left(b))
	})
	return rows, upto
}

// left orders objectives by how much is left of their budgets.
func left(s standing) float64 {
	if s.Own.Events == 0 {
		return 2 // nothing is known, after all that is
	}
	return s.Own.Remaining(s.Objective.Target)
}

func describe(s slo.Standing) standing {
	o := s.Objective
	row := standing{Standing: s, State: "ok", Path: objectivePath(s)}
	if s.Measurable {
		row.Coverage = fmt.Sprintf("%.1f%%", s.Coverage*100)
	}
	burning := ""
	for _, t := range s.Tiers {
		limit := t.BurnRate.Float()
		r := tierRow{Severity: t.Severity, Long: slo.FormatWindow(t.Long), Short: slo.FormatWindow(t.Short), Limit: t.BurnRate.String(),
			LongRate: rate(t.LongCount, o.Target), ShortRate: rate(t.ShortCount, o.Target), Burning: t.Burning(o)}
		if r.Burning && burning == "" {
			burning = fmt.Sprintf("burns above %v (%s)", limit, t.Severity)
		}
		row.Tiers = append(row.Tiers, r)
	}
	switch {
	case s.Own.Events == 0 && s.Unmatched:
		row.State, row.Bad = "matches nothing", true
	case s.Own.Events == 0:
		row.State = "no events"
	case s.Excluded:
		row.State = "excluded now"
	case s.Spent():
		row.State, row.Bad = "budget spent", true
	case burning != "":
		row.State, row.Bad = burning, true
	}
	if s.Own.Events > 0 {
		row.Left = fmt.Sprintf("%.1f%%", s.Own.Remaining(o.Target)*100)
	}
	return row
}

func rate(c slo.Count, t slo.Target) string {
	if c.Events == 0 {
		return "no events"
	}
	return fmt.Sprintf("%.2f (%d of %d)", c.BurnRate(t), c.Bad, c.Events)
}

// objectivePath returns the path of an objective's page, which alerts link to:
// its name as one segment, and its service where the name has several.
func objectivePath(s slo.Standing) string {
	path := "slo/" + url.PathEscape(s.SLO)
	if s.Objective.ForEach == "service" {
		path += "?service=" + url.QueryEscape(s.Service)
	}
	return path
}

// serveObjective writes the page of the objectives of one name.
func (d *daemon) serveObjective(w http.ResponseWriter, r *http.Request) {
	name, service := r.PathValue("slo"), r.URL.Query().Get("service")
	rows, upto := d.standings(time.Now())
	of := slices.DeleteFunc(slices.Clone(rows), func(s standing) bool {
		return s.SLO != name && s.Objective.Name != name || service != "" && s.Service != service
	})
	if len(of) == 0 {
		http.Error(w, fmt.Sprintf("there is no objective %q; there are: %s", name, names(rows)), http.StatusNotFound)
		return
	}
	d.servePage(w, objectivePage, struct {
		Name       string
		Objectives []standing
		Upto       string
	}{name, of, upto.UTC().Format(timeLayout)})
}

// timeLayout is how the pages write times.
const timeLayout = "2006-01-02 15:04:05 MST"

// names lists the names of objectives, each once.
func names(rows []standing) string {
	var all []string
	for _, s := range rows {
		all = append(all, s.SLO)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > maxShown {
		all = append(all[:maxShown], "…")
	}
	return strings.Join(all, ", ")
}
