package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"golang.org/x/net/html"

	"github.com/traceslo/traceslo/web"
)

// TestLinksLeadWhereTheySay follows all links of pages about an objective whose
// name ends as spans say.
func TestLinksLeadWhereTheySay(t *testing.T) {
	operation := available("op", "=~.*")
	operation.Service, operation.ForEach = "shop", "operation"
	b := newBench(t, operation)
	for _, name := range append([]string{"GET /a/b", "GET /a/{id}:undo?x=1#y", "100%2Fall"}, hostile[:5]...) {
		b.span(0, "shop", name, "timeout")
	}
	b.read(1)
	var list web.Objectives
	if err := json.Unmarshal([]byte(b.get("/api/v1/objectives", 200)), &list); err != nil {
		t.Fatal(err)
	}
	followed := 0
	for _, o := range list.Objectives {
		for _, path := range []string{"/" + o.Path, "/slo/" + url.PathEscape(o.SLO+"~")} {
			at, err := url.Parse(path)
			if err != nil {
				t.Fatal(err)
			}
			answer := b.do(http.MethodGet, path)
			inert(t, path, answer.Body.String())
			for _, m := range regexp.MustCompile(`<a [^>]*href="([^"#][^"]*)"`).FindAllStringSubmatch(answer.Body.String(), -1) {
				link, err := at.Parse(html.UnescapeString(m[1]))
				if err != nil {
					t.Errorf("%s: %v", path, err)
					continue
				}
				// Of what others answer, nothing is known here.
				if own := regexp.MustCompile(`^/(slo|badge|api/v1/objectives)/`); link.Host != "" || !own.MatchString(link.Path) {
					continue
				}
				followed++
				if got := b.do(http.MethodGet, link.String()); got.Code != http.StatusOK {
					t.Errorf("%s: leads to %s: %d", path, link, got.Code)
				}
			}
		}
	}
	if want := len(list.Objectives) * 7; followed < want {
		t.Errorf("%d links were followed, want %d", followed, want)
	}
}
