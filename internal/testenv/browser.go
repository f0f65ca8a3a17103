package testenv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// browserFolder holds the driver of the browser and names its packages.
const browserFolder = "internal/testenv/browser"

// A Browser is a running Chromium. Nothing that it shows can ask another host than the one it visits, and each visit
// begins without cookies, cache or anything else of one before.
type Browser struct {
	url string // Of its driver.
}

// A Visit says which page to open, how, and what to do there. What is not set is off.
type Visit struct {
	URL       string `json:"url"` // http:// on this machine, or file://.
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	Dark      bool   `json:"dark"`      // Prefer dark colours.
	NoScripts bool   `json:"noScripts"` // Run no script of the page.
	Acts      []Act  `json:"acts"`      // Done one after the other, before anything is looked at.
	Print     bool   `json:"print"`     // Look at the page as it would be printed, on paper of Width.
	Axe       bool   `json:"axe"`       // Judge the page by axe-core.
	// Count names CSS selectors of which Seen tells how many elements match.
	Count []string `json:"count"`
	// Screenshot is the path of a PNG to write: of the whole page, or of its first Height pixels with FirstScreen.
	Screenshot  string `json:"screenshot"`
	FirstScreen bool   `json:"firstScreen"`
	// PDF is the path of a PDF to print the page to, on A4.
	PDF string `json:"pdf"`
}

// Looks returns visits, still without a URL, in which a page is seen narrow and wide, in light and in dark, with scripts
// and without, each of these with each of the others.
func Looks() []Visit {
	return []Visit{
		{Width: 360, Height: 740, Axe: true},
		{Width: 360, Height: 740, Axe: true, Dark: true, NoScripts: true},
		{Width: 1440, Height: 900, Axe: true, NoScripts: true},
		{Width: 1440, Height: 900, Axe: true, Dark: true},
	}
}

// Look names how the visit looks at a page.
func (v Visit) Look() string {
	name := strconv.Itoa(v.Width)
	if v.Dark {
		name += "-dark"
	}
	if v.NoScripts {
		name += "-no-scripts"
	}
	return name
}

// PicturesVariable is the environment variable that names a folder in which the pictures of pages are left, to be looked
// at.
const PicturesVariable = "TRACESLO_TEST_PICTURES"

// Pictures returns the folder for pictures of pages, one that goes with the test if PicturesVariable names none.
func Pictures(t testing.TB) string {
	t.Helper()
	dir := os.Getenv(PicturesVariable)
	if dir == "" {
		return t.TempDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// An Act is one thing that a visitor does.
type Act struct {
	Do    string `json:"do"` // click, fill, select or press.
	On    string `json:"on"` // The element, as a selector of Playwright: CSS, text=…, role=….
	Value string `json:"value,omitempty"`
}

// Seen is what a visit showed.
type Seen struct {
	Status   int      `json:"status"` // Of the first page; 200 for a file.
	URL      string   `json:"url"`    // Where the acts led.
	Title    string   `json:"title"`
	Text     string   `json:"text"`     // What is visible, as somebody would copy it.
	Requests []string `json:"requests"` // All addresses that were asked, or would have been.
	Console  []string `json:"console"`  // Errors and warnings.
	Policy   []string `json:"policy"`   // What the page's Content-Security-Policy refused.
	Dialogs  []string `json:"dialogs"`
	// ScrollWidth is greater than ClientWidth where the page is to be scrolled sideways; Wide then has some of what is
	// too wide.
	ScrollWidth int            `json:"scrollWidth"`
	ClientWidth int            `json:"clientWidth"`
	Wide        []string       `json:"wide"`
	Counts      map[string]int `json:"counts"`
	Violations  []Violation    `json:"violations"` // Of axe-core's rules, one for each element.
	Plots       int            `json:"plots"`      // SVGs that were printed: see CutPlots.
}

// A Violation is an element that breaks a rule of axe-core.
type Violation struct {
	Rule    string `json:"rule"`
	Target  string `json:"target"`
	HTML    string `json:"html"`
	Summary string `json:"summary"`
}

// StartBrowser starts a Chromium. It ends with the test.
func StartBrowser(t testing.TB) *Browser {
	t.Helper()
	Live(t)
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v; on Debian: apt-get install --no-install-recommends chromium", err)
	}
	dir := NodeProject(t, browserFolder)
	process, p := listen(t, 1, func(p *ports) Command {
		return Command{Path: "node", Args: []string{"driver.mjs", strconv.Itoa(p.numbers[0]), chromium}, Dir: dir}
	}, "/ready")
	t.Cleanup(func() {
		// Who is killed leaves profiles and caches in the folder for temporary files.
		if err := process.Terminate(30 * time.Second); err != nil {
			t.Error(err)
		}
	})
	return &Browser{url: p.url(0)}
}

// Visit opens a page and tells what was there. It fails the test where the page cannot be opened or an act be done.
func (b *Browser) Visit(t testing.TB, v Visit) *Seen {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/visit", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("visit %s: %v", v.URL, err)
	}
	defer func() { _ = a.Body.Close() }()
	answer, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != http.StatusOK {
		t.Fatalf("visit %s: %s", v.URL, answer)
	}
	var s Seen
	if err := json.Unmarshal(answer, &s); err != nil {
		t.Fatalf("visit %s: %v in %q", v.URL, err, answer)
	}
	return &s
}

// Faults names what no page of ours may have: a request to another host, for a file to anything else at all, an error
// on the console, something that its own policy refuses, a dialog, something that is too wide, and what axe-core found.
func (s *Seen) Faults() []string {
	var faults []string
	page, err := url.Parse(s.URL)
	if err != nil {
		return []string{err.Error()}
	}
	for _, r := range s.Requests {
		if asked, err := url.Parse(r); err != nil || asked.Host != page.Host || page.Scheme == "file" && r != s.URL {
			faults = append(faults, "it asks "+r)
		}
	}
	for _, c := range s.Console {
		faults = append(faults, "console: "+c)
	}
	for _, p := range s.Policy {
		faults = append(faults, "its policy: "+p)
	}
	for _, d := range s.Dialogs {
		faults = append(faults, "a dialog: "+d)
	}
	if s.ScrollWidth > s.ClientWidth {
		faults = append(faults, fmt.Sprintf("it is %d pixels wide where there are %d: %q", s.ScrollWidth, s.ClientWidth, s.Wide))
	}
	broken := map[string]int{}
	for _, v := range s.Violations {
		broken[v.Rule]++
		// The first few tell what is wrong, also where it is so with each row of a table.
		if broken[v.Rule] <= 3 {
			faults = append(faults, fmt.Sprintf("axe-core: %s: %s: %s\n%s", v.Rule, v.Target, v.HTML, v.Summary))
		}
	}
	for rule, n := range sorted(broken) {
		if n > 3 {
			faults = append(faults, fmt.Sprintf("axe-core: %s: %d elements in all", rule, n))
		}
	}
	return faults
}
