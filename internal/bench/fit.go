package bench

import "math"

// A Point is a value at a place.
type Point struct{ X, Y float64 }

// A Fit is the straight line through points that is nearest by least squares.
type Fit struct {
	Slope, At0 float64
	// Error is the standard error of the slope, as far as the points scatter
	// about the line independently of each other. Successive samples of one
	// process do not, so that it is rather too small.
	Error float64
}

// Line fits a line to at least three points; of fewer, all is NaN.
func Line(points []Point) Fit {
	n := float64(len(points))
	if n < 3 {
		return Fit{math.NaN(), math.NaN(), math.NaN()}
	}
	var x, y float64
	for _, p := range points {
		x += p.X / n
		y += p.Y / n
	}
	var xx, xy, rest float64
	for _, p := range points {
		xx += (p.X - x) * (p.X - x)
		xy += (p.X - x) * (p.Y - y)
	}
	slope := xy / xx
	for _, p := range points {
		off := p.Y - y - slope*(p.X-x)
		rest += off * off
	}
	return Fit{Slope: slope, At0: y - slope*x, Error: math.Sqrt(rest / (n - 2) / xx)}
}
