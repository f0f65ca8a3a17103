package report_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
)

// TestWhatIsUnmeasuredIsNotCalledGood has objectives of which only a part of the
// period is known.
func TestWhatIsUnmeasuredIsNotCalledGood(t *testing.T) {
	const day = 1440
	for _, test := range []struct {
		name  string
		days  int // of the last of October, which has 31
		bad   uint64
		state report.State
		says  string
	}{
		{"an hour", 0, 0, report.NoData, "only 0.1% of the time is known: too little to call it within budget."},
		{"ten days", 10, 0, report.NoData, "only 32.2% of the time is known"},
		{"ten days, too many bad", 10, 60, report.Exhausted, "Only 32.2% of the time is known. " + report.Default().Policy.Exhausted},
		{"twenty days", 20, 0, report.WithinBudget, "Only 64.5% of the time is known. " + report.Default().Policy.WithinBudget},
		{"all but a day", 30, 0, report.WithinBudget, report.Default().Policy.WithinBudget},
	} {
		end := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		minutes := max(60, test.days*day)
		since := end.Add(-time.Duration(minutes) * time.Minute)
		w := newWorld(t, since, objective("a", 990_000_000, thirtyDays))
		for m := range minutes {
			if m%3 == 0 || m == minutes-1 {
				w.event(0, "", since.Add(time.Duration(m)*time.Minute), 1, 0, sli.Culprit{})
			}
		}
		w.event(0, "", since, test.bad, test.bad, sli.Culprit{Service: "s"})
		w.save(end.Add(-time.Minute))
		r := w.build(end, "2026-10", slo.Zone{})
		v := r.Objectives[0].Verdict
		if v.State != test.state || !strings.HasSuffix(v.Text, test.says) && !(v.State == report.NoData && strings.Contains(v.Text, test.says)) {
			t.Errorf("%s: the verdict is %s: %s", test.name, v.State, v.Text)
		}
		if test.name == "all but a day" && v.Text != test.says {
			t.Errorf("%s: the verdict has more than the policy: %s", test.name, v.Text)
		}
	}
}

// TestTheFirstTableTellsWhatIsKnown looks for the column that those see who
// read no more.
func TestTheFirstTableTellsWhatIsKnown(t *testing.T) {
	r := october(t).build(autumn, "2026-10", zone(t, "Europe/Madrid"))
	_, table, _ := strings.Cut(string(written(t, r, report.Markdown)), "\n| Objective |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	if !strings.Contains(rows[0], "| Coverage |") || !strings.Contains(rows[2], "| 99.0% |") {
		t.Errorf("Markdown: %s\n%s", rows[0], rows[2])
	}
	column, heads, cells := -1, 0, []string{}
	for n := range parsed(t, written(t, r, report.HTML)).Descendants() {
		if n.Data == "th" && n.Parent.Parent.Data == "thead" && heads >= 0 {
			if textOf(n) == "Coverage" {
				column = heads
			}
			heads++
		}
		if n.Data == "td" && heads > 0 {
			heads = -1
			for cell := n.Parent.FirstChild; cell != nil; cell = cell.NextSibling {
				cells = append(cells, textOf(cell))
			}
		}
	}
	if column < 0 || cells[column] != "99.0%" {
		t.Errorf("HTML: coverage is column %d of %q", column, cells)
	}
}

// TestAReportAndThePageAgreeOnWhatIsSpent holds the verdict on a month that runs
// against how the objective stands over that month.
func TestAReportAndThePageAgreeOnWhatIsSpent(t *testing.T) {
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	month := slo.Window{Calendar: slo.Month}
	seen := map[[2]bool]int{}
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 12))
		since := begin.Add(time.Duration(rnd.IntN(8*1440)-3*1440) * time.Minute)
		w := newWorld(t, since, objective("a", 900_000_000, month))
		at := since
		for range 8 {
			worse := rnd.IntN(3) == 0
			for until := at.Add(time.Duration(1440+rnd.IntN(3*1440)) * time.Minute); at.Before(until); at = at.Add(4 * time.Minute) {
				bad := rnd.Uint64N(2)
				if worse {
					bad = 5
				}
				w.event(0, "", at, 8, bad, sli.Culprit{Service: "s"})
			}
			w.save(at)
			if !at.After(begin) || !at.Before(begin.AddDate(0, 1, -1)) {
				continue
			}
			standings, _ := w.ledger.Standings(at)
			o := w.build(at.Add(time.Minute), "this-month", slo.Zone{}).Objectives[0]
			spent := standings[0].Spent()
			if spent != (o.Verdict.State == report.Exhausted) {
				t.Errorf("seed %d at %s: spent is %t, and the verdict %s: %s", seed, at, spent, o.Verdict.State, o.Verdict.Text)
			}
			over := *o.Budget.Left <= 0
			if told := strings.Contains(o.Verdict.Text, "of the whole period's budget is spent"); told != (over && !spent) {
				t.Errorf("seed %d at %s: the verdict tells what is spent of the whole: %t: %s", seed, at, told, o.Verdict.Text)
			}
			seen[[2]bool{spent, over}]++
		}
	}
	if seen[[2]bool{true, true}] < 5 || seen[[2]bool{false, true}] < 5 || seen[[2]bool{false, false}] < 5 {
		t.Errorf("too little was compared: %v", seen)
	}
}

// TestCulpritsThatDoNotCountAreTold has bad events within and outside of an
// exclusion, on a day that is the period.
func TestCulpritsThatDoNotCountAreTold(t *testing.T) {
	begin := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		period   string
		excluded bool
		bad      uint64
		says     string
	}{
		{"2026-10-05", true, 92, "They are kept by days of UTC, excluded times among them: these are of 2026-10-05, with 5,704 bad events against 92 that count in the period."},
		{"2026-10-05", true, 0, "these are of 2026-10-05, with 5,612 bad events against 0 that count in the period."},
		{"2026-10-05", false, 92, ""},
		{"2026-10-05T10:00..2026-10-05T22:00", false, 900, "They are kept by days of UTC: these are of 2026-10-05, with 6,512 bad events."},
		{"2026-10-05..2026-10-06", true, 92, "these are of 2026-10-05 to 2026-10-06, with 5,704 bad events against 92 that count in the period."},
		{"2026-10-05T18:00..2026-10-05T22:00", false, 92, "They are kept by days of UTC: these are of 2026-10-05, with 5,704 bad events against 92 that count in the period."},
	} {
		o := objective("a", 990_000_000, thirtyDays)
		if test.excluded {
			o.Exclusions = []slo.Exclusion{{From: begin.Add(12 * time.Hour), To: begin.Add(13 * time.Hour), Reason: "move"}}
		}
		w := newWorld(t, begin, o)
		who := sli.Culprit{Service: "s", Operation: "o"}
		w.event(0, "", begin.Add(12*time.Hour), 6000, 5612, who)
		w.event(0, "", begin.Add(20*time.Hour), 1000, test.bad, who)
		w.save(begin.Add(72 * time.Hour))
		r := w.build(begin.Add(72*time.Hour), test.period, slo.Zone{})
		for _, f := range []report.Format{report.HTML, report.Markdown} {
			text := string(written(t, r, f))
			if told := strings.Contains(text, "kept by days of UTC"); !strings.Contains(text, test.says) || told != (test.says != "") {
				t.Errorf("%s of %s: it does not say %q, or more: %t", f, test.period, test.says, told)
			}
		}
	}
}

// TestAllExclusionsAreHatched has more of them than a report lists.
func TestAllExclusionsAreHatched(t *testing.T) {
	begin := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	o := objective("a", 990_000_000, thirtyDays)
	var daily slo.Schedule
	if err := daily.UnmarshalText([]byte("0 0 * * *")); err != nil {
		t.Fatal(err)
	}
	o.Exclusions = []slo.Exclusion{{Schedule: daily, Duration: 12 * time.Hour, Reason: "nights"}}
	w := newWorld(t, begin, o)
	end := begin.AddDate(0, 3, 0)
	for at := begin.Add(time.Minute); at.Before(end); at = at.Add(4 * time.Minute) {
		w.event(0, "", at, 1, 0, sli.Culprit{})
	}
	w.save(end)
	r := w.build(end.Add(time.Minute), "2026-Q3", slo.Zone{})
	if x := r.Objectives[0].Exclusions[0]; x.Count != 92 || len(x.Times) != 60 {
		t.Errorf("of %d times, %d are listed", x.Count, len(x.Times))
	}
	page := string(written(t, r, report.HTML))
	// Both plots hatch each of them, and so does what explains the plot.
	if n := strings.Count(page, `fill="url(#burn-0-excluded)"`); n != 93 {
		t.Errorf("%d are hatched in the burn-down", n)
	}
	if n := strings.Count(page, `fill="url(#events-0-excluded)"`); n != 93 {
		t.Errorf("%d are hatched among the events", n)
	}
}
