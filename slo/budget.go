package slo

import (
	"cmp"
	"math/bits"
	"strconv"
)

// A Count is how many events there were, and how many of these were bad. It is
// added up over all of a period before anything is divided: a mean of ratios
// weighs a quiet hour like a busy one.
type Count struct{ Events, Bad uint64 }

func (c *Count) add(d Count)      { c.Events += d.Events; c.Bad += d.Bad }
func (c *Count) subtract(d Count) { c.Events -= d.Events; c.Bad -= d.Bad }

// BurnRate returns how many times faster than the target allows events are
// bad: the part of the events that is bad over the part that may be, as in the
// chapter "Alerting on SLOs" of Google's Site Reliability Workbook
// (https://sre.google/workbook/alerting-on-slos/). It is 0 without events.
func (c Count) BurnRate(t Target) float64 {
	if c.Events == 0 {
		return 0
	}
	return float64(c.Bad) / (float64(c.Events) * t.budget())
}

// Remaining returns the part of the error budget that is left: 1 minus the bad
// events over those that the target allows among as many events. It is below 0
// if more were bad, exactly 0 if just as many were, and says nothing without
// events.
func (c Count) Remaining(t Target) float64 {
	if c.compare(t) == 0 {
		return 0
	}
	return 1 - c.BurnRate(t)
}

// budget returns the part of the events that may be bad.
func (t Target) budget() float64 { return float64(whole-t) / float64(whole) }

// Meets tells, exactly, whether no more events were bad than the target allows.
// No events meet every target.
func (c Count) Meets(t Target) bool { return c.compare(t) <= 0 }

// compare compares the bad events with those that the target allows.
func (c Count) compare(t Target) int {
	// bad / events with (whole - target) / whole, in 128 bits.
	badHigh, badLow := bits.Mul64(c.Bad, uint64(whole))
	allowedHigh, allowedLow := bits.Mul64(c.Events, uint64(whole-t))
	return cmp.Or(cmp.Compare(badHigh, allowedHigh), cmp.Compare(badLow, allowedLow))
}

// Good returns the part of the events that was good as a percentage with at
// most four decimals, 99.95%, rounded down so that it never looks better than it
// is; "none" without events.
func (c Count) Good() string {
	if c.Events == 0 {
		return "none"
	}
	high, low := bits.Mul64(c.Events-c.Bad, uint64(whole))
	billionths, _ := bits.Div64(high, low, c.Events)
	return Target(billionths / 1000 * 1000).String()
}

// Spent returns how many times the error budget of these events is spent, as 2.5.
func (c Count) Spent(t Target) string { return strconv.FormatFloat(c.BurnRate(t), 'f', 1, 64) }
