package sli

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

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

// A service is one service's operations and types of errors.
type service struct {
	name       string
	operations map[string]*operation
	// errors has the place of each type of error in names, uses says how many
	// published label sets have counted it, and freed are the places given back.
	errors map[string]uint16
	names  []string
	uses   []uint32
	freed  []uint16
}

// A failure is a type of error of a service.
type failure struct {
	service *service
	place   uint16
}

// An operation is one operation's label sets, by kind and dimensions.
type operation struct {
	name    string
	service *service
	kinds   [source.Kinds]branch
}

// A branch leads to a label set by the values of the remaining dimensions.
type branch struct {
	set  *set
	next map[string]*branch
}

func (b *branch) empty() bool { return b.set == nil && len(b.next) == 0 }

// A dimension counts by how many label sets each of its values is used.
type dimension struct{ values map[string]*value }

type value struct {
	text string
	uses int
}

// A set is a label set. All but committed is never changed once it is admitted.
type set struct {
	id        uint64
	operation *operation
	values    []string
	// committed is what was published last, "" before the first time. It is
	// guarded by Recorder.mu.
	committed record
	// slot is the set's place in a tally. It is given out again after the set has ended.
	slot uint32
	kind source.Kind
}

func (s *set) labels() labels {
	return labels{s.operation.service.name, s.operation.name, s.kind, s.values}
}

// spare reports whether the set is one of those that take what is over a limit
// of label sets and that no such limit counts: it has no value of a span
// but the service and the kind.
func (s *set) spare() bool { return spare(s.operation.name, s.values) }

func spare(operation string, values []string) bool {
	if operation != other {
		return false
	}
	for _, v := range values {
		if v != other {
			return false
		}
	}
	return true
}

// compareSets sorts by service, operation, kind and dimensions, as they are shown.
func compareSets(a, b *set) int {
	if c := strings.Compare(a.operation.service.name, b.operation.service.name); c != 0 {
		return c
	}
	if c := strings.Compare(a.operation.name, b.operation.name); c != 0 {
		return c
	}
	if c := strings.Compare(a.kind.String(), b.kind.String()); c != 0 {
		return c
	}
	return slices.Compare(a.values, b.values)
}

func newRegistry(limits Limits, dimensions int) *registry {
	g := &registry{limits: limits, services: map[string]*service{}, dimensions: make([]dimension, dimensions), nextID: 1}
	for i := range g.dimensions {
		g.dimensions[i].values = map[string]*value{}
	}
	return g
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
	for _, v := range s.Tags {
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
	for i, v := range s.Tags {
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

// admit makes a label set of labels that find does not find, and clones them.
func (g *registry) admit(l labels, id uint64) *set {
	svc := g.services[l.service]
	if svc == nil {
		svc = &service{name: strings.Clone(l.service), operations: map[string]*operation{}, errors: map[string]uint16{}}
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
	op := s.operation
	if slices.ContainsFunc(op.kinds[:], func(b branch) bool { return !b.empty() }) {
		return
	}
	delete(op.service.operations, op.name)
	if len(op.service.operations) == 0 {
		delete(g.services, op.service.name)
	}
}

// prune takes the label set at the end of values out of b.
func prune(b *branch, values []string) {
	if len(values) == 0 {
		b.set = nil
		return
	}
	next := b.next[values[0]]
	prune(next, values[1:])
	if next.empty() {
		delete(b.next, values[0])
	}
}

// errorOf returns the place of a type of error in a service, whether it is
// known, and the limit that it met.
func (g *registry) errorOf(svc *service, kind string) (place uint16, over limits, known bool) {
	if place, known = svc.errors[kind]; known {
		return place, 0, true
	}
	if kind = errorType(kind); full(svc.errors, g.limits.ErrorTypesPerService) && kind != other {
		if _, ok := svc.errors[kind]; !ok {
			kind, over = other, over.with(limitErrorTypes)
		}
	}
	place, known = svc.errors[kind]
	return place, over, known
}

// admitError gives a place to a type of error, or to _other if there is none left.
func (g *registry) admitError(svc *service, kind string) uint16 {
	place, over, known := g.errorOf(svc, kind)
	if known {
		return place
	}
	if kind = errorType(kind); over != 0 {
		kind = other
	}
	place = svc.addError(strings.Clone(kind))
	g.admittedErrors = append(g.admittedErrors, failure{svc, place})
	return place
}

// errorType returns the label error_type of a failed span.
func errorType(kind string) string {
	if kind == "" {
		return "unknown"
	}
	return clip(kind)
}

func (svc *service) addError(kind string) uint16 {
	if n := len(svc.freed); n > 0 {
		place := svc.freed[n-1]
		svc.freed = svc.freed[:n-1]
		svc.names[place], svc.errors[kind] = kind, place
		return place
	}
	place := uint16(len(svc.names))
	svc.names, svc.uses = append(svc.names, kind), append(svc.uses, 0)
	svc.errors[kind] = place
	return place
}

// useError notes that a published label set has begun to count a type of error.
func (svc *service) useError(kind string) {
	place, ok := svc.errors[kind]
	if !ok {
		place = svc.addError(strings.Clone(kind))
	}
	svc.uses[place]++
}

// dropError notes that a published label set has ended to count it.
func (svc *service) dropError(kind string) {
	place := svc.errors[kind]
	svc.uses[place]--
	svc.freeError(place)
}

// freeError gives the place of a type of error back if nothing uses it.
func (svc *service) freeError(place uint16) {
	if svc.uses[place] == 0 {
		delete(svc.errors, svc.names[place])
		svc.names[place] = ""
		svc.freed = append(svc.freed, place)
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

// maxText is the greatest length of a service, a type of error or a dimension's
// value, in bytes. An operation is bounded by its source.
const maxText = 256

// clip cuts text that is too long, not within a character.
func clip(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
