package web

import (
	"math"
	"strconv"
	"time"

	"github.com/traceslo/traceslo/internal/config"
)

// timeLayout is how people are told times.
const timeLayout = "2006-01-02 15:04:05 MST"

// grouped writes a number with its digits in groups of three, as 24,117,221.
func grouped(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var out []byte
	for i, d := range []byte(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, d)
	}
	return string(out)
}

// percent writes a ratio as people read it, rounded down so that it never
// looks better than it is.
func percent(ratio float64) string {
	tenths := math.Floor(ratio*1000 + 1e-9)
	if math.Abs(tenths) >= 10_000 {
		return grouping(tenths/10) + "%"
	}
	return strconv.FormatFloat(tenths/10, 'f', 1, 64) + "%"
}

func grouping(v float64) string {
	if v < 0 {
		return "-" + grouped(uint64(min(-v, 1e18)))
	}
	return grouped(uint64(min(v, 1e18)))
}

// between writes an interval, and its day once if it is of one.
func between(from, to time.Time) string {
	const minute = "2006-01-02 15:04"
	from, to = from.UTC(), to.UTC()
	end := to.Format(minute + " MST")
	if from.Format(time.DateOnly) == to.Format(time.DateOnly) {
		end = to.Format("15:04 MST")
	}
	return from.Format(minute) + " to " + end
}

// ago writes how long ago a time was.
func ago(now, at time.Time) string {
	d := now.Sub(at)
	switch {
	case d < 0:
		return "in " + config.FormatDuration((-d).Truncate(time.Second))
	case d < time.Minute:
		return config.FormatDuration(d.Truncate(time.Second)) + " ago"
	case d < 48*time.Hour:
		return config.FormatDuration(d.Truncate(time.Minute)) + " ago"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + " days ago"
}

// length writes a duration of a span, with three digits at most.
func length(d time.Duration) string {
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(max(1, unit/100)).String()
		}
	}
	return d.String()
}
