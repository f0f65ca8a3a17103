package footanalytics

import (
	"math"
	"time"
)

// A spread is how far a time varies around its median: the quantiles of a
// log-normal distribution, as factors of the median in units of 1/factorOne.
// The outermost quantiles bound it at 2.9 standard deviations, so that every
// trace has an end that can be told beforehand.
type spread [257]int64

const factorOne = 1 << 16

var (
	normal = newSpread(0.45)
	wide   = newSpread(0.85)
)

// newSpread returns the quantiles of a log-normal distribution with the given sigma.
func newSpread(sigma float64) *spread {
	var s spread
	for i := range s {
		quantile := (float64(i) + 0.5) / float64(len(s))
		z := math.Sqrt2 * math.Erfinv(2*quantile-1)
		s[i] = int64(math.Round(factorOne * math.Exp(sigma*z)))
	}
	return &s
}

// draw returns a time around a median, both in the same unit, by 24 random bits.
func (s *spread) draw(median int64, random uint64) int64 {
	i, between := random>>16&0xff, int64(random&0xffff)
	low, high := s[i], s[i+1]
	return median * (low + (high-low)*between>>16) / factorOne
}

// longest returns the greatest time that draw returns.
func (s *spread) longest(median time.Duration) time.Duration {
	return time.Duration(float64(median) * float64(s[len(s)-1]) / factorOne)
}
