package report_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"golang.org/x/net/html"

	"github.com/traceslo/traceslo/internal/harmless"
	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
)

// names are what somebody may call services, operations, types of errors and
// dimensions.
var names = []string{
	hostile,
	`"><img src=x onerror=alert(1)>`,
	`</style></title><script>alert(1)</script>`,
	"javascript:alert(1)",
	`=HYPERLINK("https://evil.example","x")`, "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r\n=1+1", "  =1", "|calc", "＝1+1", "x;=1+1", `x,y; "=1+1";'@a`, "1;-1",
	"a | b \\| c \\\\| d", "``", "`", "` | `", "<b>", "a\nb\n\n# c", "---", "1. x", "- x", "> x", "![i](https://evil.example/i.png)", "https://evil.example www.evil.example",
	"[a]: https://evil.example", "{{.}}", "${x}", "%s%n", "&lt;script&gt;", "@everyone :boom: #1",
	"\u202eevil\u202c", "\u2066a\u2069", "\u200b", "\ufeff", "a\u0000b", "\x1b[31mred", "\u2028", "\xff\xfe", "שלום", strings.Repeat("x", 4096), strings.Repeat("|", 300), " ",
}

// hostileReport is one in which every text that is not ours is a name.
func hostileReport(t *testing.T) *report.Report {
	since := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	each := objective("each", 990_000_000, thirtyDays)
	each.ForEach, each.ForEachLimit = "operation", 100
	each.Description = hostile
	each.Labels = map[string]string{hostile: hostile}
	each.Exclusions = []slo.Exclusion{{From: since.Add(time.Hour), To: since.Add(2 * time.Hour), Reason: hostile}}
	w := newWorld(t, since, each)
	for m := range 100 {
		w.pulse(since.Add(time.Duration(m) * time.Minute))
	}
	for i, name := range names {
		w.event(0, name, since.Add(time.Duration(i)*time.Minute), 20, 7, sli.Culprit{Service: name, Operation: name, ErrorType: name, Values: name + "\x00"})
	}
	w.save(since.Add(100 * time.Minute))
	return w.build(since.Add(24*time.Hour), "2026-10-01", slo.Zone{}, func(o *report.Options) {
		o.Dimensions = []string{hostile}
		o.Policy = report.Policy{AtRiskBelow: 250_000_000, WithinBudget: hostile, AtRisk: hostile, Exhausted: hostile}
	})
}

func TestHostileNamesAreInert(t *testing.T) {
	r := hostileReport(t)
	if len(r.Objectives) < len(names)-3 {
		t.Fatalf("there are but %d objectives", len(r.Objectives))
	}
	for _, f := range report.Formats() {
		text := string(written(t, r, f))
		for i, c := range text {
			if unicode.Is(unicode.Cf, c) || unicode.IsControl(c) && c != '\n' || c == '\u2028' {
				t.Fatalf("%s: there is %U in %.80q", f, c, text[max(0, i-40):])
			}
		}
	}

	t.Run("HTML", func(t *testing.T) {
		inert(t, written(t, r, report.HTML), "html head meta title style body header p h1 main section h2 strong div table thead tr th tbody a bdi br td svg path rect line text desc defs pattern h3 dl dt dd span figure figcaption")
	})
	t.Run("Markdown", func(t *testing.T) {
		var page bytes.Buffer
		text := written(t, r, report.Markdown)
		if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert(text, &page); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(page.Bytes(), []byte("raw HTML omitted")) {
			t.Error("a name is taken for HTML")
		}
		inert(t, page.Bytes(), "html head body h1 h2 h3 p blockquote strong ul li table thead tbody tr th td code")
		// No name makes a row of its own, or ends one early.
		for row := range parsed(t, page.Bytes()).Descendants() {
			if row.Data != "tr" {
				continue
			}
			cells, heads := 0, 0
			for range elementsOf(row) {
				cells++
			}
			for head := range row.Parent.Parent.Descendants() {
				if head.Data == "th" {
					heads++
				}
			}
			if cells != heads {
				t.Errorf("a row has %d cells of %d: %s", cells, heads, textOf(row))
			}
		}
		said := map[string]bool{}
		for n := range parsed(t, page.Bytes()).Descendants() {
			if n.Data == "code" {
				said[textOf(n)] = true
			}
		}
		for _, name := range names {
			if want := harmless.Text(name); strings.Trim(want, " ") != "" && !said[want] && !said[strings.TrimSuffix(strings.TrimPrefix(want, " "), " ")] {
				t.Errorf("%.60q is not said", want)
			}
		}
		headings := 0
		for n := range parsed(t, page.Bytes()).Descendants() {
			if n.Data == "h2" {
				headings++
			}
		}
		if want := len(r.Objectives) + 2; headings != want {
			t.Errorf("there are %d headings, want %d", headings, want)
		}
	})
	t.Run("CSV", func(t *testing.T) {
		rows, err := csv.NewReader(bytes.NewReader(written(t, r, report.CSV))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != len(r.Objectives)+1 {
			t.Errorf("there are %d rows", len(rows))
		}
		for _, row := range rows {
			for i, cell := range row {
				number := strings.Trim(cell, "-0123456789.") == "" && strings.LastIndex(cell, "-") <= 0
				if begin := strings.TrimLeft(cell, " \""); !number && begin != "" && strings.ContainsRune("=+-@|\t\r＝＋－＠", []rune(begin)[0]) {
					t.Errorf("%s: %q may be run", rows[0][i], cell)
				}
			}
		}
		// Where a comma stands in numbers, a spreadsheet may take semicolons for
		// what stands between cells.
		other := csv.NewReader(bytes.NewReader(written(t, r, report.CSV)))
		other.Comma, other.LazyQuotes, other.FieldsPerRecord = ';', true, -1
		rows, err = other.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		parts := 0
		for _, row := range rows {
			for _, cell := range row[1:] {
				parts++
				if begin := strings.TrimLeft(cell, " \""); begin != "" && strings.ContainsRune("=+-@|＝＋－＠", []rune(begin)[0]) {
					t.Errorf("%q may be run after a semicolon", cell)
				}
			}
		}
		if parts < 4 {
			t.Errorf("there are but %d semicolons", parts)
		}
	})
	t.Run("JSON", func(t *testing.T) {
		// A name is what it was, whatever stands in the file for it.
		var got told
		if err := json.Unmarshal(written(t, r, report.JSON), &got); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, o := range got.Objectives {
			seen[o.Culprits.Top[0].Operation] = true
		}
		for _, name := range names {
			if valid := strings.ToValidUTF8(name, "\ufffd"); !seen[name] && !seen[valid] && !seen[strings.ReplaceAll(name, "\xff\xfe", "\ufffd\ufffd")] {
				t.Errorf("%.40q is not there", name)
			}
		}
	})
}

func elementsOf(n *html.Node) (all []*html.Node) {
	for c := range n.ChildNodes() {
		if c.Type == html.ElementNode {
			all = append(all, c)
		}
	}
	return all
}

// inert fails if a page has other elements than those, a handler, or a link that
// leads away.
func inert(t *testing.T, text []byte, elements string) {
	t.Helper()
	for n := range parsed(t, text).Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Namespace == "" && !strings.Contains(" "+elements+" ", " "+n.Data+" ") {
			t.Errorf("there is an element %s: %.60s", n.Data, textOf(n))
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "style" && n.Data != "th" && n.Data != "td" || a.Key == "href" && !strings.HasPrefix(a.Val, "#slo-") {
				t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	}
}

func TestAPeriodWithoutDataSaysSo(t *testing.T) {
	since := time.Date(2026, 10, 10, 0, 0, 0, 0, time.UTC)
	each := objective("each", 990_000_000, thirtyDays)
	each.Service, each.ForEach = "", "service"
	w := newWorld(t, since, objective("used", 990_000_000, thirtyDays), objective("idle", 990_000_000, thirtyDays), each)
	empty := w.build(autumn, "2026-10", slo.Zone{})
	for m := range 2000 {
		w.event(0, "", since.Add(time.Duration(m)*time.Minute), 5, 0, sli.Culprit{})
	}
	w.save(since.Add(2000 * time.Minute))
	for _, test := range []struct {
		name         string
		report       *report.Report
		says, says2  string
		states, plot bool
	}{
		{"nothing was ever read", empty, "Nothing was read to its end yet", "Nothing was measured in this period", false, false},
		{"before the ledger", w.build(autumn, "2026-09", slo.Zone{}), "Nothing was measured in this period", "Coverage", false, false},
		{"after it", w.build(autumn, "2026-10-20", slo.Zone{}), "what came after is unmeasured", "Nothing was measured in this period", false, false},
		{"within it", w.build(autumn, "2026-10", slo.Zone{}), "No event ended in this period", "No incident: no tier was exceeded.", true, true},
		{"while it runs", w.build(since.Add(2000*time.Minute), "this-month", slo.Zone{}), "The period goes on", "to come", true, true},
	} {
		if len(test.report.Objectives) != 3 {
			t.Errorf("%s: there are %d objectives", test.name, len(test.report.Objectives))
		}
		for _, f := range []report.Format{report.HTML, report.Markdown} {
			text := string(written(t, test.report, f))
			if !strings.Contains(text, test.says) || !strings.Contains(text, test.says2) {
				t.Errorf("%s: %s does not say %q and %q", test.name, f, test.says, test.says2)
			}
			if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
				t.Errorf("%s: %s has a figure that is none", test.name, f)
			}
			if plots := strings.Contains(text, "<figure>"); f == report.HTML && plots != test.plot {
				t.Errorf("%s: there is a plot: %t", test.name, plots)
			}
		}
		for _, o := range test.report.Objectives {
			little := o.Coverage.Ratio == nil || *o.Coverage.Ratio < 0.5
			if (o.AchievedRatio == nil) != (o.Events == 0) || (o.Budget.Left == nil) != (o.Events == 0) || (o.Verdict.State == report.NoData) != (o.Events == 0 || little) {
				t.Errorf("%s: %s has %d events and %+v", test.name, o.SLO, o.Events, o.Figures)
			}
		}
		written(t, test.report, report.CSV)
		if !json.Valid(written(t, test.report, report.JSON)) {
			t.Errorf("%s: the JSON is none", test.name)
		}
	}
}

func TestObjectivesAreChosenByName(t *testing.T) {
	w := october(t)
	for names, want := range map[string]int{"uploads": 1, "by-plan": 1, "by-plan/" + hostile: 1, "uploads,reads": 2} {
		r := w.build(autumn, "2026-10", slo.Zone{}, func(o *report.Options) { o.SLOs = strings.Split(names, ",") })
		if len(r.Objectives) != want {
			t.Errorf("%q: there are %d objectives", names, len(r.Objectives))
		}
	}
	p, err := report.ParsePeriod("2026-10", slo.Zone{}, autumn)
	if err != nil {
		t.Fatal(err)
	}
	err = w.store.View(func(tx *state.Tx) error {
		_, err := report.Build(context.Background(), w.ledger, tx, report.Options{Period: p, Now: autumn, SLOs: []string{"uploadz"}})
		return err
	})
	if err == nil || !strings.HasPrefix(err.Error(), `there is no objective "uploadz"; did you mean uploads?`) {
		t.Errorf("got %v", err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if err := w.store.View(func(tx *state.Tx) error {
		_, err := report.Build(stopped, w.ledger, tx, report.Options{Period: p, Now: autumn})
		return err
	}); err == nil {
		t.Error("it goes on although nobody waits for it any more")
	}
}
