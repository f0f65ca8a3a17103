package testenv_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/traceslo/traceslo/internal/testenv"
)

// goodPage has a place for what spoils it.
const goodPage = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>:root { color-scheme: light dark; }</style></head><body><main><h1>A page</h1>%</main></body></html>`

func TestBrowser(t *testing.T) {
	b := testenv.StartBrowser(t)
	for name, test := range map[string]func(*testing.T, *testenv.Browser){
		"notices what no page may have": noticesWhatNoPageMayHave,
		"keeps scripts from running":    keepsScriptsFromRunning,
		"does what a visitor does":      doesWhatAVisitorDoes,
		"a file asks nothing else":      fileAsksNothingElse,
		"cut plots are found":           cutPlotsAreFound,
	} {
		t.Run(name, func(t *testing.T) { test(t, b) })
	}
}

func noticesWhatNoPageMayHave(t *testing.T, b *testenv.Browser) {
	for _, c := range []struct {
		name, spoilt string
		noScripts    bool
		policy       string
		want         string // Empty for none.
	}{
		{name: "nothing", spoilt: "<p>Good.</p>"},
		{name: "nothing, without scripts", spoilt: "<p>Good.</p>", noScripts: true},
		{name: "a picture from another host", spoilt: `<img alt="x" src="http://192.0.2.1/x.png">`, want: "it asks http://192.0.2.1/x.png"},
		{name: "a picture from another port", spoilt: `<img alt="x" src="http://127.0.0.1:9/x.png">`, want: "it asks http://127.0.0.1:9/x.png"},
		{name: "a picture without scripts", spoilt: `<img alt="x" src="http://host.invalid/x.png">`, noScripts: true, want: "it asks http://host.invalid/x.png"},
		{name: "a script that asks another host", spoilt: `<script>fetch("https://host.invalid/", { mode: "no-cors" }).catch(() => {})</script>`, want: "it asks https://host.invalid/"},
		{name: "a socket to another host", spoilt: `<script>new WebSocket("ws://host.invalid/socket")</script>`, want: "it asks ws://host.invalid/socket"},
		{name: "an error on the console", spoilt: `<script>console.error("broken")</script>`, want: "console: broken"},
		{name: "an error that is not caught", spoilt: `<script>null.x</script>`, want: "console: TypeError"},
		{name: "something that is missing", spoilt: `<img alt="x" src="/missing">`, want: "console: Failed to load resource"},
		{name: "what the policy refuses", spoilt: `<script>1</script>`, policy: "script-src 'none'", want: "its policy: script-src-elem refuses inline"},
		{name: "what the policy refuses without scripts", spoilt: `<p style="color: blue">x</p>`, policy: "style-src 'none'", noScripts: true, want: "console: Applying inline style violates"},
		{name: "a dialog", spoilt: `<script>alert("hello")</script>`, want: "a dialog: hello"},
		{name: "too wide", spoilt: `<div style="width: 500px">wide</div>`, want: "it is 508 pixels wide where there are 360"},
		{name: "too pale", spoilt: `<p style="color: #999; background: #fff">pale</p>`, want: "axe-core: color-contrast: p"},
		{name: "too pale without scripts", spoilt: `<p style="color: #999; background: #fff">pale</p>`, noScripts: true, want: "axe-core: color-contrast: p"},
		{name: "too dark in the dark", spoilt: `<p style="color: #00a">dark</p>`, want: "axe-core: color-contrast: p"},
		{name: "a picture without words", spoilt: `<img src="/">`, want: "axe-core: image-alt: img"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := servePage(t, strings.Replace(goodPage, "%", c.spoilt, 1), c.policy)
			seen := b.Visit(t, testenv.Visit{URL: url, Width: 360, Height: 640, Dark: true, NoScripts: c.noScripts, Axe: true})
			faults := strings.Join(seen.Faults(), "\n")
			if c.want == "" && faults != "" || !strings.Contains(faults, c.want) {
				t.Errorf("faults are %q, want %q", faults, c.want)
			}
		})
	}
}

func keepsScriptsFromRunning(t *testing.T, b *testenv.Browser) {
	url := servePage(t, strings.Replace(goodPage, "%", `<p id="p">before</p><script>p.textContent = "after"</script>`, 1), "")
	for noScripts, want := range map[bool]string{false: "after", true: "before"} {
		seen := b.Visit(t, testenv.Visit{URL: url, Width: 360, Height: 640, NoScripts: noScripts, Axe: true})
		if got := seen.Text; !strings.Contains(got, want) {
			t.Errorf("scripts off: %t: the page says %q, want %q", noScripts, got, want)
		}
	}
}

func doesWhatAVisitorDoes(t *testing.T, b *testenv.Browser) {
	form := `<form><label>Q <input name="q"></label><label>R <select name="r"><option>1</option><option>2</option></select></label><button>Go</button></form>`
	url := servePage(t, strings.Replace(goodPage, "%", form, 1), "")
	for _, noScripts := range []bool{false, true} {
		seen := b.Visit(t, testenv.Visit{
			URL: url, Width: 360, Height: 640, NoScripts: noScripts,
			Acts: []testenv.Act{
				{Do: "fill", On: "[name=q]", Value: "a b"},
				{Do: "select", On: "[name=r]", Value: "2"},
				{Do: "click", On: "text=Go"},
			},
			Count: []string{"option", "b"},
		})
		if want := url + "?q=a+b&r=2"; seen.URL != want {
			t.Errorf("scripts off: %t: it is at %s, want %s", noScripts, seen.URL, want)
		}
		if seen.Counts["option"] != 2 || seen.Counts["b"] != 0 || seen.Status != http.StatusOK || seen.Title != "A page" {
			t.Errorf("scripts off: %t: it is %+v", noScripts, seen)
		}
	}
}

func fileAsksNothingElse(t *testing.T, b *testenv.Browser) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"alone.html": strings.Replace(goodPage, "%", "", 1),
		"more.html":  strings.Replace(goodPage, "%", `<img alt="x" src="alone.html">`, 1),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"alone.html": "", "more.html": "it asks file://" + dir + "/alone.html"} {
		seen := b.Visit(t, testenv.Visit{URL: "file://" + filepath.Join(dir, name), Width: 360, Height: 640})
		if got := strings.Join(seen.Faults(), "\n"); got != want {
			t.Errorf("%s: faults are %q, want %q", name, got, want)
		}
	}
}

func cutPlotsAreFound(t *testing.T, b *testenv.Browser) {
	plot := func(height string) string {
		return `<p><svg role="img" aria-label="x" viewBox="0 0 100 ` + height + `" width="600"><path d="M0 0V` + height + `"/></svg></p>`
	}
	page := strings.Replace(goodPage, "%", strings.Repeat(plot("60"), 5)+plot("250")+plot("20"), 1)
	pdf := filepath.Join(t.TempDir(), "page.pdf")
	seen := b.Visit(t, testenv.Visit{URL: servePage(t, page, ""), Width: 800, Height: 1100, PDF: pdf})
	pages := testenv.PDFPages(t, pdf)
	if len(pages) < 4 || !strings.Contains(pages[0], "A page") {
		t.Errorf("there are %d pages, the first is %q", len(pages), pages[0])
	}
	// Only what is higher than the paper cannot be kept whole.
	if got := seen.CutPlots(pages); seen.Plots != 7 || len(got) != 1 || !strings.HasPrefix(got[0], "plot 5 begins on page") {
		t.Errorf("of %d plots these are cut: %q, want the sixth of seven", seen.Plots, got)
	}
}

// servePage serves a page at / for the time of the test, and returns its address.
func servePage(t *testing.T, page, policy string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if policy != "" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		if _, err := w.Write([]byte(page)); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/"
}
