package slo

import (
	"slices"
	"time"
)

// An Interval is the time from From, which is in it, to To, which is not.
type Interval struct{ From, To time.Time }

// wholeMinutesAround returns the minutes of UTC that i touches. An empty
// interval touches none.
func wholeMinutesAround(i Interval) Interval {
	if !i.From.Before(i.To) {
		return Interval{}
	}
	whole := Interval{i.From.UTC().Truncate(time.Minute), i.To.UTC().Truncate(time.Minute)}
	if whole.To.Before(i.To) {
		whole.To = whole.To.Add(time.Minute)
	}
	return whole
}

// cut returns the part of i within around. Without one, it does not end after
// it begins.
func (i Interval) cut(around Interval) Interval {
	if i.From.Before(around.From) {
		i.From = around.From
	}
	if i.To.After(around.To) {
		i.To = around.To
	}
	return i
}

// merge sorts intervals and makes one of those that overlap or touch. It
// writes into its argument.
func merge(intervals []Interval) []Interval {
	slices.SortFunc(intervals, func(a, b Interval) int { return a.From.Compare(b.From) })
	merged := intervals[:0]
	for _, i := range intervals {
		merged = join(merged, i)
	}
	return merged
}

// join appends next, or lengthens the last interval if next begins in it or at its end.
func join(intervals []Interval, next Interval) []Interval {
	last := len(intervals) - 1
	if last < 0 || next.From.Before(intervals[last].From) || next.From.After(intervals[last].To) {
		return append(intervals, next)
	}
	if next.To.After(intervals[last].To) {
		intervals[last].To = next.To
	}
	return intervals
}
