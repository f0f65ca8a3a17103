package web_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// wellFormed checks a picture.
func wellFormed(t testing.TB, svg string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%v:\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok && !slices.Contains([]string{"svg", "title", "clipPath", "rect", "g", "text"}, e.Name.Local) {
			t.Errorf("the picture has %s", e.Name.Local)
		}
	}
}

func TestBadges(t *testing.T) {
	b := platform(t)
	for path, want := range map[string]string{
		"/badge/checkout-availability.svg": "checkout-availability: burning, -1,400% left",
		"/badge/month.svg":                 "month: ok, 100.0% left",
		"/badge/nothing.svg":               "nothing: no events",
		"/badge/each.svg":                  "each: 1 of 2 in trouble",
		"/badge/each.svg?service=shop":     "each: burning, -1,400% left",
	} {
		answer := b.do(http.MethodGet, path)
		svg := answer.Body.String()
		if answer.Code != http.StatusOK || !strings.Contains(svg, `role="img" aria-label="`+want+`"><title>`+want+`</title>`) {
			t.Errorf("%s: got %d: %s", path, answer.Code, svg)
		}
		if got := answer.Header(); got.Get("Content-Type") != "image/svg+xml" || got.Get("Cache-Control") != "max-age=60" || got.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
			t.Errorf("%s: %v", path, got)
		}
		wellFormed(t, svg)
	}
	for path, status := range map[string]int{"/badge/nobody.svg": 404, "/badge/month.png": 404, "/badge/month.svg?size=9": 400} {
		wellFormed(t, b.get(path, status))
	}
}
