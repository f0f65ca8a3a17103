package sli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/source"
)

// A Match says which spans are events: those that fulfil all that is given. An
// empty one takes every span.
type Match struct {
	// Service and Operation are names. One pattern may stand for a list of one.
	// A span's operation is at most source.MaxOperation characters long.
	Service   Patterns `yaml:"service"`
	Operation Patterns `yaml:"operation"`
	// SpanKind are kinds, any one of which the span has: server, client,
	// producer, consumer, internal, unspecified.
	SpanKind Kinds `yaml:"span_kind"`
	// Tags are conditions that the span fulfils, all of them.
	Tags Conditions `yaml:"tags"`
	// RootOnly takes only spans without a parent.
	RootOnly bool `yaml:"root_only"`
}

// Kinds are span kinds.
type Kinds []string

// UnmarshalText reads one kind in the place of a list.
func (ks *Kinds) UnmarshalText(text []byte) error {
	*ks = Kinds{string(text)}
	return nil
}

// kindNames returns the span kinds as the configuration has them.
func kindNames() []string {
	var names []string
	for k := range source.Kinds {
		names = append(names, k.String())
	}
	slices.Sort(names)
	return names
}

// mask returns the kinds that are meant: all of them without a name.
func (ks Kinds) mask() (mask [source.Kinds]bool) {
	for k := range source.Kinds {
		mask[k] = len(ks) == 0 || slices.Contains(ks, k.String())
	}
	return mask
}

func (m *Match) validate() []config.Fault {
	faults := m.Service.validate("match.service")
	faults = append(faults, m.Operation.validate("match.operation")...)
	known := kindNames()
	for i, k := range m.SpanKind {
		if !slices.Contains(known, k) {
			faults = append(faults, config.Fault{Path: fmt.Sprintf("match.span_kind[%d]", i),
				Problem: fmt.Sprintf("%q is not a span kind", clip(k)), Cure: "write one of " + strings.Join(known, ", ")})
		}
	}
	return append(faults, m.Tags.validate("match.tags")...)
}

// canonical returns the parts of the match that are given, each as text.
func (m *Match) canonical() []string {
	var parts []string
	add := func(name, text string) {
		if text != "" {
			parts = append(parts, name+":"+text)
		}
	}
	add("service", m.Service.canonical())
	add("operation", m.Operation.canonical())
	add("span_kind", list(slices.Clone(m.SpanKind)))
	add("tags", m.Tags.canonical())
	if m.RootOnly {
		parts = append(parts, "root_only")
	}
	return parts
}
