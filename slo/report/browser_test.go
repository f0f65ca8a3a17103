package report_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/traceslo/traceslo/internal/testenv"
)

// TestReportInABrowser looks at a report in Chromium, on screens and on paper. It is one with hostile names.
func TestReportInABrowser(t *testing.T) {
	browser, pictures := testenv.StartBrowser(t), testenv.Pictures(t)
	file, err := filepath.Abs(filepath.Join("testdata", "october.html"))
	if err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, visit testenv.Visit) *testenv.Seen {
		t.Helper()
		visit.URL = "file://" + file
		seen := browser.Visit(t, visit)
		for _, fault := range seen.Faults() {
			t.Error(fault)
		}
		if want := "<script>alert(1)</script>"; !strings.Contains(seen.Text, want) {
			t.Errorf("it does not say %q", want)
		}
		return seen
	}
	for _, visit := range testenv.Looks() {
		t.Run(visit.Look(), func(t *testing.T) {
			t.Parallel()
			visit.Screenshot = filepath.Join(pictures, "report-"+visit.Look()+".png")
			check(t, visit)
		})
	}
	t.Run("on paper", func(t *testing.T) {
		pdf := filepath.Join(pictures, "report.pdf")
		// A4 less the margins, at 96 dots an inch.
		seen := check(t, testenv.Visit{Width: 703, Height: 1016, Print: true, Axe: true, PDF: pdf})
		pages := testenv.PDFPages(t, pdf)
		if len(pages) < 2 || seen.Plots == 0 {
			t.Errorf("there are %d pages with %d plots", len(pages), seen.Plots)
		}
		for _, cut := range seen.CutPlots(pages) {
			t.Error(cut)
		}
	})
}
