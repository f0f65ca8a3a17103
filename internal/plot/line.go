package plot

import (
	"cmp"
	"html/template"
	"slices"
	"strconv"
	"time"
)

// A Line is a plot of values over time.
type Line struct {
	// ID is that of the plot, unique on its page: letters, digits and hyphens.
	ID string
	// Title and Description say what is to be seen to those who do not see it.
	Title, Description string
	Frame
	Unit Unit
	// Series are up to four; a single one is filled down to zero.
	Series     []Series
	Thresholds []Threshold
	Spans      []Span
	// Height is that of the plot without labels, in pixels. Default: 160.
	Height int
}

// A Series is the values of one thing.
type Series struct {
	Name string
	// Points are in order of time.
	Points []Point
}

// A Point is a value at a time. What is no number is a gap: nothing is known there.
type Point struct {
	At    time.Time
	Value float64
}

// A Threshold is a value that is a limit.
type Threshold struct {
	Value float64
	Label string
}

// SVG draws the plot.
func (l Line) SVG() template.HTML {
	values := []float64{}
	for _, t := range l.Thresholds {
		values = append(values, t.Value)
	}
	for _, s := range l.Series {
		for _, p := range s.Points {
			values = append(values, p.Value)
		}
	}
	s := newScale(values, cmp.Or(l.Height, 160))
	legend := newLegend(s.bottom())
	for i, series := range l.Series {
		legend.add(markup(`<line class="plot-series plot-series-`+strconv.Itoa(i)+`" x2="14" y1="5" y2="5"/>`), series.Name)
	}
	legend.addSpans(l.ID, l.Spans)
	c := &canvas{}
	c.open("plot-line", legend.end(), l.Title, l.Description)
	l.drawSpans(c, l.ID, l.Spans, s)
	s.draw(c, l.Unit)
	c.f(`<svg viewBox="0 0 %d %v" width="100%%" height="%v" preserveAspectRatio="none">`, stretched, s.bottom(), s.bottom())
	for i, series := range l.Series {
		l.drawSeries(c, s, i, series.Points)
	}
	c.WriteString("</svg>")
	l.drawThresholds(c, s)
	l.draw(c, s.bottom())
	c.WriteString(legend.String())
	return c.close()
}

// drawSeries draws each run of known values as a line. One alone is a short
// line, so that it is seen.
func (l Line) drawSeries(c *canvas, s scale, i int, points []Point) {
	for len(points) > 0 {
		run := slices.IndexFunc(points, func(p Point) bool { return !known(p.Value) })
		if run < 0 {
			run = len(points)
		}
		if run > 0 {
			l.drawRun(c, s, i, points[:run])
		}
		points = points[min(run+1, len(points)):]
	}
}

func (l Line) drawRun(c *canvas, s scale, i int, run []Point) {
	path := &canvas{}
	for n, p := range run {
		command := "L"
		if n == 0 {
			command = "M"
		}
		path.f("%s%v %v", markup(command), l.x(p.At), s.y(p.Value))
	}
	first, last := l.x(run[0].At), l.x(run[len(run)-1].At)
	if len(run) == 1 {
		path.f("h2")
		last += 2
	}
	if len(l.Series) == 1 {
		c.f(`<path class="plot-area" d="%sL%v %vL%v %vz"/>`, markup(path.String()), last, s.y(0), first, s.y(0))
	}
	c.f(`<path class="plot-series plot-series-%d" d="%s"/>`, i, markup(path.String()))
}

// x returns where at is, in units of the drawing.
func (f Frame) x(at time.Time) float64 { return f.part(at) * stretched }

// drawThresholds draws the limits, and what they are called at the right edge,
// each far enough from the one above.
func (l Line) drawThresholds(c *canvas, s scale) {
	sorted := slices.SortedFunc(slices.Values(l.Thresholds), func(a, b Threshold) int { return cmp.Compare(b.Value, a.Value) })
	lowest := 0.0
	for _, t := range sorted {
		y := s.y(t.Value)
		c.f(`<line class="plot-threshold" x2="100%%" y1="%v" y2="%v"/>`, y, y)
		if t.Label != "" {
			lowest = max(lowest+labelSize, y-3)
			c.f(`<text class="plot-end plot-limit" x="100%%" dx="-4" y="%v">%s</text>`, lowest, t.Label)
		}
	}
}
