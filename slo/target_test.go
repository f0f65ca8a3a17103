package slo_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/traceslo/traceslo/slo"
)

func TestTargetReadsPercentages(t *testing.T) {
	for text, want := range map[string]struct {
		billionths            int64
		text, ratio, leftOver string
	}{
		"99.9%":                          {999_000_000, "99.9%", "0.999", "0.001"},
		"95%":                            {950_000_000, "95%", "0.95", "0.05"},
		"99.90%":                         {999_000_000, "99.9%", "0.999", "0.001"},
		"0099.5000%":                     {995_000_000, "99.5%", "0.995", "0.005"},
		"0.0000001%":                     {1, "0.0000001%", "0.000000001", "0.999999999"},
		"99.9999999%":                    {999_999_999, "99.9999999%", "0.999999999", "0.000000001"},
		"50.00000000000000000000000000%": {500_000_000, "50%", "0.5", "0.5"},
	} {
		var got slo.Target
		if err := got.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got.Billionths() != want.billionths || got.String() != want.text || got.Ratio() != want.ratio || got.Budget() != want.leftOver {
			t.Errorf("%s: got %d, %s, %s, %s; want %v", text, got.Billionths(), got, got.Ratio(), got.Budget(), want)
		}
	}
}

func TestTargetRefuses(t *testing.T) {
	const odd = ` is not a percentage; write for example 99.9%`
	for text, want := range map[string]string{
		"99.9":                  `99.9 has no unit; write 99.9%`,
		"0.999":                 `0.999 has no unit; write 99.9%`,
		"1":                     `1 has no unit; write 1%`,
		"100":                   `100 has no unit; write 99.9%`,
		"0":                     `0 has no unit; write 99.9%`,
		"100%":                  `100% leaves no budget: one bad event would break it for good; write 99.9% or 99.99%`,
		"100.00%":               `100.00% leaves no budget: one bad event would break it for good; write 99.9% or 99.99%`,
		"0%":                    `0% promises nothing; write for example 99.9%`,
		"100.0000001%":          `100.0000001% is more than all events; write for example 99.9%`,
		"999%":                  `999% is more than all events; write for example 99.9%`,
		"99.99999999%":          `99.99999999% has more than 7 decimals; write fewer, as in 99.9%`,
		"":                      `""` + odd,
		"%":                     `"%"` + odd,
		"-5%":                   `"-5%"` + odd,
		"+5%":                   `"+5%"` + odd,
		"99,9%":                 `"99,9%"` + odd,
		"99.9 %":                `"99.9 %"` + odd,
		"99.9%%":                `"99.9%%"` + odd,
		".5%":                   `".5%"` + odd,
		"5.%":                   `"5.%"` + odd,
		"1e1%":                  `"1e1%"` + odd,
		"0x10%":                 `"0x10%"` + odd,
		"9_9%":                  `"9_9%"` + odd,
		"1.2.3%":                `"1.2.3%"` + odd,
		"NaN%":                  `"NaN%"` + odd,
		"99999999999999999999%": `"99999999999999999999%"` + odd,
	} {
		got := slo.Target(7)
		if err := got.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
		if got != 7 {
			t.Errorf("%q: the target became %d", text, got)
		}
	}
}

// TestTargetIsExact holds that text, ratio and budget are the same number,
// without a rounding, whatever the target.
func TestTargetIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 1))
	for range 20_000 {
		want := slo.Target(1 + random.Int64N(999_999_999))
		if random.IntN(2) == 0 {
			want -= want % slo.Target(int64(1)<<random.IntN(20))
			want = max(want, 1)
		}
		var got slo.Target
		if err := got.UnmarshalText([]byte(want.String())); err != nil || got != want {
			t.Fatalf("%d is written %s, which reads as %d, %v", want, want, got, err)
		}
		ratio, budget := rational(t, want.Ratio()), rational(t, want.Budget())
		if ratio.Cmp(big.NewRat(want.Billionths(), 1e9)) != 0 {
			t.Fatalf("%d has the ratio %s", want, want.Ratio())
		}
		if ratio.Add(ratio, budget).Cmp(big.NewRat(1, 1)) != 0 {
			t.Fatalf("%s and %s are not 1", want.Ratio(), want.Budget())
		}
		if text := fmt.Sprint(want.Float()); text != want.Ratio() && want > 100_000 {
			t.Fatalf("the nearest float64 to %s is %s", want.Ratio(), text)
		}
	}
}

func rational(t *testing.T, text string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is not a number", text)
	}
	return r
}
