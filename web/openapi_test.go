package web_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/web"
)

// description returns what /api/v1/openapi.yaml says, and what finds its operations.
func description(t testing.TB, b *bench) (*openapi3.T, routers.Router) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(b.get("/api/v1/openapi.yaml", http.StatusOK)))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return doc, router
}

func TestEveryRouteOfTheAPIIsDescribed(t *testing.T) {
	b := newBench(t)
	doc, _ := description(t, b)
	var want, got []string
	for _, r := range b.routes {
		if strings.HasPrefix(r.Pattern, "GET /api/") {
			want = append(want, r.Pattern)
		}
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			got = append(got, method+" "+path)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-served +described\n%s", diff)
	}
}

// validate holds an answer against what is described of it.
func validate(t *testing.T, router routers.Router, path string, answer *httptest.ResponseRecorder) {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, path, nil)
	route, parameters, err := router.FindRoute(request)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	input := &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: route}
	if answer.Code == http.StatusOK {
		// What is asked for as it is described is answered, and nothing else is.
		if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
			t.Errorf("%s: asked as nobody should: %v", path, err)
		}
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: answer.Code, Header: answer.Header(), Body: io.NopCloser(bytes.NewReader(answer.Body.Bytes())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		t.Errorf("%s: %v\n%.1000s", path, err, answer.Body)
	}
}

func TestAnswersAreAsDescribed(t *testing.T) {
	for _, kind := range []string{"text/html", "text/markdown", "application/x-ndjson"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.RegisteredBodyDecoder("text/plain"))
	}
	ready := platform(t)
	ready.refusal = &web.Refusal{At: epoch, Faults: []string{"a.yaml:3: is wrong"}}
	failing := newBench(t)
	failing.memory.OnSurvey = func() error { return &source.Error{Kind: source.Unreachable, Err: io.ErrUnexpectedEOF} }
	_, _ = failing.feed.Step(t.Context(), failing.now)
	loading := newBench(t)
	loading.running = nil
	_, router := description(t, ready)
	one := platform(t)
	first, last := one.share()
	asked := map[string]bool{}
	for _, test := range []struct {
		bench  *bench
		path   string
		status int
	}{
		{ready, "/api/v1/status", 200},
		{ready, "/api/v1/objectives", 200},
		{ready, "/api/v1/objectives?state=trouble&q=CHECK&label=team=shop&service=shop", 200},
		{ready, "/api/v1/objectives?state=sad", 400},
		{ready, "/api/v1/objectives?page=2", 400},
		{ready, "/api/v1/objectives/checkout-availability", 200},
		{ready, "/api/v1/objectives/search", 200},
		{ready, "/api/v1/objectives/nothing", 200},
		{ready, "/api/v1/objectives/each", 409},
		{ready, "/api/v1/objectives/each?service=shop", 200},
		{ready, "/api/v1/objectives/chekout-availability", 404},
		{ready, "/api/v1/objectives/checkout-availability/events?from=2h&step=1m", 200},
		{ready, "/api/v1/objectives/checkout-availability/events", 200},
		{ready, "/api/v1/objectives/checkout-availability/events?from=2026-03-02T01:00:00Z&to=2026-03-02T00:00:00Z", 400},
		{ready, "/api/v1/objectives/month/culprits", 200},
		{ready, "/api/v1/objectives/checkout-availability/culprits?from=1d", 200},
		{ready, "/api/v1/objectives/checkout-availability/traces", 200},
		{ready, "/api/v1/objectives/search/traces", 200},
		{ready, "/api/v1/report?period=2026-03&format=json", 200},
		{ready, "/api/v1/report?period=today&format=json&time_zone=America/St_Johns&slo=checkout-availability&slo=each", 200},
		{ready, "/api/v1/report?period=today&format=markdown", 200},
		{ready, "/api/v1/report?period=today&format=csv", 200},
		{ready, "/api/v1/report?period=today", 200},
		{ready, "/api/v1/report", 200},
		{ready, "/api/v1/report?period=2027", 400},
		{ready, "/api/v1/report?format=pdf", 400},
		{ready, "/api/v1/report?time_zone=Mars", 400},
		{ready, "/api/v1/report?colour=red", 400},
		{ready, "/api/v1/report?slo=chekout-availability", 404},
		{loading, "/api/v1/report", 503},
		{one, "/api/v1/ledger", 200},
		{one, fmt.Sprintf("/api/v1/ledger?after=%d&mark=%s", first.Seq, first.Mark), 200},
		{one, fmt.Sprintf("/api/v1/ledger?after=%d&mark=%s", last.Seq, last.Mark), 200},
		{one, fmt.Sprintf("/api/v1/ledger?after=%d&mark=%s", last.Seq, "0123"), 410},
		{one, "/api/v1/ledger?after=1", 400},
		{one, "/api/v1/ledger?after=-1&mark=a", 400},
		{one, "/api/v1/ledger/all", 200},
		{one, "/api/v1/status", 200},
		{one, "/api/v1/report?period=today&format=json", 200},
		{ready, "/api/v1/ledger", 404},
		{ready, "/api/v1/ledger/all", 404},
		{loading, "/api/v1/ledger", 503},
		{ready, "/api/v1/feed", 200},
		{ready, "/api/v1/config", 200},
		{ready, "/api/v1/openapi.yaml", 200},
		{failing, "/api/v1/feed", 200},
		{failing, "/api/v1/config", 200},
		{failing, "/api/v1/status", 200},
		{failing, "/api/v1/objectives", 200},
		{loading, "/api/v1/status", 200},
		{loading, "/api/v1/feed", 503},
		{loading, "/api/v1/config", 503},
		{loading, "/api/v1/objectives", 503},
		{loading, "/api/v1/objectives/a", 503},
		{loading, "/api/v1/objectives/a/events", 503},
	} {
		answer := test.bench.do(http.MethodGet, test.path)
		if answer.Code != test.status {
			t.Errorf("%s: got %d, want %d: %s", test.path, answer.Code, test.status, answer.Body)
		}
		validate(t, router, test.path, answer)
		route, _, _ := router.FindRoute(httptest.NewRequest(http.MethodGet, test.path, nil))
		if test.status == http.StatusOK {
			asked[route.Path] = true
		}
	}
	for _, r := range ready.routes {
		if path, ok := strings.CutPrefix(r.Pattern, "GET "); ok && strings.HasPrefix(path, "/api/") && !asked[path] {
			t.Errorf("no answer of %s is held against its description", path)
		}
	}
}
