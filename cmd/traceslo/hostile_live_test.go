package main_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/testenv"
)

// hostile are names that somebody may give to a service, an operation or an
// error, each with what is to be read of it on a page.
var hostile = []struct{ name, shown string }{
	{`<traceslo-evil onclick=alert(1)>x</traceslo-evil><script>alert(2)</script>`, `<traceslo-evil onclick=alert(1)>`},
	{`"><img class=evil src=/evil onerror=alert(3)>`, `"><img class=evil src=/evil onerror=alert(3)>`},
	{`' onmouseover='alert(4)' class='evil`, `' onmouseover='alert(4)' class='evil`},
	{"</title></style></svg><b class=evil>{{.}}</b>", "</title></style></svg><b class=evil>{{.}}</b>"},
	{"pay\u202egnp.exe\u2066 \u200bדג", `pay\u202Egnp.exe\u2066 \u200Bדג`},
	{"a\x00b\r\n\x1b[31mred", `a\u0000b\u000D\u000A\u001B[31mred`},
	{strings.Repeat("x", 4096), "xxxxxxxxxxxxxxxx"},
	{`=HYPERLINK("http://host.invalid/","click")`, `=HYPERLINK("http://host.invalid/","click")`},
	{"@SUM(1+1)*cmd|' /C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0"},
	{"| a | **b** [c](javascript:alert(5)) `d` ![e](http://host.invalid/e.png)", "| a | **b** [c](javascript:alert(5)) `d` ![e](http://host.invalid/e.png)"},
	{"../../etc/passwd?a=b#c%2F%00;", "../../etc/passwd?a=b#c%2F%00;"},
}

// evil are selectors of what would be there if a name were taken for markup.
var evil = []string{"traceslo-evil", ".evil", "[onmouseover]", "[onerror]", "[onclick]", "main script", `a[href^="javascript:"]`, `[src*="host.invalid"]`}

const hostileConfig = `
source:
  elasticsearch:
    addresses: [%s]
    index_prefix: %s
    start: earliest
    poll_interval: 1s
sli:
  new_series_hold: 0s
slos:
  - name: each-service
    for_each: service
    sli: {availability: {}}
    objective: 99%%
    window: 1d
    description: '<traceslo-evil>"| =1+1'
    labels: {team: "<traceslo-evil class='evil'>\u202e"}
    exclusions: [{schedule: "0 3 * * *", duration: 1h, reason: "<traceslo-evil> | =1+1"}]
  - name: each-operation
    service: shop
    for_each: operation
    sli: {availability: {}}
    objective: 99%%
    window: 1d
`

// TestHostileNamesAreInert has Elasticsearch hold spans whose names are markup,
// formulas and worse, and looks at what becomes of them in a browser and in
// reports.
func TestHostileNamesAreInert(t *testing.T) {
	c := testenv.SharedCluster(t, testenv.Elasticsearch, "8.19.7")
	browser, pictures, prefix := testenv.StartBrowser(t), testenv.Pictures(t), c.Prefix(t)
	p := newPlatform(t, c, prefix)
	var spans []stored
	for i, h := range hostile {
		for range 20 {
			s := p.request(h.name, time.Now().Add(-time.Duration(i+1)*time.Minute), true)
			s.operation, s.errorType = h.name, h.name
			spans = append(spans, s)
		}
	}
	if err := p.store(spans, nil); err != nil {
		t.Fatal(err)
	}
	d := newDaemon(t, fmt.Sprintf(hostileConfig, c.URL, prefix))
	d.start()
	d.settled(time.Minute)

	var list struct {
		Objectives []struct{ SLO, Service, Path string }
	}
	getJSON(t, d.url+"/api/v1/objectives", &list)
	if len(list.Objectives) != 2*len(hostile) {
		t.Fatalf("%d objectives, want two for each of %d names", len(list.Objectives), len(hostile))
	}
	look := func(t *testing.T, visit testenv.Visit, shown ...string) {
		t.Helper()
		visit.Count = evil
		seen := browser.Visit(t, visit)
		checkSeen(t, seen, 200)
		for selector, n := range seen.Counts {
			if n != 0 {
				t.Errorf("%s: a name became %d times %s", visit.URL, n, selector)
			}
		}
		for _, s := range shown {
			if !strings.Contains(seen.Text, s) {
				t.Errorf("%s: does not show %q but:\n%s", visit.URL, s, seen.Text)
			}
		}
	}
	var all []string
	for _, h := range hostile {
		all = append(all, h.shown[:min(len(h.shown), 20)])
	}
	for i, visit := range testenv.Looks() {
		visit.URL, visit.Screenshot = d.url+"/", filepath.Join(pictures, "hostile-list-"+visit.Look()+".png")
		look(t, visit, all...)
		for j, o := range list.Objectives {
			if j%len(testenv.Looks()) != i {
				continue // Each page in one look, and each look at some pages.
			}
			visit.Axe = j < 2*len(testenv.Looks()) // They are built alike.
			visit.URL, visit.Screenshot = d.url+"/"+o.Path, ""
			look(t, visit, shownOf(t, o.SLO, o.Service))
		}
	}

	reports := t.TempDir()
	for _, name := range []string{"report.html", "report.csv", "report.md"} {
		args := []string{"report", "--period=1d", "--server.url=" + d.url, "--output.file=" + filepath.Join(reports, name)}
		if out, err := exec.Command(d.binary, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	for _, visit := range testenv.Looks()[1:3] {
		visit.URL, visit.Screenshot = "file://"+filepath.Join(reports, "report.html"), filepath.Join(pictures, "hostile-report-"+visit.Look()+".png")
		look(t, visit, all...)
	}
	checkCells(t, filepath.Join(reports, "report.csv"))
}

// shownOf returns what is to be read of the only name that an objective is of.
func shownOf(t *testing.T, slo, service string) string {
	t.Helper()
	for _, h := range hostile {
		if name := h.name[:min(len(h.name), 200)]; strings.HasPrefix(service, name) || strings.HasPrefix(slo, "each-operation/"+name) {
			return h.shown
		}
	}
	t.Errorf("there is an objective %q of %q", slo, service)
	return ""
}

// checkCells fails the test if a spreadsheet would take a cell of a CSV file for a formula.
func checkCells(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	cells := 0
	for _, row := range rows {
		for _, cell := range row {
			cells++
			if _, err := strconv.ParseFloat(cell, 64); err != nil && cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("the cell %q is a formula", cell)
			}
		}
	}
	if text, _ := json.Marshal(rows); cells == 0 || !strings.Contains(string(text), "HYPERLINK") {
		t.Errorf("the file does not hold the names: %s", text)
	}
}
