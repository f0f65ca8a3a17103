package sli

import (
	"slices"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/source"
)

// An Indicator is a service level indicator: it says which spans are events and
// which of these are good. Exactly one of its kinds is set. After this package
// nobody asks which.
type Indicator struct {
	// Availability: good is a span that did not fail.
	Availability *Availability `yaml:"availability"`
	// Latency: good is a span that ended within the threshold, failed or not.
	Latency *Latency `yaml:"latency"`
	// SuccessWithin: good is a span that did not fail and ended within the threshold.
	SuccessWithin *SuccessWithin `yaml:"success_within"`
	// Attribute: good is a span of which a tag has a wanted value.
	Attribute *Attribute `yaml:"attribute"`
}

// A kind is what each kind of indicator tells of itself. Its file holds
// all of it; a new kind is a file, a field of Indicator, and a line in kinds.
type kind interface {
	// events is the section match.
	events() *Match
	// conditions are those that judge events, defaults included.
	conditions() Conditions
	// bounds are the durations that judge events.
	bounds() []time.Duration
	// validate returns the faults of all but match, with paths within the kind's section.
	validate() []config.Fault
	// canonical returns the text of all but match, in parts.
	canonical() []string
	// good returns what tells a good event. places says where a tag lies in
	// Span.Tags; all is as validate demands.
	good(places map[string]int) func(*source.Span) bool
}

// kindKeys are the keys of the kinds.
var kindKeys = []string{"availability", "latency", "success_within", "attribute"}

// kinds returns the kinds that are set, by their keys.
func (i Indicator) kinds() (keys []string, kinds []kind) {
	for n, k := range []struct {
		set bool
		kind
	}{
		{i.Availability != nil, i.Availability},
		{i.Latency != nil, i.Latency},
		{i.SuccessWithin != nil, i.SuccessWithin},
		{i.Attribute != nil, i.Attribute},
	} {
		if k.set {
			keys, kinds = append(keys, kindKeys[n]), append(kinds, k.kind)
		}
	}
	return keys, kinds
}

// Validate returns everything that is wrong with i or probably not meant.
func (i Indicator) Validate() []config.Fault {
	keys, kinds := i.kinds()
	var faults []config.Fault
	switch {
	case len(keys) == 0:
		faults = append(faults, config.Fault{Problem: "there is no indicator", Cure: "write one of " + strings.Join(kindKeys, ", ")})
	case len(keys) > 1:
		faults = append(faults, config.Fault{Problem: "there is more than one indicator: " + strings.Join(keys, ", "), Cure: "keep one, and make an objective of each other"})
	}
	for n, k := range kinds {
		for _, f := range append(k.events().validate(), k.validate()...) {
			f.Path = keys[n] + "." + f.Path
			faults = append(faults, f)
		}
	}
	return faults
}

// Canonical returns what i means as text: the same for all ways to write the
// same, another for anything that judges otherwise. It is
//
//	kind{part;part;…}
//
// of the parts that are given or have a default, in the order of the
// documentation, each "key:" and its value: lists sorted, each item once, and
// joined by commas; texts in Go's ASCII quotes; a pattern is its comparison and its
// text, a condition tag, comparison and value, or failed; a number is the
// shortest text of its float64, a threshold whole microseconds ended by "us";
// root_only stands alone.
//
// The ledger tells series apart by it. So it must not change from one version
// to the next: a new part is left out where it has its default.
func (i Indicator) Canonical() string {
	keys, kinds := i.kinds()
	var texts []string
	for n, k := range kinds {
		parts := append(k.events().canonical(), k.canonical()...)
		texts = append(texts, keys[n]+"{"+strings.Join(parts, ";")+"}")
	}
	return strings.Join(texts, "")
}

// Bounds returns the durations that the judging depends on. Each is a bound of
// the classic histogram, so that everybody can recount.
func (i Indicator) Bounds() []time.Duration {
	var bounds []time.Duration
	_, kinds := i.kinds()
	for _, k := range kinds {
		bounds = append(bounds, k.bounds()...)
	}
	return bounds
}

// Tags returns the keys of the tags that the judging reads, sorted, each once.
func (i Indicator) Tags() []string {
	var keys []string
	_, kinds := i.kinds()
	for _, k := range kinds {
		keys = append(keys, k.events().Tags.tags()...)
		keys = append(keys, k.conditions().tags()...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
