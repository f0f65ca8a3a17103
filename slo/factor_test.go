package slo_test

import (
	"math/rand/v2"
	"testing"

	"github.com/traceslo/traceslo/slo"
)

func TestFactorReadsDecimals(t *testing.T) {
	for text, want := range map[string]struct {
		thousandths slo.Factor
		text        string
	}{
		"14.4":    {14_400, "14.4"},
		"1":       {1_000, "1"},
		"0.933":   {933, "0.933"},
		"13.440":  {13_440, "13.44"},
		"0.001":   {1, "0.001"},
		"1000000": {1_000_000_000, "1000000"},
	} {
		var got slo.Factor
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want.thousandths || got.String() != want.text {
			t.Errorf("%s: got %d, %s, %v; want %v", text, got, got, err, want)
		}
	}
}

func TestFactorRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"0":           `0 is reached without a bad event; write for example 14.4`,
		"0.0":         `0.0 is reached without a bad event; write for example 14.4`,
		"14.4444":     `14.4444 has more than 3 decimals; write fewer, as in 14.4`,
		"1000000.001": `1000000.001 is more than 1000000; write for example 14.4`,
		"":            `"" is not a positive number; write for example 14.4`,
		"-1":          `"-1" is not a positive number; write for example 14.4`,
		"14,4":        `"14,4" is not a positive number; write for example 14.4`,
		"14.4x":       `"14.4x" is not a positive number; write for example 14.4`,
		"2%":          `"2%" is not a positive number; write for example 14.4`,
		"1e300":       `"1e300" is not a positive number; write for example 14.4`,
	} {
		got := slo.Factor(7)
		if err := got.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
		if got != 7 {
			t.Errorf("%q: the factor became %d", text, got)
		}
	}
}

func TestFactorIsReadAsItIsWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2))
	for range 10_000 {
		want := slo.Factor(1 + random.Int64N(1_000_000_000))
		var got slo.Factor
		if err := got.UnmarshalText([]byte(want.String())); err != nil || got != want {
			t.Fatalf("%d is written %s, which reads as %d, %v", want, want, got, err)
		}
	}
}
