package sli

import (
	"fmt"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/source"
)

// Attribute is the kind for which a good span is one that says so in a tag.
type Attribute struct {
	// Match says which spans are events.
	Match Match `yaml:"match"`
	// GoodIf are the conditions any one of which makes an event good. A span
	// that lacks the tag has the value "" there: it fulfils inequalities, and
	// what "" fulfils. To leave such spans out, match them by tags.
	GoodIf Conditions `yaml:"good_if"`
}

func (a *Attribute) events() *Match { return &a.Match }

func (a *Attribute) conditions() Conditions { return a.GoodIf }

func (a *Attribute) bounds() []time.Duration { return nil }

func (a *Attribute) validate() []config.Fault {
	faults := a.GoodIf.validate("good_if")
	if len(a.GoodIf) == 0 {
		faults = append(faults, config.Fault{Path: "good_if", Problem: "there is no condition", Cure: "write what makes an event good, as in [cache.hit = true]"})
	}
	for i, c := range a.GoodIf {
		if c.Failed {
			faults = append(faults, config.Fault{Path: fmt.Sprintf("good_if[%d]", i), Warning: true,
				Problem: "a span is good because it failed", Cure: "write availability for spans that did not fail"})
		}
	}
	return faults
}

func (a *Attribute) canonical() []string { return []string{"good_if:" + a.GoodIf.canonical()} }

func (a *Attribute) good(places map[string]int) func(*source.Span) bool {
	good := a.GoodIf.compile(places)
	return func(s *source.Span) bool { return holdsAny(good, s) }
}
