package openslo

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"time"

	"github.com/traceslo/traceslo/slo"
)

// A decimal is a number exactly as the document has it; the zero decimal is none.
type decimal struct {
	text  string
	value *big.Rat
}

var plainDecimal = regexp.MustCompile(`^-?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})$`)

// UnmarshalText reads a number in plain decimals. An exponent is not one: big.Rat
// would write out as many digits as it says.
func (d *decimal) UnmarshalText(text []byte) error {
	if plainDecimal.Match(text) {
		if value, ok := new(big.Rat).SetString(string(text)); ok {
			*d = decimal{string(text), value}
			return nil
		}
	}
	return fmt.Errorf("%s is not a plain number; write its digits alone, as in 0.5 or 99.9", quote(string(text)))
}

func (d decimal) given() bool { return d.value != nil }

// times returns d times factor, and whether that is a whole number. It has to
// be one of 64 bits.
func (d decimal) times(factor int64) (int64, bool) {
	product := new(big.Rat).Mul(d.value, new(big.Rat).SetInt64(factor))
	return product.Num().Int64(), product.IsInt()
}

// target returns the part that d is of whole, 1 or 100.
func (d decimal) target(whole int64) (slo.Target, error) {
	const one = 1_000_000_000
	switch {
	case d.value.Sign() <= 0:
		return 0, fmt.Errorf("%s is not above 0: nothing can miss it", d.text)
	case d.value.Cmp(new(big.Rat).SetInt64(whole)) >= 0:
		if whole == 1 && d.value.Cmp(new(big.Rat).SetInt64(1)) > 0 {
			return 0, fmt.Errorf("%s is not below 1, and looks like a percentage, which targetPercent takes", d.text)
		}
		return 0, fmt.Errorf("%s is not below %d: it leaves no error budget", d.text, whole)
	}
	billionths, ok := d.times(one / whole)
	if !ok {
		return 0, fmt.Errorf("%s is finer than a billionth", d.text)
	}
	return slo.Target(billionths), nil
}

// seconds returns the duration of d seconds.
func (d decimal) seconds() (time.Duration, error) {
	n, whole := d.times(int64(time.Second / time.Microsecond))
	switch {
	case d.value.Sign() <= 0:
		return 0, fmt.Errorf("%s is not above 0", d.text)
	case d.value.Cmp(new(big.Rat).SetInt64(int64(math.MaxInt64/time.Second))) > 0:
		return 0, fmt.Errorf("%s is too long", d.text)
	case !whole:
		return 0, fmt.Errorf("%s is finer than a microsecond", d.text)
	}
	return time.Duration(n) * time.Microsecond, nil
}
