package sli

import (
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/source"
)

// Availability is the kind for which a good span is one that did not fail.
type Availability struct {
	// Match says which spans are events.
	Match Match `yaml:"match"`
	// FailedIf are the conditions any one of which makes an event bad, in the
	// place of the span's own failure; the condition "failed" stands for that.
	// Default: [failed].
	FailedIf Conditions `yaml:"failed_if"`
}

func (a *Availability) events() *Match { return &a.Match }

func (a *Availability) conditions() Conditions { return orFailed(a.FailedIf) }

func (a *Availability) bounds() []time.Duration { return nil }

func (a *Availability) validate() []config.Fault { return a.FailedIf.validate("failed_if") }

func (a *Availability) canonical() []string {
	return []string{"failed_if:" + a.conditions().canonical()}
}

func (a *Availability) good(places map[string]int) func(*source.Span) bool {
	bad := a.conditions().compile(places)
	return func(s *source.Span) bool { return !holdsAny(bad, s) }
}

// orFailed returns the conditions under which an event failed, or what they
// are where none is given.
func orFailed(failedIf Conditions) Conditions {
	if len(failedIf) == 0 {
		return Conditions{{Failed: true}}
	}
	return failedIf
}
