package plot

import "html/template"

// sparkHeight is how high a sparkline is drawn, in units of its own.
const sparkHeight = 20

// A Sparkline is a small line without axes, for a row of a table.
type Sparkline struct {
	// Title says what is to be seen to those who do not see it.
	Title string
	// Values are as far apart from each other in time. What is no number is a gap.
	Values []float64
}

// SVG draws the sparkline, with a line at zero.
func (l Sparkline) SVG() template.HTML {
	low, high := 0.0, 0.0
	for _, v := range l.Values {
		if known(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	if low == high {
		high = 1
	}
	y := func(v float64) float64 { return 1 + (high-v)/(high-low)*(sparkHeight-2) }
	c := &canvas{}
	c.f(`<svg class="plot-spark" viewBox="0 0 100 %d" preserveAspectRatio="none" role="img" xmlns="http://www.w3.org/2000/svg"><title>%s</title><path class="plot-zero" d="M0 %vh100"/>`, sparkHeight, l.Title, y(0))
	path := &canvas{}
	step := 100 / float64(max(1, len(l.Values)-1))
	command := markup("M")
	for i, v := range l.Values {
		if !known(v) {
			command = "M"
			continue
		}
		path.f("%s%v %v", command, float64(i)*step, y(v))
		if alone := command == "M" && (i+1 == len(l.Values) || !known(l.Values[i+1])); alone {
			path.f("h1")
		}
		command = "L"
	}
	if path.Len() > 0 {
		c.f(`<path class="plot-series plot-series-0" d="%s"/>`, markup(path.String()))
	}
	return c.close()
}
