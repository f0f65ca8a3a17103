package web_test

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/web"
)

// TestBurnRatesAreThoseOfTheirWindows looks at a week, whose tiers have lengths
// that divide nothing: 14m and 1008m.
func TestBurnRatesAreThoseOfTheirWindows(t *testing.T) {
	week := available("week", "shop")
	week.Window = slo.Window{Rolling: 7 * 24 * time.Hour}
	b := newBench(t, week)
	for minute := range 1005 {
		bad := ""
		if minute >= 600 && minute < 620 {
			bad = "timeout"
		}
		b.span(minute, "shop", "GET /", bad)
		for range 100 {
			if minute < 10 {
				b.span(minute, "shop", "GET /", "")
			}
		}
	}
	b.read(1005)
	page := b.get("/slo/week", 200)
	// For a quarter of an hour all was bad; of all 620 + 1000 events of the minutes up
	// to the last bad one, 20 were.
	for _, want := range []string{"over 14m at most 100.0, over 1008m at most 1.2.", "the highest of each 30m</title>"} {
		if !strings.Contains(page, want) {
			_, page, _ := strings.Cut(page, "burn-rate-head")
			t.Errorf("the page lacks %q: %.600s", want, page)
		}
	}
	// The line ends where the tier stands, or stood within the last step.
	var o web.Objective
	if err := json.Unmarshal([]byte(b.get("/api/v1/objectives/week", 200)), &o); err != nil {
		t.Fatal(err)
	}
	slowest := o.Tiers[len(o.Tiers)-1]
	if slowest.Long != "1008m" || slowest.LongEvents != 2005 || slowest.LongBad != 20 {
		t.Errorf("the slowest tier has %+v", slowest)
	}
	line := regexp.MustCompile(`<path class="plot-series plot-series-1" d="[^"]*L1000 ([0-9.]+)"`).FindStringSubmatch(page)
	if line == nil {
		t.Fatal("there is no line of the slowest tier")
	}
	// The axis goes from 0 to 100 in 180 pixels, below 14.
	y, err := strconv.ParseFloat(line[1], 64)
	if rate := (194 - y) / 1.8; err != nil || math.Abs(rate-slowest.LongRate) > 0.02 {
		t.Errorf("the line of the slowest tier ends at %.3f, where it stands at %.3f, %v", rate, slowest.LongRate, err)
	}
}

// TestAPageIsNotAsLongAsWhatIsExcluded looks at one whose window has ten
// thousand exclusions.
func TestAPageIsNotAsLongAsWhatIsExcluded(t *testing.T) {
	often := available("often", "shop")
	often.Exclusions = []slo.Exclusion{{Duration: time.Minute, Reason: "sampled"}}
	if err := often.Exclusions[0].Schedule.UnmarshalText([]byte("*/4 * * * *")); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, often)
	b.span(0, "shop", "GET /", "")
	b.read(10)
	page := b.get("/slo/often", 200)
	if drawn := strings.Count(page, "<rect x="); drawn == 0 || drawn > 1000 || len(page) > 100_000 {
		t.Errorf("there are %d spans in %d bytes", drawn, len(page))
	}
}
