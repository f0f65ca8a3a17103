package slo

import (
	"errors"
	"fmt"
)

// A Factor is a positive decimal number, in thousandths: 14.4 is 14_400.
type Factor int64

const (
	// one is the Factor 1.
	one Factor = 1000
	// factorPlaces is the decimal that a Factor is whole in.
	factorPlaces = 3
	// maxFactor keeps its product with a Target within an int64, and is more
	// than the events of any window can burn.
	maxFactor = 1_000_000 * one
)

// Float returns the nearest float64.
func (f Factor) Float() float64 { return float64(f) / float64(one) }

// String returns the exact decimal, 14.4.
func (f Factor) String() string { return formatDecimal(int64(f), factorPlaces) }

// MarshalText returns what String does.
func (f Factor) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads a decimal number above 0 and up to a million, with at
// most three decimals. The error tells the cure.
func (f *Factor) UnmarshalText(text []byte) error {
	n, err := parseDecimal(string(text), factorPlaces)
	switch {
	case errors.Is(err, errTooFine):
		return fmt.Errorf("%s has more than %d decimals; write fewer, as in 14.4", text, factorPlaces)
	case err != nil:
		return fmt.Errorf("%q is not a positive number; write for example 14.4", text)
	case n == 0:
		return fmt.Errorf("%s is reached without a bad event; write for example 14.4", text)
	case n > int64(maxFactor):
		return fmt.Errorf("%s is more than %s; write for example 14.4", text, maxFactor)
	}
	*f = Factor(n)
	return nil
}
