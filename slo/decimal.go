package slo

import (
	"errors"
	"strconv"
	"strings"
)

// What is wrong with a text that should be a decimal number.
var (
	errNoNumber = errors.New("not a decimal number")
	errTooFine  = errors.New("too many decimals")
)

// parseDecimal reads a number such as 99.9, without sign and exponent, as a
// whole number of its places-th decimal, so that nothing is rounded.
func parseDecimal(text string, places int) (int64, error) {
	whole, fraction, pointed := strings.Cut(text, ".")
	if !digits(whole) || pointed && !digits(fraction) {
		return 0, errNoNumber
	}
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > places {
		return 0, errTooFine
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", places-len(fraction)), 10, 64)
	if err != nil {
		return 0, errNoNumber
	}
	return n, nil
}

// digits tells whether text is one or more decimal digits.
func digits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// formatDecimal writes n, a whole number of the places-th decimal, with no
// more decimals than it has.
func formatDecimal(n int64, places int) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	text := strconv.FormatInt(n, 10)
	text = strings.Repeat("0", max(0, places+1-len(text))) + text
	whole, fraction := text[:len(text)-places], strings.TrimRight(text[len(text)-places:], "0")
	if fraction == "" {
		return sign + whole
	}
	return sign + whole + "." + fraction
}
