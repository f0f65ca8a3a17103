package report_test

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/net/html"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
)

// A recount works out a month of Madrid by looking at every minute of it, from
// what was told, without a ledger.
type recount struct {
	*world
	name string
	key  string
	// target is in parts of a thousand, budget in thousandths of the events.
	target float64
	tiers  []slo.Tier
	// excluded tells of minutes since the Unix epoch.
	excluded func(int64) bool
	expects  bool
}

// recounts returns one for each objective of october, by its name.
func recounts(t testing.TB, w *world) map[string]*recount {
	madrid := zone(t, "Europe/Madrid").Location()
	move := func(m int64) bool {
		begin := time.Date(2026, 10, 7, 22, 0, 0, 0, time.UTC).Unix() / 60
		return m >= begin && m < begin+3*60+10
	}
	// From the first minute of a Sunday at which clocks show 02:30 or more.
	sundays := map[int64]bool{}
	done := map[string]bool{}
	for m := w.since.Unix() / 60; m < autumn.Unix()/60; m++ {
		at := time.Unix(m*60, 0).In(madrid)
		if day := at.Format(time.DateOnly); at.Weekday() == time.Sunday && !done[day] && at.Hour()*60+at.Minute() >= 150 {
			done[day] = true
			for i := range int64(95) {
				sundays[m+i] = true
			}
		}
	}
	all := []*recount{
		{name: "gateway-availability", key: key(0, ""), target: 0.999, tiers: slo.StandardTiers(thirtyDays), excluded: move},
		{name: "uploads", key: key(1, ""), target: 0.995, tiers: slo.StandardTiers(slo.Window{Calendar: slo.Week}), excluded: func(m int64) bool { return sundays[m] }},
		{name: "reads", key: key(2, ""), target: 0.99, tiers: slo.StandardTiers(slo.Window{Rolling: 7 * 24 * time.Hour}), expects: true},
		{name: "never-used", key: key(3, ""), target: 0.99, tiers: slo.StandardTiers(thirtyDays)},
		{name: "by-plan/" + hostile, key: key(4, hostile), target: 0.99, tiers: slo.StandardTiers(thirtyDays)},
	}
	byName := map[string]*recount{}
	for _, r := range all {
		r.world = w
		if r.excluded == nil {
			r.excluded = func(int64) bool { return false }
		}
		byName[r.name] = r
	}
	return byName
}

// within returns the minutes at which the zone's clocks show a month.
func within(month string, location *time.Location) (minutes []int64) {
	begin, _ := time.Parse("2006-01", month)
	for m := begin.Unix()/60 - 1440; m < begin.Unix()/60+33*1440; m++ {
		if time.Unix(m*60, 0).In(location).Format("2006-01") == month {
			minutes = append(minutes, m)
		}
	}
	return minutes
}

func (r *recount) sum(minutes []int64) (events, bad uint64) {
	for _, m := range minutes {
		if !r.excluded(m) {
			events += r.told[r.key][m].Events
			bad += r.told[r.key][m].Bad
		}
	}
	return events, bad
}

// measured tells whether there was an event not long before or after a minute:
// of anything, and of the objective if it expects traffic.
func (r *recount) measured(m int64) bool {
	if m < (r.since.Unix()+59)/60 {
		return false
	}
	run := func(there func(int64) bool) bool {
		if there(m) {
			return false
		}
		n := int64(1)
		for i := m - 1; !there(i) && n <= r.silence; i-- {
			n++
		}
		for i := m + 1; !there(i) && n <= r.silence; i++ {
			n++
		}
		return n >= r.silence
	}
	if run(func(m int64) bool { return r.alive[m] }) {
		return false
	}
	return !r.expects || !run(func(m int64) bool { return r.told[r.key][m].Events > 0 })
}

// A stretch is a day or an hour with its events.
type stretch struct {
	name        string
	events, bad uint64
}

// worst returns the five names of minutes with most bad events.
func (r *recount) worst(minutes []int64, name func(time.Time) string) []stretch {
	var all []stretch
	for _, m := range minutes {
		n := name(time.Unix(m*60, 0))
		if len(all) == 0 || all[len(all)-1].name != n {
			all = append(all, stretch{name: n})
		}
		events, bad := r.sum([]int64{m})
		all[len(all)-1].events += events
		all[len(all)-1].bad += bad
	}
	all = slices.DeleteFunc(all, func(s stretch) bool { return s.bad == 0 })
	slices.SortStableFunc(all, func(a, b stretch) int { return cmp.Compare(b.bad, a.bad) })
	return all[:min(5, len(all))]
}

// burns returns, for each minute, which tiers are exceeded at the end of it.
func (r *recount) burns(minutes []int64) []string {
	const lead = 3*1440 + 1
	first := minutes[0] - lead
	events, bad := make([]uint64, lead+len(minutes)), make([]uint64, lead+len(minutes))
	for i := range events {
		events[i], bad[i] = r.sum([]int64{first + int64(i)})
	}
	burns := make([]string, len(minutes))
	for i := range minutes {
		for n, t := range r.tiers {
			exceeded := true
			for _, window := range []time.Duration{t.Short, t.Long} {
				var e, b uint64
				for m := lead + i - int(window/time.Minute); m <= lead+i; m++ {
					e += events[m]
					b += bad[m]
				}
				exceeded = exceeded && e > 0 && float64(b)/float64(e)/(1-r.target) > t.BurnRate.Float()
				if window == t.Long {
					exceeded = exceeded && e >= 10 && b >= 3
				}
			}
			if exceeded {
				burns[i] += strconv.Itoa(n)
			}
		}
	}
	return burns
}

// told is what a report in JSON says, read by names that are written here.
type told struct {
	Schema     string
	Objectives []struct {
		SLO      string
		Events   uint64
		Bad      uint64                 `json:"bad_events"`
		Ratio    *float64               `json:"achieved_ratio"`
		Budget   map[string]*float64    `json:"error_budget"`
		Verdict  struct{ State string } `json:"verdict"`
		Coverage map[string]*float64    `json:"coverage"`
		Previous struct {
			Events uint64
			Bad    uint64 `json:"bad_events"`
		}
		Series []struct {
			From, To time.Time
			Events   uint64
			Bad      uint64   `json:"bad_events"`
			Left     *float64 `json:"budget_left_ratio"`
		}
		Days      []jsonStretch `json:"worst_days"`
		Hours     []jsonStretch `json:"worst_hours"`
		Incidents []struct {
			From, To time.Time
			Events   uint64
			Bad      uint64 `json:"bad_events"`
			Tiers    []struct {
				Long    string
				Minutes int
			}
		}
		Culprits struct {
			Bad uint64 `json:"bad_events"`
			Top []struct {
				Service, Operation string
				ErrorType          string `json:"error_type"`
				Bad                uint64 `json:"bad_events"`
			}
			Rest uint64
		}
		Exclusions []struct{ Count, Minutes int }
	}
}

type jsonStretch struct {
	From   time.Time
	Events uint64
	Bad    uint64 `json:"bad_events"`
}

func TestFiguresEqualARecount(t *testing.T) {
	w := october(t)
	r := w.build(autumn, "2026-10", zone(t, "Europe/Madrid"))
	madrid := zone(t, "Europe/Madrid").Location()
	var got told
	if err := json.Unmarshal(written(t, r, report.JSON), &got); err != nil {
		t.Fatal(err)
	}
	all := recounts(t, w)
	if got.Schema != "traceslo.report/v1" || len(got.Objectives) != len(all) {
		t.Fatalf("%d objectives under %q", len(got.Objectives), got.Schema)
	}
	month, before := within("2026-10", madrid), within("2026-09", madrid)
	if len(month) != 31*1440+60 {
		t.Fatalf("the month has %d minutes", len(month))
	}
	equal := func(name, what string, got, want any) {
		t.Helper()
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%.20s: %s: -recount +report\n%s", name, what, diff)
		}
	}
	near := func(name, what string, got *float64, want float64) {
		t.Helper()
		if got == nil || *got-want > 1e-9 || want-*got > 1e-9 {
			t.Errorf("%.20s: %s is %v, want %v", name, what, got, want)
		}
	}
	incidents := 0
	for _, o := range got.Objectives {
		c := all[o.SLO]
		if c == nil {
			t.Fatalf("nobody knows %q", o.SLO)
		}
		events, bad := c.sum(month)
		equal(o.SLO, "events", []uint64{o.Events, o.Bad}, []uint64{events, bad})
		wasEvents, wasBad := c.sum(before)
		equal(o.SLO, "events before", []uint64{o.Previous.Events, o.Previous.Bad}, []uint64{wasEvents, wasBad})
		state := "no_data"
		if events > 0 {
			left := 1 - float64(bad)/float64(events)/(1-c.target)
			near(o.SLO, "achieved", o.Ratio, 1-float64(bad)/float64(events))
			near(o.SLO, "left", o.Budget["left_ratio"], left)
			near(o.SLO, "spent", o.Budget["spent_ratio"], 1-left)
			near(o.SLO, "allowed", o.Budget["allowed_bad_events"], float64(events)*(1-c.target))
			switch {
			case left <= 0:
				state = "exhausted"
			case left < 0.25:
				state = "at_risk"
			default:
				state = "within_budget"
			}
		} else if o.Ratio != nil || o.Budget["left_ratio"] != nil {
			t.Errorf("%s has a ratio of no event", o.SLO)
		}
		equal(o.SLO, "state", o.Verdict.State, state)

		kinds := map[string]float64{}
		for _, m := range month {
			switch {
			case c.excluded(m):
				kinds["excluded"]++
			case !c.measured(m):
				kinds["unmeasured"]++
			case c.told[c.key][m].Events == 0:
				kinds["idle"]++
			default:
				kinds["measured"]++
			}
		}
		for _, kind := range []string{"measured", "idle", "unmeasured", "excluded"} {
			near(o.SLO, kind, o.Coverage[kind+"_minutes"], kinds[kind])
		}
		minutes := 0
		for _, x := range o.Exclusions {
			minutes += x.Minutes
		}
		equal(o.SLO, "exclusions", minutes, int(kinds["excluded"]))

		var steps, days, hours []stretch
		total := uint64(0)
		for _, s := range o.Series {
			var in []int64
			for m := s.From.Unix() / 60; m < s.To.Unix()/60; m++ {
				in = append(in, m)
			}
			e, b := c.sum(in)
			total += b
			equal(o.SLO, "step", []uint64{s.Events, s.Bad}, []uint64{e, b})
			if s.Left != nil {
				near(o.SLO, "left after a step", s.Left, 1-float64(total)/float64(events)/(1-c.target))
			} else if slices.ContainsFunc(in, c.measured) && events > 0 {
				t.Errorf("%s: what is left at %s is not told", o.SLO, s.To)
			}
			steps = append(steps, stretch{})
		}
		if len(steps) != 125 || !o.Series[124].To.Equal(time.Unix(month[len(month)-1]*60+60, 0)) {
			t.Errorf("%s: there are %d steps", o.SLO, len(steps))
		}
		day := func(at time.Time) string { return at.In(madrid).Format(time.DateOnly) }
		hour := func(at time.Time) string { return at.In(madrid).Format("2006-01-02 15 MST") }
		for _, s := range o.Days {
			days = append(days, stretch{day(s.From), s.Events, s.Bad})
		}
		for _, s := range o.Hours {
			hours = append(hours, stretch{hour(s.From), s.Events, s.Bad})
		}
		options := gocmp.Options{gocmp.AllowUnexported(stretch{}), cmpopts.EquateEmpty()}
		if diff := gocmp.Diff(c.worst(month, day), days, options); diff != "" {
			t.Errorf("%s: worst days: %s", o.SLO, diff)
		}
		if diff := gocmp.Diff(c.worst(month, hour), hours, options); diff != "" {
			t.Errorf("%s: worst hours: %s", o.SLO, diff)
		}

		var burning []string
		for _, i := range o.Incidents {
			e, b := c.sum(spanOf(i.From, i.To))
			equal(o.SLO, "incident", []uint64{i.Events, i.Bad}, []uint64{e, b})
			line := fmt.Sprint(i.From.Unix()/60, i.To.Unix()/60)
			for _, tier := range i.Tiers {
				line += fmt.Sprintf(" %s:%d", tier.Long, tier.Minutes)
			}
			burning = append(burning, line)
		}
		equal(o.SLO, "incidents", burning, c.incidents(month))
		incidents += len(burning)

		blamed := map[sli.Culprit]uint64{}
		sum := uint64(0)
		for day := month[0] / 1440; day <= month[len(month)-1]/1440; day++ {
			for who, n := range c.blamed[c.key][day] {
				blamed[who] += n
				sum += n
			}
		}
		rest := o.Culprits.Rest
		for _, top := range o.Culprits.Top {
			equal(o.SLO, "culprit "+top.Operation, top.Bad, blamed[sli.Culprit{Service: top.Service, Operation: top.Operation, ErrorType: top.ErrorType, Values: "premium\x00\x00"}])
			rest += top.Bad
		}
		equal(o.SLO, "culprits", []uint64{o.Culprits.Bad, rest}, []uint64{sum, sum})
	}
	if incidents == 0 {
		t.Error("nothing burnt, so that nothing was compared")
	}
	otherFormats(t, r, all, month)
}

func spanOf(from, to time.Time) (minutes []int64) {
	for m := from.Unix() / 60; m < to.Unix()/60; m++ {
		minutes = append(minutes, m)
	}
	return minutes
}

// incidents returns when tiers are exceeded, and how many minutes each of them is.
func (r *recount) incidents(minutes []int64) (lines []string) {
	burns := append(r.burns(minutes), "")
	begin := -1
	counts := map[rune]int{}
	for i, b := range burns {
		if b == "" {
			if begin >= 0 {
				line := fmt.Sprint(minutes[begin], minutes[0]+int64(i))
				for n, tier := range r.tiers {
					if c := counts['0'+rune(n)]; c > 0 {
						line += fmt.Sprintf(" %s:%d", slo.FormatWindow(tier.Long), c)
					}
				}
				lines = append(lines, line)
			}
			begin, counts = -1, map[rune]int{}
			continue
		}
		if begin < 0 {
			begin = i
		}
		for _, tier := range b {
			counts[tier]++
		}
	}
	return lines
}

// otherFormats reads events and bad ones out of CSV, Markdown and HTML.
func otherFormats(t *testing.T, r *report.Report, all map[string]*recount, month []int64) {
	t.Helper()
	var want []string
	for _, o := range r.Objectives {
		events, bad := all[o.SLO].sum(month)
		want = append(want, fmt.Sprint(events, " ", bad))
	}
	compare := func(f report.Format, got []string) {
		t.Helper()
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -recount +report\n%s", f, diff)
		}
	}
	plain := func(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), ",", "") }

	rows, err := csv.NewReader(bytes.NewReader(written(t, r, report.CSV))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	events, bad := slices.Index(rows[0], "events"), slices.Index(rows[0], "bad_events")
	var got []string
	for _, row := range rows[1:] {
		got = append(got, row[events]+" "+row[bad])
	}
	compare(report.CSV, got)

	got = nil
	_, table, _ := strings.Cut(string(written(t, r, report.Markdown)), "|---|---|---|")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, line := range strings.Split(table, "\n")[1:] {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, ""), "|")
		got = append(got, plain(cells[6])+" "+plain(cells[7]))
	}
	compare(report.Markdown, got)

	got = nil
	page := parsed(t, written(t, r, report.HTML))
	for row := range page.Descendants() {
		if row.Data != "tr" || row.Parent.Data != "tbody" || row.FirstChild.Data != "th" {
			continue
		}
		var cells []string
		for cell := range row.ChildNodes() {
			if cell.Type == html.ElementNode {
				cells = append(cells, plain(textOf(cell)))
			}
		}
		got = append(got, cells[4]+" "+cells[5])
	}
	compare(report.HTML, got)
}

func parsed(t *testing.T, text []byte) *html.Node {
	t.Helper()
	page, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func textOf(n *html.Node) string {
	text := ""
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			text += d.Data
		}
	}
	return text
}
