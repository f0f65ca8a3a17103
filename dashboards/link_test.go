package dashboards_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/traceslo/traceslo/dashboards"
)

// TestLinksLeadThere puts names that break out of a URL into all links, and
// reads the links as whoever they lead to does.
func TestLinksLeadThere(t *testing.T) {
	s := demo(t)
	s.Links.Status, s.Links.Jaeger = "https://traceslo.example.com/$service/", "http://[::1]:16686/jaeger"
	hostile := []string{"plain", `"`, "a&b=c", "a/b?c#d", "100%", "$service", "{{slo}}", "ünï cødé", "GET /matches/{id}"}
	kinds := map[string]int{}
	for name, content := range render(t, s, dashboards.Grafana) {
		for _, link := range links(t, content) {
			for _, value := range hostile {
				g := grafana{"datasource": {"uid & more"}, "__from": {"1700000000000"}, "__to": {"1700003600000"}, "__url_time_range": {"from=1&to=2"}, "service": {value}, "slo": {value}}
				for _, label := range []string{"service", "operation", "slo"} {
					g["__data.fields."+label], g["__field.labels."+label] = []string{value}, []string{value}
				}
				u, err := url.Parse(g.replace(t, link))
				if err != nil {
					t.Errorf("%s: %s: %v", name, link, err)
					continue
				}
				q, err := url.ParseQuery(u.RawQuery)
				if err != nil {
					t.Errorf("%s: %s: %v", name, u, err)
				}
				kinds[checkLink(t, u, q, value)]++
			}
		}
	}
	for _, kind := range []string{"board", "Jaeger", "traces", "page", "objective"} {
		if kinds[kind] == 0 {
			t.Errorf("no link leads to %s; links lead to %v", kind, kinds)
		}
	}
}

// checkLink returns where a link leads to.
func checkLink(t *testing.T, u *url.URL, q url.Values, value string) string {
	t.Helper()
	is := func(keys ...string) {
		for _, key := range keys {
			if got := q[key]; got != nil && !slices.Equal(got, []string{value}) {
				t.Errorf("%s: %s is %q, want %q", u, key, got, value)
			}
		}
	}
	page, atPage := strings.CutPrefix(u.Path, "/$service/")
	switch {
	case u.Host == "" && strings.HasPrefix(u.Path, "/d/traceslo-"):
		is("var-service", "var-slo")
		if q.Get("var-datasource") != "uid & more" || q.Get("to") != "2" {
			t.Errorf("%s does not keep the datasource or the time", u)
		}
		return "board"
	case u.Host == "[::1]:16686" && u.Path == "/jaeger/":
		return "Jaeger"
	case u.Host == "[::1]:16686" && u.Path == "/jaeger/search":
		is("service", "operation")
		if q.Get("service") == "" || q.Get("start") != "1700000000000000" || q.Get("end") != "1700003600000000" {
			t.Errorf("%s does not search in a service, or not within the time shown", u)
		}
		if tags := q.Get("tags"); tags != "" && tags != `{"error":"true"}` {
			t.Errorf("%s searches for the tags %s", u, tags)
		}
		return "traces"
	case u.Host == "traceslo.example.com" && atPage && page == "":
		return "page"
	case u.Host == "traceslo.example.com" && atPage && page == "slo/"+value:
		is("service")
		return "objective"
	}
	t.Errorf("%s leads nowhere", u)
	return ""
}

// links returns all URLs of a board, wherever they stand.
func links(t *testing.T, content []byte) (found []string) {
	t.Helper()
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				if text, ok := inner.(string); ok && key == "url" {
					found = append(found, text)
				}
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	var board any
	if err := json.Unmarshal(content, &board); err != nil {
		t.Fatal(err)
	}
	walk(board)
	return found
}
