package bench

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// A Chart is a picture of values over a quantity that is not time, on a scale
// that is linear or logarithmic. It is a file of its own, in light and dark, with
// a shape for each series besides its colour.
type Chart struct {
	Title, X, Y string
	LogX, LogY  bool
	Series      []Series
}

// A Series is the values of one thing, in order of X.
type Series struct {
	Name   string
	Points []Point
	// Plain draws a line without marks, for many points.
	Plain bool
}

// The measures of a picture, in pixels.
const (
	width, height = 720, 400
	left, right   = 70, 34
	above, below  = 60, 52
	entry         = 18
)

// style is that of all pictures: the colours of Okabe and Ito, as internal/plot
// has them.
const style = `<style>
svg{--ground:#fff;--text:#3b3f45;--grid:#d9dce1;--axis:#6a7079;--c0:#0072b2;--c1:#d55e00;--c2:#007a59;--c3:#8f4a78;--c4:#6a7079}
@media(prefers-color-scheme:dark){svg{--ground:#16181c;--text:#c5c9d0;--grid:#33373e;--axis:#868c96;--c0:#56b4e9;--c1:#ff8a3d;--c2:#2ec49a;--c3:#d99ac0;--c4:#868c96}}
text{font:12px system-ui,sans-serif;fill:var(--text)} .t{font-size:14px;font-weight:600} .e{text-anchor:end} .m{text-anchor:middle}
.g{stroke:var(--grid)} .a{stroke:var(--axis)} .l{fill:none;stroke-width:2} .b{fill:var(--ground)}
.s0{stroke:var(--c0)} .s1{stroke:var(--c1);stroke-dasharray:8 4} .s2{stroke:var(--c2);stroke-dasharray:2 4} .s3{stroke:var(--c3);stroke-dasharray:6 4 1 4} .s4{stroke:var(--c4);stroke-dasharray:1 3}
.f0{fill:var(--c0)} .f1{fill:var(--c1)} .f2{fill:var(--c2)} .f3{fill:var(--c3)} .f4{fill:var(--c4)}
</style>`

// An axis turns values into places between two ends, in pixels.
type axis struct {
	low, high float64
	log       bool
	from, to  float64
	marks     []float64
}

func (a axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		v, low, high = math.Log10(v), math.Log10(low), math.Log10(high)
	}
	return a.from + (v-low)/(high-low)*(a.to-a.from)
}

// newAxis returns an axis that holds all values: from 0 on, or with logarithms
// from a power of ten to another.
func newAxis(values []float64, log bool, from, to float64) axis {
	a := axis{low: 0, high: 0, log: log, from: from, to: to}
	if log {
		a.low, a.high = math.Inf(1), math.Inf(-1)
		for _, v := range values {
			if v > 0 {
				a.low, a.high = min(a.low, v), max(a.high, v)
			}
		}
		if a.low > a.high {
			a.low, a.high = 1, 10
		}
		first, last := math.Floor(math.Log10(a.low)+1e-9), math.Ceil(math.Log10(a.high)-1e-9)
		last = max(last, first+1)
		a.low, a.high = math.Pow(10, first), math.Pow(10, last)
		for p := first; p <= last; p++ {
			a.marks = append(a.marks, math.Pow(10, p))
		}
		return a
	}
	for _, v := range values {
		a.high = max(a.high, v)
	}
	if a.high == 0 {
		a.high = 1
	}
	step := niceStep(a.high / 5)
	a.high = step * math.Ceil(a.high/step-1e-9)
	for i := 0; float64(i)*step <= a.high*(1+1e-9); i++ {
		a.marks = append(a.marks, float64(i)*step)
	}
	return a
}

// niceStep returns 1, 2 or 5 times a power of ten, at least as much as v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, nice := range []float64{1, 2, 5} {
		if v <= nice*power*(1+1e-9) {
			return nice * power
		}
	}
	return 10 * power
}

// marked returns the mark of series i at a place.
func marked(i int, x, y float64) string {
	switch i % 4 {
	case 0:
		return fmt.Sprintf(`<circle class="f%d" cx="%.1f" cy="%.1f" r="4"/>`, i, x, y)
	case 1:
		return fmt.Sprintf(`<rect class="f%d" x="%.1f" y="%.1f" width="8" height="8"/>`, i, x-4, y-4)
	case 2:
		return fmt.Sprintf(`<path class="f%d" d="M%.1f %.1fl5 9h-10z"/>`, i, x, y-5)
	}
	return fmt.Sprintf(`<path class="f%d" d="M%.1f %.1fl5 5l-5 5l-5-5z"/>`, i, x, y-5)
}

// open begins a picture.
func open(b *strings.Builder, title string, high int) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img"><title>%s</title>%s<rect class="b" width="100%%" height="100%%"/><text class="t" x="14" y="24">%s</text>`,
		width, high, width, high, html.EscapeString(title), style, html.EscapeString(title))
}

// SVG draws the picture.
func (c Chart) SVG() string {
	var xs, ys []float64
	for _, s := range c.Series {
		for _, p := range s.Points {
			xs, ys = append(xs, p.X), append(ys, p.Y)
		}
	}
	x := newAxis(xs, c.LogX, left, width-right)
	y := newAxis(ys, c.LogY, height-below, above)
	var b strings.Builder
	open(&b, c.Title, height+entry*len(c.Series))
	for _, v := range y.marks {
		fmt.Fprintf(&b, `<line class="g" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="e" x="%d" y="%.1f">%s</text>`, left, width-right, y.at(v), y.at(v), left-8, y.at(v)+4, Figure(v))
	}
	for _, v := range x.marks {
		fmt.Fprintf(&b, `<line class="a" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text class="m" x="%.1f" y="%d">%s</text>`, x.at(v), x.at(v), height-below, height-below+5, x.at(v), height-below+19, Figure(v))
	}
	fmt.Fprintf(&b, `<line class="a" x1="%d" x2="%d" y1="%d" y2="%d"/>`, left, width-right, height-below, height-below)
	fmt.Fprintf(&b, `<text class="e" x="%d" y="%d">%s</text><text x="14" y="%d">%s</text>`, width-right, height-below+38, html.EscapeString(c.X), above-16, html.EscapeString(c.Y))
	for i, s := range c.Series {
		var path, marks strings.Builder
		command := "M"
		for _, p := range s.Points {
			if c.LogX && p.X <= 0 || c.LogY && p.Y <= 0 {
				continue
			}
			fmt.Fprintf(&path, "%s%.1f %.1f", command, x.at(p.X), y.at(p.Y))
			command = "L"
			if !s.Plain {
				marks.WriteString(marked(i, x.at(p.X), y.at(p.Y)))
			}
		}
		fmt.Fprintf(&b, `<path class="l s%d" d="%s"/>%s`, i, path.String(), marks.String())
		at := height - 2 + entry*i
		fmt.Fprintf(&b, `<path class="l s%d" d="M%d %dh26"/>`, i, left, at)
		if !s.Plain {
			b.WriteString(marked(i, left+13, float64(at)))
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, left+34, at+4, html.EscapeString(s.Name))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// Bars is a picture of one stacked bar for each of several things.
type Bars struct {
	Title, Unit string
	// Parts are what the values of a bar mean.
	Parts []string
	Bars  []Bar
}

// A Bar is the values of one thing, in the order of the parts.
type Bar struct {
	Name   string
	Values []float64
}

// SVG draws the picture.
func (s Bars) SVG() string {
	const row, thick, names, first = 46, 16, 14, 58
	high := 0.0
	for _, bar := range s.Bars {
		sum := 0.0
		for _, v := range bar.Values {
			sum += v
		}
		high = max(high, sum)
	}
	x := newAxis([]float64{high}, false, names, width-90)
	bottom := first + row*len(s.Bars)
	var b strings.Builder
	open(&b, s.Title, bottom+32+entry)
	for _, v := range x.marks {
		fmt.Fprintf(&b, `<line class="g" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text class="m" x="%.1f" y="%d">%s</text>`, x.at(v), x.at(v), first-16, bottom, x.at(v), bottom+16, Figure(v))
	}
	for i, bar := range s.Bars {
		at, sum := first+row*i, 0.0
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, names, at, html.EscapeString(bar.Name))
		for part, v := range bar.Values {
			fmt.Fprintf(&b, `<rect class="f%d" x="%.1f" y="%d" width="%.1f" height="%d"/>`, part, x.at(sum), at+6, x.at(sum+v)-x.at(sum), thick)
			sum += v
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%s</text>`, x.at(sum)+6, at+18, Figure(sum))
	}
	at := names
	for i, part := range s.Parts {
		fmt.Fprintf(&b, `<rect class="f%d" x="%d" y="%d" width="12" height="12"/><text x="%d" y="%d">%s</text>`, i, at, bottom+28, at+18, bottom+38, html.EscapeString(part))
		at += 34 + 7*len(part)
	}
	fmt.Fprintf(&b, `<text class="e" x="%d" y="%d">%s</text>`, width-right, bottom+38, html.EscapeString(s.Unit))
	b.WriteString("</svg>\n")
	return b.String()
}
