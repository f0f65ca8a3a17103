package sli

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/traceslo/traceslo/source"
)

// A registry knows every label set and holds the limits. A span finds its label
// set by its own strings, step by step: service, operation, kind, value of each
// dimension. Nothing is allocated for what is known, and a string is cloned
// when it is admitted.
type registry struct {
	// mu guards the maps while several workers count; whoever saves or
	// publishes is alone and needs no lock.
	mu         sync.RWMutex
	limits     Limits
	services   map[string]*service
	dimensions []dimension
	series     seriesTable
	// sets is how many label sets there are, spare ones left out.
	sets int
	// slots is how many slots were ever given out at once, free those given back.
	slots uint32
	free  []uint32
	// nextID is the next label set's number; numbers are never used again.
	nextID uint64
	// admitted and admittedErrors came since the last Publish.
	admitted       []*set
	admittedErrors []failure
}

// A dimension counts by how many label sets each of its values is used.
type dimension struct{ values map[string]*value }

type value struct {
	text string
	uses int
}

func newRegistry(limits Limits, dimensions int, judges bench) *registry {
	g := &registry{limits: limits, services: map[string]*service{}, dimensions: make([]dimension, dimensions), series: newSeriesTable(judges), nextID: 1}
	for i := range g.dimensions {
		g.dimensions[i].values = map[string]*value{}
	}
	return g
}

// dimensionsOf returns the values of the span that are a dimension's.
func (g *registry) dimensionsOf(s *source.Span) []string {
	return s.Tags[:min(len(s.Tags), len(g.dimensions))]
}

// known returns the label set of a span that no limit bends, nil if there is none.
func (g *registry) known(s *source.Span) *set {
	svc := g.services[s.Service]
	if svc == nil {
		return nil
	}
	op := svc.operations[s.Operation]
	if op == nil {
		return nil
	}
	b := &op.kinds[s.Kind]
	for _, v := range g.dimensionsOf(s) {
		if b = b.next[v]; b == nil {
			return nil
		}
	}
	return b.set
}

// A target is the labels a span counts under, as far as what is admitted and
// the limits allow, and the limits that it met.
type target struct {
	labels
	over limits
}

// target finds where a span counts that known does not find. The values of the
// target lie in scratch. It changes nothing.
func (g *registry) target(s *source.Span, scratch []string) target {
	t := target{labels: labels{service: clip(s.Service), operation: s.Operation, kind: s.Kind}}
	svc := g.services[t.service]
	if svc == nil && full(g.services, g.limits.Services) {
		t.service, t.operation, t.over = other, other, t.over.with(limitServices)
		svc = g.services[other]
	}
	if svc != nil && t.operation != other && svc.operations[t.operation] == nil && full(svc.operations, g.limits.OperationsPerService) {
		t.operation, t.over = other, t.over.with(limitOperations)
	}
	t.values = scratch[:0]
	for i, v := range g.dimensionsOf(s) {
		v = clip(v)
		if values := g.dimensions[i].values; v != "" && values[v] == nil && full(values, g.limits.ValuesPerDimension) {
			v, t.over = other, t.over.with(limitValues)
		}
		t.values = append(t.values, v)
	}
	if g.sets >= g.limits.Series && !spare(t.operation, t.values) && g.find(t.labels) == nil {
		t.operation, t.over = other, t.over.with(limitSeries)
		for i := range t.values {
			t.values[i] = other
		}
	}
	return t
}

// full reports whether nothing more than _other may be put into m.
func full[V any](m map[string]V, limit int) bool {
	n := len(m)
	if _, ok := m[other]; ok {
		n--
	}
	return n >= limit
}

// used returns how many of a limit's places m takes.
func used[V any](m map[string]V) int {
	if _, ok := m[other]; ok {
		return len(m) - 1
	}
	return len(m)
}

// find returns the label set with these labels, nil if there is none.
func (g *registry) find(l labels) *set {
	svc := g.services[l.service]
	if svc == nil {
		return nil
	}
	op := svc.operations[l.operation]
	if op == nil {
		return nil
	}
	b := &op.kinds[l.kind]
	for _, v := range l.values {
		if b = b.next[v]; b == nil {
			return nil
		}
	}
	return b.set
}

// admitNew makes a new label set of labels that find does not find.
func (g *registry) admitNew(l labels) *set {
	s := g.admit(l, g.nextID)
	g.nextID++
	g.admitted = append(g.admitted, s)
	return s
}

// admit makes a label set of labels that find does not find, and clones them.
func (g *registry) admit(l labels, id uint64) *set {
	svc := g.services[l.service]
	if svc == nil {
		svc = &service{name: strings.Clone(l.service), operations: map[string]*operation{}, errors: map[string]uint16{}}
		svc.judges = g.series.bench.appendFor(nil, svc.name)
		g.services[svc.name] = svc
	}
	op := svc.operations[l.operation]
	if op == nil {
		op = &operation{name: strings.Clone(l.operation), service: svc}
		svc.operations[op.name] = op
	}
	s := &set{id: id, operation: op, kind: l.kind}
	b := &op.kinds[l.kind]
	for i, v := range l.values {
		text := g.dimensions[i].use(v)
		s.values = append(s.values, text)
		if b.next == nil {
			b.next = map[string]*branch{}
		}
		if b.next[text] == nil {
			b.next[text] = &branch{}
		}
		b = b.next[text]
	}
	b.set = s
	s.events = g.series.takeAll(s)
	if !s.spare() {
		g.sets++
	}
	if n := len(g.free); n > 0 {
		s.slot, g.free = g.free[n-1], g.free[:n-1]
	} else {
		s.slot = g.slots
		g.slots++
	}
	return s
}

// use returns the dimension's own copy of v.
func (d *dimension) use(v string) string {
	if v == "" {
		return ""
	}
	known := d.values[v]
	if known == nil {
		known = &value{text: strings.Clone(v)}
		d.values[known.text] = known
	}
	known.uses++
	return known.text
}

// remove ends a label set and frees every place that only it took.
func (g *registry) remove(s *set) {
	prune(&s.operation.kinds[s.kind], s.values)
	for i, v := range s.values {
		if known := g.dimensions[i].values[v]; known != nil {
			if known.uses--; known.uses == 0 {
				delete(g.dimensions[i].values, v)
			}
		}
	}
	if !s.spare() {
		g.sets--
	}
	g.free = append(g.free, s.slot)
	g.series.drop(s.events)
	g.series.drop(s.bent)
	op := s.operation
	if slices.ContainsFunc(op.kinds[:], func(b branch) bool { return !b.empty() }) {
		return
	}
	delete(op.service.operations, op.name)
	if len(op.service.operations) == 0 {
		delete(g.services, op.service.name)
	}
}

// publish keeps what was admitted.
func (g *registry) publish() {
	clear(g.admitted)
	clear(g.admittedErrors)
	g.admitted, g.admittedErrors = g.admitted[:0], g.admittedErrors[:0]
}

// discard takes back what was admitted since publish.
func (g *registry) discard() {
	for _, f := range g.admittedErrors {
		f.service.freeError(f.place)
	}
	for _, s := range g.admitted {
		g.remove(s)
	}
	g.publish()
}

// usage returns how much of each limit is taken; for what is limited per
// service or per dimension, by the one that takes most.
func (g *registry) usage() [limitKinds]int {
	u := [limitKinds]int{limitSeries: g.sets, limitServices: used(g.services)}
	for svc := range maps.Values(g.services) {
		u[limitOperations] = max(u[limitOperations], used(svc.operations))
		u[limitErrorTypes] = max(u[limitErrorTypes], used(svc.errors))
	}
	for _, d := range g.dimensions {
		u[limitValues] = max(u[limitValues], used(d.values))
	}
	return u
}
