package plot

import (
	"math"
	"strconv"
	"strings"
)

// A Unit says how the values of an axis are written.
type Unit uint8

// The units. Ratio values are written in percent, 1 as 100%.
const (
	Ratio Unit = iota
	Times
	Plain
)

// format writes a value that is a multiple of step.
func (u Unit) format(v, step float64) string {
	switch u {
	case Ratio:
		return short(v*100, step*100) + "%"
	case Times:
		return short(v, step) + "×"
	}
	return short(v, step)
}

// short writes v with as many decimals as step has, and from 10,000 on in
// thousands or the like.
func short(v, step float64) string {
	suffix := ""
	for _, s := range []string{"k", "M", "G", "T"} {
		if math.Abs(v) < 10_000 && step < 10_000 {
			break
		}
		v, step, suffix = v/1000, step/1000, s
	}
	decimals := 0
	for s := step; decimals < 6 && math.Abs(s-math.Round(s)) > 1e-6*s; decimals++ {
		s *= 10
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(text, "-0.") == "" {
		return "0" + suffix
	}
	return text + suffix
}

// A scale is the axis of values: from low, at the lower edge, to high.
type scale struct {
	low, high float64
	// step is the distance of the lines.
	step   float64
	height int
}

// newScale returns a scale that holds all values and 0.
func newScale(values []float64, height int) scale {
	low, high := 0.0, 0.0
	for _, v := range values {
		if known(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	if low == high {
		high = 1
	}
	step := niceStep((high - low) / 4)
	return scale{step * math.Floor(low/step+1e-9), step * math.Ceil(high/step-1e-9), step, height}
}

// niceStep returns 1, 2, 2.5 or 5 times a power of ten, at least as much as v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, nice := range []float64{1, 2, 2.5, 5} {
		if v <= nice*power*(1+1e-9) {
			return nice * power
		}
	}
	return 10 * power
}

// y returns where v is, in pixels from the upper edge of the plot.
func (s scale) y(v float64) float64 {
	return top + (s.high-v)/(s.high-s.low)*float64(s.height)
}

// bottom is the lower edge, in pixels.
func (s scale) bottom() float64 { return float64(top + s.height) }

// draw draws the lines of the axis and their labels, to the left of the plot.
func (s scale) draw(c *canvas, unit Unit) {
	for i := range int(math.Round((s.high-s.low)/s.step)) + 1 {
		v := s.low + float64(i)*s.step
		class := markup("plot-grid")
		if math.Abs(v) < s.step/2 {
			class = "plot-zero"
		}
		c.f(`<line class="%s" x2="100%%" y1="%v" y2="%v"/>`, class, s.y(v), s.y(v))
		c.f(`<text class="plot-end" x="-6" y="%v">%s</text>`, s.y(v)+4, unit.format(v, s.step))
	}
}
