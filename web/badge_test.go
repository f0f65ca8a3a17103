package web_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
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

// TestTheBadgeOfManyIsGoodIfAllAre looks at what is neither good nor in trouble.
func TestTheBadgeOfManyIsGoodIfAllAre(t *testing.T) {
	each := available("each", "any")
	each.Service, each.ForEach, each.SLI = "", "service", sli.Indicator{Availability: &sli.Availability{}}
	each.Window = slo.Window{Rolling: time.Hour}
	excluded := each
	excluded.Name = "excluded"
	excluded.Exclusions = []slo.Exclusion{{From: at(2), To: at(1000), Reason: "moved"}}
	b := newBench(t, each, excluded)
	check := func(path, want, colour string) {
		t.Helper()
		if svg := b.get(path, 200); !strings.Contains(svg, "<title>"+want+"</title>") || !strings.Contains(svg, `fill="`+colour+`"`) {
			t.Errorf("%s: want %q, %s: %s", path, want, colour, svg)
		}
	}
	const good, neutral = "#00664b", "#565d67"
	b.span(0, "shop", "GET /", "")
	b.span(0, "catalogue", "GET /", "")
	b.read(1)
	check("/badge/each.svg", "each: 2 ok", good)
	b.read(5)
	check("/badge/excluded.svg", "excluded: 0 of 2 ok", neutral)
	// The window of an hour holds nothing of the first minute any more.
	for minute := 30; minute < 80; minute++ {
		b.span(minute, "shop", "GET /", "")
		b.read(minute + 1)
	}
	check("/badge/each.svg", "each: 1 of 2 ok", neutral)
	check("/badge/each.svg?service=shop", "each: ok, 100.0% left", good)
}
