package slo

import (
	"errors"
	"fmt"
	"strings"
)

// A Target is a ratio above 0 and below 1, in billionths: 99.9% is 999_000_000.
// It is exact; a float64 of it is not.
type Target int64

const (
	// whole is the Target of everything.
	whole Target = 1_000_000_000
	// ratioPlaces and percentPlaces are the decimals that a billionth is the last of.
	ratioPlaces   = 9
	percentPlaces = 7
)

// Billionths returns the target as its exact number of billionths.
func (t Target) Billionths() int64 { return int64(t) }

// Float returns the nearest float64, as a gauge shows it. What is compared or
// multiplied in a rule is written with Ratio or Budget.
func (t Target) Float() float64 { return float64(t) / float64(whole) }

// Ratio returns the target as an exact decimal, 0.999.
func (t Target) Ratio() string { return formatDecimal(int64(t), ratioPlaces) }

// Budget returns the part of the events that may be bad as an exact decimal, 0.001.
func (t Target) Budget() string { return formatDecimal(int64(whole-t), ratioPlaces) }

// String returns the target as it is written, 99.9%.
func (t Target) String() string { return formatDecimal(int64(t), percentPlaces) + "%" }

// MarshalText returns what String does.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a percentage above 0% and below 100%, with at most seven
// decimals. The error tells the cure.
func (t *Target) UnmarshalText(text []byte) error {
	number, signed := strings.CutSuffix(string(text), "%")
	n, err := parseDecimal(number, percentPlaces)
	switch {
	case errors.Is(err, errTooFine):
		return fmt.Errorf("%s has more than %d decimals; write fewer, as in 99.9%%", text, percentPlaces)
	case err != nil:
		return fmt.Errorf("%q is not a percentage; write for example 99.9%%", text)
	case !signed:
		return fmt.Errorf("%s has no unit; write %s", number, meant(Target(n)))
	case n == 0:
		return fmt.Errorf("%s promises nothing; write for example 99.9%%", text)
	case n == int64(whole):
		return fmt.Errorf("%s leaves no budget: one bad event would break it for good; write 99.9%% or 99.99%%", text)
	case n > int64(whole):
		return fmt.Errorf("%s is more than all events; write for example 99.9%%", text)
	}
	*t = Target(n)
	return nil
}

// meant returns what somebody probably meant who wrote t without its sign: 99.9
// is 99.9%, and so is 0.999.
func meant(t Target) Target {
	const percent = whole / 100
	switch {
	case 0 < t && t < percent:
		return t * 100
	case percent <= t && t < whole:
		return t
	}
	return 999 * whole / 1000
}
