package sli

import (
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/source"
)

// SuccessWithin is the kind for which a good span is one that neither failed
// nor was slow.
type SuccessWithin struct {
	// Match says which spans are events.
	Match Match `yaml:"match"`
	// Threshold is as Latency has it.
	Threshold time.Duration `yaml:"threshold"`
	// FailedIf is as Availability has it.
	FailedIf Conditions `yaml:"failed_if"`
}

func (w *SuccessWithin) events() *Match { return &w.Match }

func (w *SuccessWithin) conditions() Conditions { return orFailed(w.FailedIf) }

func (w *SuccessWithin) bounds() []time.Duration { return []time.Duration{w.Threshold} }

func (w *SuccessWithin) validate() []config.Fault {
	return append(validateThreshold(w.Threshold), w.FailedIf.validate("failed_if")...)
}

func (w *SuccessWithin) canonical() []string {
	return []string{canonicalThreshold(w.Threshold), "failed_if:" + w.conditions().canonical()}
}

func (w *SuccessWithin) good(places map[string]int) func(*source.Span) bool {
	longest, bad := w.Threshold.Microseconds(), w.conditions().compile(places)
	return func(s *source.Span) bool { return s.Duration <= longest && !holdsAny(bad, s) }
}
