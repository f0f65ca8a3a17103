package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/testenv"
)

// TestPagesInABrowser looks at the pages of the demo in Chromium, in all ways.
func TestPagesInABrowser(t *testing.T) {
	browser := testenv.StartBrowser(t)
	demo, said := startDemo(t)
	pictures := testenv.Pictures(t)
	t.Run("every look", func(t *testing.T) {
		for _, page := range []struct{ name, path, title, says string }{
			{"objectives", "/", "Objectives", "those in trouble first"},
			{"objectives-of-a-service", "/?service=api-gateway", "Objectives", "api-gateway-reads"},
			{"objectives-of-one-name", "/slo/availability", "availability", "model-storage"},
			{"objective", "/slo/api-gateway-availability", "api-gateway-availability", "Requests of the apps do not end in a failure of ours."},
			{"objective-with-exclusions", "/slo/ml-inference-latency", "ml-inference-latency", "new models are rolled out"},
			{"feed", "/feed", "Feed", "Lateness"},
			{"configuration", "/config", "Configuration", "jaeger_url"},
		} {
			for _, visit := range testenv.Looks() {
				t.Run(page.name+"/"+visit.Look(), func(t *testing.T) {
					t.Parallel()
					visit.URL, visit.Screenshot = demo+page.path, filepath.Join(pictures, page.name+"-"+visit.Look()+".png")
					seen := browser.Visit(t, visit)
					checkSeen(t, seen, 200)
					if seen.Title != page.title+" · traceslo" || !strings.Contains(seen.Text, page.says) {
						t.Errorf("%q does not say %q but:\n%s", seen.Title, page.says, seen.Text)
					}
				})
			}
		}
	})
	t.Run("an objective that is not there", func(t *testing.T) {
		for _, noScripts := range []bool{false, true} {
			seen := browser.Visit(t, testenv.Visit{URL: demo + "/slo/api-gateway-avilability", Width: 360, Height: 740, NoScripts: noScripts, Axe: true,
				Acts: []testenv.Act{{Do: "click", On: "text=api-gateway-availability >> nth=-1"}}})
			if len(seen.Console) > 0 && strings.Contains(seen.Console[0], "404") {
				seen.Console = seen.Console[1:] // It is what the browser says of the page itself.
			}
			checkSeen(t, seen, 404)
			if want := demo + "/slo/api-gateway-availability"; seen.URL != want {
				t.Errorf("the nearest name leads to %s, want %s", seen.URL, want)
			}
		}
	})
	t.Run("the pictures of README", func(t *testing.T) {
		if os.Getenv("UPDATE_PICTURES") == "" {
			t.Skip("UPDATE_PICTURES=1 makes them anew")
		}
		folder, err := filepath.Abs(filepath.Join("..", "..", pictureFolder))
		if err != nil {
			t.Fatal(err)
		}
		for name, visit := range map[string]testenv.Visit{
			"objectives.png": {URL: demo + "/", Height: 800},
			"objective.png":  {URL: demo + "/slo/video-processing", Height: 1180},
			"report.png":     {URL: "file://" + makeReport(t, demo, "this-month"), Height: 760},
		} {
			visit.Width, visit.NoScripts, visit.FirstScreen, visit.Screenshot = 1200, true, true, filepath.Join(folder, name)
			browser.Visit(t, visit)
		}
	})
	t.Run("the filter without scripts", func(t *testing.T) {
		seen := browser.Visit(t, testenv.Visit{
			URL: demo + "/", Width: 1440, Height: 900, NoScripts: true, Axe: true,
			Acts: []testenv.Act{
				{Do: "select", On: "[name=service]", Value: "api-gateway"},
				{Do: "select", On: "[name=label]", Value: "team=platform"},
				{Do: "fill", On: "[name=q]", Value: "HALF A SECOND"},
				{Do: "click", On: "button"},
			},
			Count: []string{"tbody tr"},
		})
		checkSeen(t, seen, 200)
		if seen.Counts["tbody tr"] != 1 || !strings.Contains(seen.Text, "api-gateway-reads") {
			t.Errorf("the filter leaves %d rows, want api-gateway-reads alone:\n%s", seen.Counts["tbody tr"], seen.Text)
		}
	})
	t.Run("the report", func(t *testing.T) {
		file := "file://" + makeReport(t, demo, "30d")
		for _, visit := range testenv.Looks() {
			visit.URL, visit.Screenshot = file, filepath.Join(pictures, "demo-report-"+visit.Look()+".png")
			seen := browser.Visit(t, visit)
			checkSeen(t, seen, 200)
			if !strings.Contains(seen.Text, "api-gateway-availability") {
				t.Errorf("it does not name an objective:\n%s", seen.Text)
			}
		}
		served := demo + regexp.MustCompile(`/api/v1/report\?\S+`).FindString(said)
		checkSeen(t, browser.Visit(t, testenv.Visit{URL: served, Width: 1440, Height: 900, Axe: true}), 200)
		pdf := filepath.Join(pictures, "demo-report.pdf")
		seen := browser.Visit(t, testenv.Visit{URL: file, Width: 703, Height: 1016, Print: true, PDF: pdf})
		checkSeen(t, seen, 200)
		for _, cut := range seen.CutPlots(testenv.PDFPages(t, pdf)) {
			t.Error(cut)
		}
		if seen.Plots < 15 {
			t.Errorf("there are %d plots for 15 objectives", seen.Plots)
		}
	})
	t.Run("the OpenAPI file", func(t *testing.T) {
		// What is a time, and how many pages there are, no schema says: not all that it allows is understood.
		out, err := testenv.Schemathesis(t, demo+"/api/v1/openapi.yaml", demo, "50", "positive_data_acceptance")
		if err != nil || !strings.Contains(out, "Tested: 11") {
			t.Errorf("%v; of 11 operations:\n%s", err, out)
		}
	})
}

// makeReport has the demo make the review of a period, and returns the path of the file.
func makeReport(t *testing.T, demo, period string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "review.html")
	args := []string{"report", "--server.url=" + demo, "--period=" + period, "--output.file=" + path}
	if out, err := exec.Command(testenv.Binary(t, "./cmd/traceslo"), args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// checkSeen fails the test for each fault of a page, and if it was answered otherwise than with a status.
func checkSeen(t *testing.T, seen *testenv.Seen, status int) {
	t.Helper()
	if seen.Status != status {
		t.Errorf("%s: %d, want %d", seen.URL, seen.Status, status)
	}
	for _, fault := range seen.Faults() {
		t.Errorf("%s: %s", seen.URL, fault)
	}
}

// startDemo starts the demo and returns its address, and what it said, once it has read the month.
func startDemo(t *testing.T) (url, said string) {
	t.Helper()
	demo := testenv.StartProcess(t, testenv.Command{Path: testenv.Binary(t, "./cmd/traceslo"), Args: []string{"demo", "--web.listen-address=127.0.0.1:0"}})
	demo.WaitOutput(t, "Ctrl-C ends it.", 20*time.Second)
	page := regexp.MustCompile(`(?m)^  page +(http://\S+)/$`).FindStringSubmatch(demo.Stdout())
	if page == nil {
		t.Fatalf("the demo does not say where it serves:\n%s", demo.Stdout())
	}
	testenv.Eventually(t, 5*time.Minute, func() error {
		families, err := scrape(page[1])
		if err != nil {
			return err
		}
		if sum(families, "traceslo_source_last_complete_read_timestamp_seconds") == 0 || sum(families, "traceslo_source_catching_up") != 0 {
			return errors.New("the demo has not read everything\n" + demo.Tail())
		}
		return nil
	})
	return page[1], demo.Stdout()
}
