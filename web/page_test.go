package web_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/traceslo/traceslo/internal/golden"
	"github.com/traceslo/traceslo/web"
)

func TestEveryAnswerIsGuarded(t *testing.T) {
	b := platform(t)
	loading := newBench(t)
	loading.running = nil
	for _, bench := range []*bench{b, loading} {
		for _, path := range []string{"/", "/?page=9", "/slo/search", "/slo/each", "/slo/serach", "/feed", "/config", "/badge/search.svg", "/badge/x.svg", "/style.css", "/refresh.js", "/icon.svg",
			"/api/v1/status", "/api/v1/objectives", "/api/v1/objectives/x", "/api/v1/openapi.yaml", "/api/v1/nothing", "/nothing/at/all"} {
			answer := bench.do(http.MethodGet, path)
			policy := answer.Header().Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: the policy is %q", path, policy)
			}
			if answer.Header().Get("X-Content-Type-Options") != "nosniff" || answer.Header().Get("Referrer-Policy") != "no-referrer" || answer.Header().Get("Cache-Control") == "" {
				t.Errorf("%s: the headers are %v", path, answer.Header())
			}
			if strings.HasPrefix(answer.Header().Get("Content-Type"), "text/html") {
				inert(t, path, answer.Body.String())
			}
			if answer.Code >= 500 && bench != loading {
				t.Errorf("%s: %d", path, answer.Code)
			}
		}
	}
}

func TestAnswersAreCompressedForThoseWhoAsk(t *testing.T) {
	b := platform(t)
	for _, path := range []string{"/", "/style.css", "/api/v1/objectives/search"} {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.Header.Set("Accept-Encoding", "gzip")
		answer := httptest.NewRecorder()
		b.server.ServeHTTP(answer, request)
		size := answer.Body.Len()
		unpacked, err := gzip.NewReader(answer.Body)
		if err != nil {
			t.Fatalf("%s: %v, headers %v", path, err, answer.Header())
		}
		text, err := io.ReadAll(unpacked)
		if err != nil || string(text) != b.get(path, 200) || size > len(text)/2 || !strings.Contains(answer.Header().Get("Vary"), "Accept-Encoding") {
			t.Errorf("%s: %d bytes instead of %d, headers %v, %v", path, size, len(text), answer.Header(), err)
		}
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	b := platform(t)
	for _, path := range []string{"/", "/slo/search", "/feed", "/api/v1/objectives", "/badge/search.svg"} {
		answer := b.do(http.MethodPost, path)
		if answer.Code != http.StatusMethodNotAllowed || !strings.Contains(answer.Header().Get("Allow"), "GET") {
			t.Errorf("%s: got %d, Allow %q", path, answer.Code, answer.Header().Get("Allow"))
		}
	}
	if answer := b.do(http.MethodHead, "/"); answer.Code != http.StatusOK {
		t.Errorf("HEAD: got %d", answer.Code)
	}
}

func TestObjectivesAreSortedByTroubleAndFiltered(t *testing.T) {
	b := platform(t)
	for query, want := range map[string]string{
		"":                       "checkout-availability/shop each/shop each/catalogue month/catalogue search/catalogue nothing/nobody",
		"?state=trouble":         "checkout-availability/shop each/shop",
		"?state=ok":              "each/catalogue month/catalogue",
		"?state=excluded":        "search/catalogue",
		"?service=shop":          "checkout-availability/shop each/shop",
		"?q=ORDERS+go":           "checkout-availability/shop",
		"?label=team":            "checkout-availability/shop search/catalogue",
		"?label=team%3Dfind":     "search/catalogue",
		"?label=team%3Dnobody":   "",
		"?q=a&service=catalogue": "each/catalogue month/catalogue search/catalogue",
	} {
		var list web.Objectives
		if err := json.Unmarshal([]byte(b.get("/api/v1/objectives"+query, 200)), &list); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range list.Objectives {
			got = append(got, o.SLO+"/"+o.Service)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
		// The page lists the same, in the same order.
		page := b.get("/"+query, 200)
		var links []string
		for _, m := range regexp.MustCompile(`<th scope="row"><a href="\./slo/([^"?]+)(?:\?service=([^"]+))?">.*?<bdi class="faint" title="([^"]*)">`).FindAllStringSubmatch(page, -1) {
			links = append(links, m[1]+"/"+m[3])
		}
		if !slices.Equal(links, got) {
			t.Errorf("%s: the page lists %q, want %q", query, links, got)
		}
	}
	if page := b.get("/?label=team%3Dnobody", 200); !strings.Contains(page, "No objective is like that") {
		t.Error("that nothing is let through is not said")
	}
}

func TestMistypedParametersAreRefused(t *testing.T) {
	b := platform(t)
	for query, want := range map[string]string{
		"?servce=shop":                   "here is no parameter \"servce\"; there are service, label, q, state, page",
		"?state=sad":                     "choose trouble or one of burning, spent",
		"?page=0":                        "write a number from 1 on",
		"?page=":                         "write a number from 1 on",
		"?page=2":                        "he parameter page=2 is beyond the last, which is 1",
		"?q=a&q=b":                       "he parameter q is given 2 times; give it once",
		"?q=" + strings.Repeat("x", 301): "he parameter q has 301 bytes; write at most 300",
		"?%zz":                           "he query is not understood",
	} {
		var got struct{ Error web.Problem }
		if err := json.Unmarshal([]byte(b.get("/api/v1/objectives"+query, 400)), &got); err != nil {
			t.Fatal(err)
		}
		if got.Error.Code != "bad_request" || !strings.Contains(got.Error.Message, want) {
			t.Errorf("%s: got %+v, want %q", query, got.Error, want)
		}
		if page := b.get("/"+query, 400); !strings.Contains(html.UnescapeString(page), want) {
			t.Errorf("%s: the page does not say %q", query, want)
		}
	}
}

func TestUnknownNamesGetTheNearest(t *testing.T) {
	b := platform(t)
	for name, want := range map[string][]string{
		"serach":                  {"search"},
		"checkout-avalability":    {"checkout-availability"},
		"CHECKOUT":                {"checkout-availability"},
		"mnth":                    {"month"},
		"something-else-at-all":   nil,
		strings.Repeat("é", 4096): nil,
	} {
		var got struct{ Error web.Problem }
		if err := json.Unmarshal([]byte(b.get("/api/v1/objectives/"+url.PathEscape(name), 404)), &got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Error.Nearest, want) || got.Error.Code != "not_found" || len(got.Error.Message) > 1000 {
			t.Errorf("%.40s: got %.300v", name, got.Error)
		}
		page := b.get("/slo/"+url.PathEscape(name), 404)
		for _, near := range want {
			if !strings.Contains(page, `href="../slo/`+near+`"`) {
				t.Errorf("%s: the page does not lead to %s", name, near)
			}
		}
	}
	if got := b.get("/api/v1/objectives/each?service=nobody", 404); !strings.Contains(got, "there is one of catalogue, shop") {
		t.Errorf("got %s", got)
	}
	if got := b.get("/api/v1/objectives/each", 409); !strings.Contains(got, "service=, of catalogue, shop") {
		t.Errorf("got %s", got)
	}
}

func TestTheObjectivesPageTellsAllOfIt(t *testing.T) {
	b := platform(t)
	page := html.UnescapeString(b.get("/slo/checkout-availability", 200))
	for _, want := range []string{
		"burns above 14.4 (page)", "Orders go through.", "99% over 30d", "85% <span class=\"faint\">180 bad of 1,200 events", "-1,400%",
		"Measured up to <time datetime=\"2026-03-02T02:00:00Z\">", "team=shop",
		`class="plot plot-line"`, `class="plot plot-bars"`, "page 14.4×", "POST /orders/0", "timeout",
		"https://jaeger.example.org/search?service=shop&tags=", "https://runbooks.example.org/shop/checkout-availability",
		"https://jaeger.example.org/trace/0000000000000000000000", "availability:\n  match:", "slo:sli_error:ratio_rate1h", "SLOErrorBudgetBurn", "All of the time counts",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	_, rules, _ := strings.Cut(page, "SLOErrorBudgetBurn")
	if strings.Contains(rules, "s3cret") {
		t.Error("what came from the environment is in the rules")
	}
	page = b.get("/slo/search", 200)
	for _, want := range []string{"moves &lt;again&gt;", "runs until 2026-03-02 02:30 UTC", "2026-03-02 16:40 to 16:50 UTC", "2026-03-02 00:10 to 00:20 UTC", "excluded now", "No bad event in the window"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of exclusions lacks %q", want)
		}
	}
	if page := b.get("/slo/each", 200); !strings.Contains(page, "One objective for each of 2 values") || strings.Contains(page, ">month<") {
		t.Error("the page of an objective for each service does not list its values")
	}
	if page := b.get("/slo/each?service=shop", 200); !strings.Contains(page, `<bdi title="shop">shop</bdi></span></h1>`) {
		t.Error("one of several is not chosen by its service")
	}
}

// TestFiguresAreTheLedgers holds what is told over time against what was stored.
func TestFiguresAreTheLedgers(t *testing.T) {
	b := platform(t)
	var events web.Events
	if err := json.Unmarshal([]byte(b.get("/api/v1/objectives/checkout-availability/events?from=2026-03-02T00:30:30Z&to=2026-03-02T01:45:00Z&step=30m", 200)), &events); err != nil {
		t.Fatal(err)
	}
	want := []web.Point{{From: at(30), To: at(60), Events: 300}, {From: at(60), To: at(90), Events: 300, BadEvents: 90}, {From: at(90), To: at(105), Events: 150, BadEvents: 45}}
	if !slices.EqualFunc(events.Points, want, func(a, b web.Point) bool { return a == b }) {
		t.Errorf("got %+v", events.Points)
	}
	// What is excluded is left out, what is to come is unmeasured.
	if err := json.Unmarshal([]byte(b.get("/api/v1/objectives/search/events?from=2026-03-02T00:00:00Z&to=2026-03-02T03:00:00Z", 200)), &events); err != nil {
		t.Fatal(err)
	}
	want = []web.Point{{From: at(0), To: at(60), Events: 500}, {From: at(60), To: at(120), Events: 500}, {From: at(120), To: at(180), UnmeasuredSeconds: 59 * 60}}
	if !slices.EqualFunc(events.Points, want, func(a, b web.Point) bool { return a == b }) {
		t.Errorf("got %+v", events.Points)
	}
	var culprits web.Culprits
	if err := json.Unmarshal([]byte(b.get("/api/v1/objectives/checkout-availability/culprits", 200)), &culprits); err != nil {
		t.Fatal(err)
	}
	if culprits.BadEvents != 180 || len(culprits.Culprits) != 2 || culprits.Culprits[0].BadEvents+culprits.Culprits[1].BadEvents != 180 || culprits.Culprits[0].ErrorType != "timeout" {
		t.Errorf("got %+v", culprits)
	}
	var traces web.Traces
	if err := json.Unmarshal([]byte(b.get("/api/v1/objectives/checkout-availability/traces", 200)), &traces); err != nil {
		t.Fatal(err)
	}
	if len(traces.Traces) == 0 || traces.Traces[0].End.Before(at(119)) || traces.Traces[0].ErrorType != "timeout" || traces.Traces[0].Seconds != 0.0015 {
		t.Errorf("got %+v", traces.Traces)
	}
}

func TestWhatNobodyMeasuresIsSaid(t *testing.T) {
	b := newBench(t)
	if page := b.get("/", 200); !strings.Contains(page, "There are no objectives yet") || !strings.Contains(page, "objective: 99.9%") {
		t.Errorf("how to write the first is not said:\n%s", page)
	}
	b = newBench(t, available("a", "shop"))
	for _, path := range []string{"/", "/slo/a"} {
		page := b.get(path, 200)
		if !strings.Contains(page, "not measured yet") || !strings.Contains(page, "Nothing was read to its end since the start.") || strings.Contains(page, "plot-line") {
			t.Errorf("%s: got\n%s", path, page)
		}
	}
	b = platform(t)
	b.now = b.now.Add(20 * time.Minute)
	for _, path := range []string{"/", "/slo/checkout-availability"} {
		page := b.get(path, 200)
		if !strings.Contains(page, "not measured for 20m, then: burns above 14.4 (page)") || !strings.Contains(page, "Nothing was read to its end for 20m") {
			t.Errorf("%s: got\n%s", path, page)
		}
	}
	b = newBench(t)
	b.running = nil
	if page := b.get("/", 200); !strings.Contains(page, "The state is being loaded") {
		t.Errorf("got\n%s", page)
	}
	b.get("/slo/a", 503)
	b.get("/badge/a.svg", 503)
}

func TestAnswersAsWritten(t *testing.T) {
	b := platform(t)
	for path, file := range map[string]string{
		"/":                                "overview.html",
		"/slo/checkout-availability":       "objective.html",
		"/slo/serach":                      "missing.html",
		"/api/v1/objectives/search":        "objective.json",
		"/badge/checkout-availability.svg": "badge.svg",
	} {
		golden.Check(t, filepath.Join("testdata", file), b.do(http.MethodGet, path).Body.Bytes())
	}
}
