package plot_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/golden"
	"github.com/traceslo/traceslo/internal/plot"
)

func date(month time.Month, day, hour int) time.Time {
	return time.Date(2026, month, day, hour, 0, 0, 0, time.UTC)
}

// burnDown is a month's budget with two falls, an hour nobody measured and one
// that does not count.
func burnDown() plot.Line {
	l := plot.Line{
		ID: "burn-down", Title: "Error budget left, api-gateway-availability", Description: "It falls from 100% to -12.5%.",
		Frame:      plot.Frame{From: date(11, 1, 0), To: date(12, 1, 0)},
		Thresholds: []plot.Threshold{{Value: 0.25, Label: "at risk below 25%"}, {Value: 0, Label: "exhausted"}},
		Spans: []plot.Span{
			{From: date(11, 9, 0), To: date(11, 11, 0), Kind: plot.Unmeasured},
			{From: date(11, 16, 0), To: date(11, 17, 12), Kind: plot.Excluded},
		},
	}
	var points []plot.Point
	for hour := 0; hour <= 27*24; hour += 6 {
		left := 1 - 0.02*float64(hour)/24
		if hour > 5*24 {
			left -= 0.35
		}
		if hour > 20*24 {
			left -= 0.235
		}
		if hour > 8*24 && hour < 10*24 {
			left = math.NaN()
		}
		points = append(points, plot.Point{At: date(11, 1, hour), Value: left})
	}
	l.Series = []plot.Series{{Name: "budget left", Points: points}}
	return l
}

func burnRates() plot.Line {
	l := plot.Line{
		ID: "rates", Title: "Burn rates", Description: "Both stay below 14.4.", Unit: plot.Times,
		Frame:      plot.Frame{From: date(11, 27, 9), To: date(11, 27, 21)},
		Thresholds: []plot.Threshold{{Value: 14.4, Label: "page: 14.4×"}, {Value: 14, Label: "close by: 14×"}, {Value: 6, Label: "page: 6×"}},
	}
	for i, name := range []string{"5m", "1h", "6h", "3d"} {
		s := plot.Series{Name: name}
		for m := 0; m <= 720; m += 10 {
			s.Points = append(s.Points, plot.Point{At: date(11, 27, 9).Add(time.Duration(m) * time.Minute), Value: math.Abs(12 / float64(i+1) * math.Sin(float64(m)/90))})
		}
		l.Series = append(l.Series, s)
	}
	return l
}

func perDay() plot.Bars {
	b := plot.Bars{
		ID: "days", Title: "Events a day", Description: "12,000 to 24,000 a day, few of them bad.",
		Frame: plot.Frame{From: date(11, 1, 0), To: date(12, 1, 0)},
		Spans: []plot.Span{{From: date(11, 9, 0), To: date(11, 11, 0), Kind: plot.Unmeasured}, {From: date(11, 21, 0), To: date(11, 21, 18), Kind: plot.Burning}},
	}
	for day := 1; day <= 27; day++ {
		if day == 9 || day == 10 {
			continue
		}
		good := 18_000 + uint64(6000*math.Sin(float64(day)))
		bad := uint64(day % 3)
		if day == 21 {
			bad = 5000
		}
		b.Bars = append(b.Bars, plot.Bar{From: date(11, day, 0), To: date(11, day+1, 0), Good: good, Bad: bad})
	}
	return b
}

func culprits() plot.Shares {
	return plot.Shares{Title: "Where bad events came from", Description: "Most from one operation.", Shares: []plot.Share{
		{Label: "POST /api/v1/videos · timeout", Part: 0.62, Figure: "5,021 · 62%"},
		{Label: "GET /api/v1/matches/{id}/highlights/{clip} · 503", Part: 0.3, Figure: "2,430 · 30%"},
		{Label: hostile, Part: 0.08, Figure: "648 · 8%"},
	}}
}

const hostile = "<script>alert(1)</script>\u202e\"'&\x00"

// plots are one of each kind.
func plots() map[string]template.HTML {
	return map[string]template.HTML{
		"line":      burnDown().SVG(),
		"lines":     burnRates().SVG(),
		"bars":      perDay().SVG(),
		"shares":    culprits().SVG(),
		"sparkline": plot.Sparkline{Title: "Budget left by day", Values: []float64{1, 0.9, math.NaN(), 0.5, math.NaN(), 0.2, -0.4}}.SVG(),
		"share":     plot.ShareBar("30% of the budget", 0.3),
	}
}

func TestPlotsAreAsTheyWere(t *testing.T) {
	for name, got := range plots() {
		golden.Check(t, filepath.Join("testdata", name+".svg"), []byte(got+"\n"))
	}
}

// TestPicturesCanBeLookedAt writes a page with all plots where PLOT_PAGE says.
func TestPicturesCanBeLookedAt(t *testing.T) {
	path := os.Getenv("PLOT_PAGE")
	if path == "" {
		t.Skip("PLOT_PAGE names no file to write a page of all plots into")
	}
	page := "<!DOCTYPE html><meta charset=utf-8><meta name=viewport content='width=device-width'><style>" + plot.CSS + ":root{color-scheme:light dark}body{background:var(--plot-ground);color:var(--plot-text);font:16px system-ui;margin:16px}</style>"
	for _, name := range []string{"line", "lines", "bars", "shares", "sparkline", "share"} {
		page += "<h2>" + name + "</h2>" + string(plots()[name])
	}
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
}

// elements returns the elements of a plot, and fails if it is not well-formed.
func elements(t *testing.T, svg template.HTML) (all []xml.StartElement, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all, text
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			all = append(all, token)
		case xml.CharData:
			text += string(token)
		}
	}
}

func TestPlotsAreInertAndAccessible(t *testing.T) {
	line := burnDown()
	line.Title, line.Description, line.Thresholds[0].Label, line.Series[0].Name = hostile, hostile, hostile, hostile
	bars := perDay()
	bars.ID, bars.Title, bars.Description = hostile, hostile, hostile
	for name, svg := range map[string]template.HTML{"line": line.SVG(), "bars": bars.SVG(), "shares": culprits().SVG(),
		"sparkline": plot.Sparkline{Title: hostile, Values: []float64{1}}.SVG(), "share": plot.ShareBar(hostile, 1)} {
		all, text := elements(t, svg)
		if !strings.Contains(text, `<script>alert(1)</script>\u202E"'&\u0000`) {
			t.Errorf("%s: the hostile text is not shown as it is: %s", name, text)
		}
		for i, e := range all {
			if !strings.Contains(elementsUsed, " "+e.Name.Local+" ") {
				t.Errorf("%s: there is an element %s", name, e.Name.Local)
			}
			role := ""
			for _, a := range e.Attr {
				if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "NaN") {
					t.Errorf("%s: there is %s=%q", name, a.Name.Local, a.Value)
				}
				if a.Name.Local == "role" {
					role = a.Value
				}
			}
			if i == 0 && (role != "img" || all[1].Name.Local != "title") {
				t.Errorf("%s: it begins with %v", name, all[:2])
			}
		}
	}
}

// elementsUsed are the names of all elements that plots are made of.
const elementsUsed = " svg title desc defs pattern path rect line text g "

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// TestLabelsOfTimeDoNotOverlap looks at labels of frames of every length, in
// the narrowest plot and in one that shows all labels.
func TestLabelsOfTimeDoNotOverlap(t *testing.T) {
	madrid, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	const letter = 6.6 // pixels
	for minutes := 3.0; minutes < 8*365*1440; minutes *= 1.13 {
		from := date(3, 3, 5).Add(7 * time.Minute)
		l := plot.Line{ID: "x", Frame: plot.Frame{From: from, To: from.Add(time.Duration(minutes) * time.Minute), Zone: madrid}}
		svg := string(l.SVG())
		for _, wide := range []bool{false, true} {
			pixels := map[bool]float64{false: 230, true: 560}[wide]
			end, shown := -100.0, 0
			for rest := svg; ; {
				_, after, ok := strings.Cut(rest, `<text class="plot-middle`)
				if !ok {
					break
				}
				rest = after
				class, after, _ := strings.Cut(after, `" x="`)
				if class != "" && !wide {
					continue
				}
				x, after, _ := strings.Cut(after, `%"`)
				_, after, _ = strings.Cut(after, ">")
				label, _, _ := strings.Cut(after, "<")
				percent, err := strconv.ParseFloat(x, 64)
				if err != nil {
					t.Fatal(err)
				}
				middle, half := percent/100*pixels, letter*float64(len(label))/2
				if middle-half < end+2 {
					t.Errorf("%v minutes: %q begins at %v, where the label before it ends at %v", minutes, label, middle-half, end)
				}
				end, shown = middle+half, shown+1
			}
			if shown == 0 {
				t.Errorf("%v minutes: no label is shown", minutes)
			}
		}
	}
}

func TestLabelsOfTimeAreThoseOfTheZone(t *testing.T) {
	zone, err := time.LoadLocation("America/St_Johns")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		from, to time.Time
		want     string
	}{
		// Clocks are put forward at 02:00 on 8 March 2026 and back at 02:00 on 1 November.
		{time.Date(2026, 3, 8, 0, 0, 0, 0, zone), time.Date(2026, 3, 8, 6, 0, 0, 0, zone), "8 Mar 00:30 01:00 01:30 03:00 03:30 04:00 04:30 05:00 05:30"},
		{time.Date(2026, 11, 1, 0, 0, 0, 0, zone), time.Date(2026, 11, 1, 5, 0, 0, 0, zone), "1 Nov 01:00 02:00 03:00 04:00"},
		{time.Date(2026, 10, 30, 0, 0, 0, 0, zone), time.Date(2026, 11, 4, 0, 0, 0, 0, zone), "30 Oct 31 Oct 1 Nov 2 Nov 3 Nov"},
		{time.Date(2028, 2, 1, 0, 0, 0, 0, zone), time.Date(2028, 3, 1, 0, 0, 0, 0, zone), "1 Feb 6 Feb 11 Feb 16 Feb 21 Feb 26 Feb"},
		{time.Date(2026, 1, 1, 0, 0, 0, 0, zone), time.Date(2027, 1, 1, 0, 0, 0, 0, zone), "2026 Apr Jul Oct"},
	} {
		svg := string(plot.Line{ID: "x", Frame: plot.Frame{From: test.from, To: test.to, Zone: zone}}.SVG())
		var got []string
		for _, part := range strings.Split(svg, `<text class="plot-middle`)[1:] {
			_, label, _ := strings.Cut(part, ">")
			label, _, _ = strings.Cut(label, "<")
			got = append(got, label)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("from %s: got %q, want %q", test.from, strings.Join(got, " "), test.want)
		}
	}
}

func TestAxisOfValues(t *testing.T) {
	for _, test := range []struct {
		unit   plot.Unit
		values []float64
		want   string
	}{
		{plot.Ratio, []float64{1, 0.4}, "0% 25% 50% 75% 100%"},
		{plot.Ratio, []float64{1, -0.125}, "-50% 0% 50% 100%"},
		{plot.Ratio, []float64{1, -9.3}, "-1000% -500% 0% 500%"},
		{plot.Ratio, []float64{0.00042}, "0% 0.02% 0.04% 0.06%"},
		{plot.Times, []float64{14.4}, "0× 5× 10× 15×"},
		{plot.Plain, []float64{1_234_567}, "0k 500k 1000k 1500k"},
		{plot.Plain, []float64{3}, "0 1 2 3"},
		{plot.Plain, nil, "0 0.25 0.50 0.75 1.00"},
		{plot.Ratio, []float64{math.NaN(), math.Inf(1)}, "0% 25% 50% 75% 100%"},
	} {
		l := plot.Line{ID: "x", Frame: plot.Frame{From: date(1, 1, 0), To: date(1, 2, 0)}, Unit: test.unit, Series: []plot.Series{{}}}
		for i, v := range test.values {
			l.Series[0].Points = append(l.Series[0].Points, plot.Point{At: date(1, 1, i), Value: v})
		}
		var got []string
		for _, part := range strings.Split(string(l.SVG()), `<text class="plot-end" x="-6"`)[1:] {
			_, label, _ := strings.Cut(part, ">")
			label, _, _ = strings.Cut(label, "<")
			got = append(got, label)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%v: got %q, want %q", test.values, strings.Join(got, " "), test.want)
		}
	}
}

// TestWhatIsNotKnownIsNotDrawn tells a gap from a value of zero.
func TestWhatIsNotKnownIsNotDrawn(t *testing.T) {
	l := plot.Line{ID: "x", Frame: plot.Frame{From: date(1, 1, 0), To: date(1, 1, 10)}}
	points := []plot.Point{{date(1, 1, 0), 1}, {date(1, 1, 2), 1}, {date(1, 1, 4), math.NaN()}, {date(1, 1, 6), 0.5}, {date(1, 1, 8), math.NaN()}}
	l.Series = []plot.Series{{Points: points}}
	all, _ := elements(t, l.SVG())
	var paths []string
	for _, e := range all {
		if attribute(e, "class") == "plot-series plot-series-0" && e.Name.Local == "path" {
			paths = append(paths, attribute(e, "d"))
		}
	}
	if want := fmt.Sprint([]string{"M0 14L200 14", "M600 94h2"}); fmt.Sprint(paths) != want {
		t.Errorf("got %v, want %v", paths, want)
	}
}

// TestSpansThatNobodyTellsApartAreOne counts what is drawn of ten thousand, and
// looks at some that lie within each other and are in no order.
func TestSpansThatNobodyTellsApartAreOne(t *testing.T) {
	l := plot.Line{ID: "x", Frame: plot.Frame{From: date(11, 1, 0), To: date(12, 1, 0)}}
	for i := range 10_000 {
		from := date(11, 1, 0).Add(time.Duration(i) * 4 * time.Minute)
		l.Spans = append(l.Spans, plot.Span{From: from, To: from.Add(time.Minute), Kind: plot.SpanKind(i % 3)})
	}
	if drawn := hatched(t, l.SVG()); len(drawn) != 3 {
		t.Errorf("%d of 10,000 spans are drawn, want one of each kind", len(drawn))
	}
	l.Spans = nil
	for i := range 10_000 {
		from := date(11, 1, 0).Add(time.Duration(i) * 90 * time.Minute)
		l.Spans = append(l.Spans, plot.Span{From: from, To: from.Add(time.Minute)})
	}
	if drawn := hatched(t, l.SVG()); len(drawn) < 400 || len(drawn) > 500 {
		t.Errorf("%d spans far enough from each other are drawn, want 480", len(drawn))
	}
	l.Spans = []plot.Span{
		{From: date(11, 13, 0), To: date(11, 16, 0), Kind: plot.Excluded},
		{From: date(11, 4, 0), To: date(11, 10, 0), Kind: plot.Unmeasured},
		{From: date(11, 5, 0), To: date(11, 6, 0), Kind: plot.Unmeasured},
		{From: date(11, 1, 0), To: date(11, 4, 0).Add(-time.Hour), Kind: plot.Unmeasured},
		{From: date(11, 1, 0), To: date(11, 7, 0), Kind: plot.Excluded},
		{From: date(11, 20, 0), To: date(11, 20, 0), Kind: plot.Unmeasured},
		{From: date(10, 1, 0), To: date(10, 7, 0), Kind: plot.Excluded},
	}
	want := []string{"0% 30% url(#x-unmeasured)", "0% 20% url(#x-excluded)", "40% 10% url(#x-excluded)"}
	if got := hatched(t, l.SVG()); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// hatched returns the rectangles of spans, each with where it begins, how wide it
// is and what fills it.
func hatched(t *testing.T, svg template.HTML) (found []string) {
	t.Helper()
	all, _ := elements(t, svg)
	for _, e := range all {
		if width := attribute(e, "width"); e.Name.Local == "rect" && strings.HasSuffix(width, "%") {
			found = append(found, attribute(e, "x")+" "+width+" "+attribute(e, "fill"))
		}
	}
	return found
}
