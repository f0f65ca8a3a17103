package sli

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/traceslo/traceslo/source"
)

// A set is a label set. All but committed and bent is never changed once it is admitted.
type set struct {
	id        uint64
	operation *operation
	values    []string
	// events are the series of which spans can be events that have the set's own
	// service, operation and kind. bent are further ones that the set holds for
	// spans that limits put here; the registry's lock guards them.
	events, bent []*series
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

// labels are what a label set is of, as the state file keeps it: service,
// operation, kind, and a value for each dimension.
type labels struct {
	service, operation string
	kind               source.Kind
	values             []string
}

func (l labels) append(b []byte) []byte {
	b = appendText(b, l.service)
	b = appendText(b, l.operation)
	b = append(b, byte(l.kind))
	for _, v := range l.values {
		b = appendText(b, v)
	}
	return b
}

// decodeLabels reads the labels of a set with that many dimensions.
func decodeLabels(data string, dimensions int) (labels, error) {
	d := decoder{rest: data}
	l := labels{service: d.text(), operation: d.text()}
	if kind := d.bytes(1); kind != "" {
		l.kind = source.Kind(kind[0])
	}
	for range dimensions {
		l.values = append(l.values, d.text())
	}
	if d.broken || d.rest != "" || l.kind >= source.Kinds {
		return labels{}, errRecord
	}
	return l, nil
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
	for end > maxText-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
