package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// ParseDuration reads a duration as Go writes it (300ms, 1h30m) with two more
// units: d is 24 hours, w seven of those. Only 0 needs no unit. The error
// tells the cure.
func ParseDuration(text string) (time.Duration, error) {
	rest, negative := strings.CutPrefix(text, "-")
	if rest == "0" {
		return 0, nil
	}
	if rest != "" && strings.Trim(rest, "0123456789.") == "" {
		return 0, fmt.Errorf("%s has no unit; write %[2]ss, %[2]sm or %[2]sh", clip(text), clip(rest))
	}
	for sum := time.Duration(0); ; {
		after := strings.TrimLeft(rest, "0123456789.")
		next := strings.TrimLeft(after, "nuµμsmhdw")
		n, ok := component(rest[:len(rest)-len(after)], after[:len(after)-len(next)])
		if !ok || sum > math.MaxInt64-n {
			return 0, fmt.Errorf("%q is not a duration below 292 years; write for example 5m", clip(text))
		}
		sum, rest = sum+n, next
		if rest == "" && negative {
			return -sum, nil
		}
		if rest == "" {
			return sum, nil
		}
	}
}

// component returns number times unit, and whether there is such a thing.
func component(number, unit string) (time.Duration, bool) {
	factor := time.Duration(1)
	switch unit {
	case "d":
		factor, unit = 24, "h"
	case "w":
		factor, unit = 7*24, "h"
	}
	n, err := time.ParseDuration(number + unit)
	if err != nil || n > math.MaxInt64/factor {
		return 0, false
	}
	return n * factor, true
}

// FormatDuration writes d so that ParseDuration reads it again, as short as
// people would: 7d, 90m0s as 1h30m.
func FormatDuration(d time.Duration) string {
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-len("0s")]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-len("0m")]
	}
	return s
}

// clip bounds a piece of the file that goes into a message.
func clip(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
