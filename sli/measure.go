package sli

import (
	"slices"

	"github.com/traceslo/traceslo/source"
)

// A Measure is what the Recorder judges spans by: an indicator, counted once
// for all spans or once for each value of something.
type Measure struct {
	Indicator Indicator
	// ForEach is "" for all spans as one; or service, operation, or the label of
	// a dimension of Config, for one count a value. A span without a value of
	// the dimension is no event; nor is any span if there is no such dimension.
	ForEach string
}

// Platform is the Measure of every span that is counted, all of them good.
const Platform = -1

// The values of Measure.ForEach that are no dimension's label.
const (
	forService   = "service"
	forOperation = "operation"
)

// A judge is what a measure of any kind comes to: which spans are events, which
// of these are good, and what value an event counts for.
type judge struct {
	// measure is the place in the measures, or Platform.
	measure int
	// service, operation and kinds decide for all spans of a label set at once,
	// rootOnly and tags for each.
	service, operation Patterns
	kinds              [source.Kinds]bool
	rootOnly           bool
	tags               []check
	good               func(*source.Span) bool
	// value returns what the events of a label set count for, "" for all as
	// one, and false if none is an event.
	value func(*set) (string, bool)
}

func newJudge(place int, m Measure, places map[string]int, dimensions []Dimension) *judge {
	j := &judge{measure: place, value: valueFor(m.ForEach, dimensions)}
	_, kinds := m.Indicator.kinds()
	match := kinds[0].events()
	j.service, j.operation, j.kinds = match.Service.compiled(), match.Operation.compiled(), match.SpanKind.mask()
	j.rootOnly, j.tags = match.RootOnly, match.Tags.compile(places)
	j.good = kinds[0].good(places)
	return j
}

// valueFor returns what tells the value that a label set's events count for.
func valueFor(forEach string, dimensions []Dimension) func(*set) (string, bool) {
	switch forEach {
	case "":
		return func(*set) (string, bool) { return "", true }
	case forService:
		return func(s *set) (string, bool) { return s.operation.service.name, true }
	case forOperation:
		return func(s *set) (string, bool) { return s.operation.name, true }
	}
	place := slices.IndexFunc(dimensions, func(d Dimension) bool { return d.Label == forEach })
	return func(s *set) (string, bool) {
		if place < 0 || place >= len(s.values) {
			return "", false
		}
		return s.values[place], s.values[place] != ""
	}
}

// mayTake reports whether spans of a service that the judge takes can be events
// if they have this operation and kind.
func (j *judge) mayTake(operation string, kind source.Kind) bool {
	return j.kinds[kind] && j.operation.matches(operation)
}

// takes reports whether a span is an event, if spans of its service, operation
// and kind can be.
func (j *judge) takes(s *source.Span) bool {
	return (!j.rootOnly || s.Root) && holdAll(j.tags, s)
}

// A bench is all judges, found by service.
type bench struct {
	// named are those that take only services of given names, by these names,
	// and others the rest.
	named  map[string][]*judge
	others []*judge
}

func newBench(cfg Config, places map[string]int) bench {
	b := bench{named: map[string][]*judge{}}
	for i, m := range cfg.Measures {
		j := newJudge(i, m, places, cfg.Dimensions)
		names, listed := j.service.names()
		if !listed {
			b.others = append(b.others, j)
		}
		for _, name := range names {
			b.named[name] = append(b.named[name], j)
		}
	}
	return b
}

// appendFor appends the judges that may take spans of a service to judges.
func (b *bench) appendFor(judges []*judge, service string) []*judge {
	for _, from := range [][]*judge{b.named[service], b.others} {
		for _, j := range from {
			if j.service.matches(service) {
				judges = append(judges, j)
			}
		}
	}
	return judges
}

// placesOf returns the keys of the tags that a Recorder needs, those of the
// dimensions first, and the place of each.
func placesOf(cfg Config) (keys []string, places map[string]int) {
	places = map[string]int{}
	add := func(key string) {
		if _, ok := places[key]; !ok {
			places[key] = len(keys)
			keys = append(keys, key)
		}
	}
	for _, d := range cfg.Dimensions {
		add(d.Tag)
	}
	dimensions := len(keys)
	for _, m := range cfg.Measures {
		for _, key := range m.Indicator.Tags() {
			add(key)
		}
	}
	slices.Sort(keys[dimensions:])
	for i, key := range keys {
		places[key] = i
	}
	return keys, places
}
