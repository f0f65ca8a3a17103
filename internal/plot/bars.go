package plot

import (
	"cmp"
	"html/template"
	"time"
)

// Bars is a plot of how many events there were over time, good and bad ones
// stacked, the bad at the foot, where even few are seen.
type Bars struct {
	// ID, Title, Description and Height are as in Line.
	ID, Title, Description string
	Frame
	Bars   []Bar
	Spans  []Span
	Height int
}

// A Bar is the events of a time.
type Bar struct {
	From, To  time.Time
	Good, Bad uint64
}

// least is how high bad events are drawn at least, in pixels.
const least = 2

// SVG draws the plot.
func (b Bars) SVG() template.HTML {
	values := []float64{}
	for _, bar := range b.Bars {
		values = append(values, float64(bar.Good)+float64(bar.Bad))
	}
	s := newScale(values, cmp.Or(b.Height, 120))
	good, bad := &canvas{}, &canvas{}
	for _, bar := range b.Bars {
		left, right := b.x(bar.From), b.x(bar.To)
		if left >= right || bar.Good+bar.Bad == 0 {
			continue
		}
		gap := min(2, (right-left)/4)
		height := 0.0
		if bar.Bad > 0 {
			height = max(least, s.bottom()-s.y(float64(bar.Bad)))
			bad.f("M%v %vv%vh%vv%vz", left, s.bottom(), -height, right-left-gap, height)
		}
		if rest := s.bottom() - s.y(float64(bar.Good)+float64(bar.Bad)) - height; rest > 0 {
			good.f("M%v %vv%vh%vv%vz", left, s.bottom()-height, -rest, right-left-gap, rest)
		}
	}
	legend := newLegend(s.bottom())
	legend.add(`<rect class="plot-good" width="14" height="10"/>`, "good")
	legend.add(`<rect class="plot-bad" y="4" width="14" height="6"/>`, "bad")
	legend.addSpans(b.ID, b.Spans)
	c := &canvas{}
	c.open("plot-bars", legend.end(), b.Title, b.Description)
	b.drawSpans(c, b.ID, b.Spans, s)
	s.draw(c, Plain)
	c.f(`<svg viewBox="0 0 %d %v" width="100%%" height="%v" preserveAspectRatio="none"><path class="plot-good" d="%s"/><path class="plot-bad" d="%s"/></svg>`,
		stretched, s.bottom(), s.bottom(), markup(good.String()), markup(bad.String()))
	b.draw(c, s.bottom())
	c.WriteString(legend.String())
	return c.close()
}
