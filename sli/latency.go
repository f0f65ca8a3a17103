package sli

import (
	"fmt"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/source"
)

// Latency is the kind for which a good span is one that was fast enough.
type Latency struct {
	// Match says which spans are events.
	Match Match `yaml:"match"`
	// Threshold is the longest duration of a good span, inclusive, in whole
	// microseconds. It is a bound of the classic histogram, whatever sli.buckets has.
	Threshold time.Duration `yaml:"threshold"`
}

func (l *Latency) events() *Match { return &l.Match }

func (l *Latency) conditions() Conditions { return nil }

func (l *Latency) bounds() []time.Duration { return []time.Duration{l.Threshold} }

func (l *Latency) validate() []config.Fault { return validateThreshold(l.Threshold) }

func (l *Latency) canonical() []string { return []string{canonicalThreshold(l.Threshold)} }

func (l *Latency) good(map[string]int) func(*source.Span) bool {
	longest := l.Threshold.Microseconds()
	return func(s *source.Span) bool { return s.Duration <= longest }
}

// validateThreshold demands of a threshold what a classic bound must be.
func validateThreshold(d time.Duration) []config.Fault {
	f := config.Fault{Path: "threshold"}
	switch {
	case d == 0:
		f.Problem, f.Cure = "there is no threshold", "write the longest duration of a good span, as in 500ms"
	case d < 0:
		f.Problem, f.Cure = fmt.Sprintf("%s is not positive", d), "write a duration above 0"
	case d%time.Microsecond != 0:
		f.Problem = fmt.Sprintf("%s is not a whole number of microseconds", d)
		f.Cure = fmt.Sprintf("write %s; spans are measured in microseconds", max(d.Round(time.Microsecond), time.Microsecond))
	case d > maxBound:
		f.Problem, f.Cure = fmt.Sprintf("%s is more than a year", config.FormatDuration(d)), "write a shorter duration"
	default:
		return nil
	}
	return []config.Fault{f}
}

func canonicalThreshold(d time.Duration) string {
	return fmt.Sprintf("threshold:%dus", d.Microseconds())
}
