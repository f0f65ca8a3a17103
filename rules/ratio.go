package rules

import (
	"fmt"

	"github.com/traceslo/traceslo/slo"
)

// A Ratio is above 0 and below 1, in billionths, and written as a percentage:
// 5% is 50_000_000.
type Ratio int64

// String returns the ratio as it is written, 5%.
func (r Ratio) String() string { return slo.Target(r).String() }

// decimal returns the ratio as PromQL has it, 0.05.
func (r Ratio) decimal() string { return slo.Target(r).Ratio() }

// MarshalText returns what String does.
func (r Ratio) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a percentage above 0% and below 100%, with at most seven
// decimals. The error tells the cure.
func (r *Ratio) UnmarshalText(text []byte) error {
	var t slo.Target
	if t.UnmarshalText(text) != nil {
		// A Target's own words would speak of promises.
		return fmt.Errorf("%q is not a percentage above 0%% and below 100%%; write for example 5%%", text)
	}
	*r = Ratio(t)
	return nil
}
