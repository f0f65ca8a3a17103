package jaeger

import (
	"bytes"
	"strings"

	"github.com/traceslo/traceslo/source"
)

// A Column is a field whose doc value a lean answer tells of each document.
type Column struct {
	// Field is its name in Jaeger's mapping, Type its type there.
	Field, Type string
}

// Columns returns the fields that tell a span of which nothing else need be
// known, for a reader that wants the values of tags and, with roots, whether it
// has a parent. Their doc values, as sort values behind the number of the
// document, are what Decoder.Lean reads. dotReplacement is as in NewDecoder.
//
// Sort values are the cheapest way to doc values that there is: they need no
// phase of fetching, which costs a cluster twice as much, and no names in the answer.
func Columns(tags []string, dotReplacement string, roots bool) []Column {
	field := func(place, name string) Column { return elevatedColumn(place, name, dotReplacement) }
	columns := []Column{
		{"traceID", "keyword"}, {"spanID", "keyword"}, {"operationName", "keyword"}, {"process.serviceName", "keyword"},
		{"startTime", "long"}, {"duration", "long"}, field("tag.", known[tagKind]),
	}
	if roots {
		columns = append(columns, Column{"parentSpanID", "keyword"})
	}
	for _, tag := range tags {
		columns = append(columns, field("tag.", tag), field("process.tag.", tag))
	}
	return columns
}

// FailureColumns returns the fields that tell besides whether a span failed, and
// of what, if it has no exception. Their doc values, as sort values behind those
// of Columns, are what Decoder.LeanFailed reads.
func FailureColumns(dotReplacement string) (columns []Column) {
	for _, slot := range failureSlots {
		columns = append(columns, elevatedColumn("tag.", known[slot], dotReplacement))
	}
	return columns
}

// failureSlots are the tags of FailureColumns: whether a span failed, then ErrorTags.
var failureSlots = [...]int{tagError, tagStatus, tagErrorType, tagResponseCode, tagStatusCode, tagGRPCCode}

func elevatedColumn(place, name, dotReplacement string) Column {
	if dotReplacement == "" {
		dotReplacement = "@"
	}
	return Column{place + strings.ReplaceAll(name, ".", dotReplacement), "keyword"}
}

// The places of what every span has among the sort values.
const (
	cellNumber = iota
	cellTraceID
	cellSpanID
	cellOperation
	cellService
	cellStart
	cellDuration
	cellKind
	cellsAlways
)

// A lean is how a lean answer is to be read.
type lean struct {
	roots, failures bool
	// head is where the first hit lies up to its sort values: most hits begin alike.
	head token
}

// Lean decodes the body of an answer to a search for doc values, whose hits
// have the values of Columns as sort values behind their number. The spans did
// not fail, and none of their tags is in a list: the search is for such alone.
// All else is as with Answer, whose documents it tells alike.
//
// A hit that has something else than Columns promises, as a number in a name's
// place, tells no span. It is counted in Strange, and what it really says its
// document has to tell.
func (d *Decoder) Lean(body []byte, roots bool, into *Answer) error {
	return d.answer(body, into, &lean{roots: roots})
}

// LeanFailed is Lean for hits that have the values of FailureColumns too. Their
// spans may have failed, if these tell of what; no log of theirs names an exception.
func (d *Decoder) LeanFailed(body []byte, roots bool, into *Answer) error {
	return d.answer(body, into, &lean{roots: roots, failures: true})
}

// leanHit reads the hit at i.
func (d *Decoder) leanHit(b []byte, i int, into *Answer, l *lean) int {
	start := i
	seq, number, fits := int64(-1), absent, false
	into.Spans = append(into.Spans, source.Span{})
	span := &into.Spans[len(into.Spans)-1]
	var more bool
	if n := l.head.to - l.head.from; n > 0 && len(b)-i > n && bytes.Equal(b[i:i+n], b[l.head.from:l.head.to]) {
		i, seq, number, fits = d.row(b, i+n, span, l)
		i, more = next(b, i, '}')
	} else if at(b, i) == '{' {
		i, more = open(b, i, '}')
	} else {
		return -1
	}
	for ; more; i, more = next(b, i, '}') {
		key, v := d.key(b, i)
		if string(key) == "sort" {
			l.head = token{start, v}
			i, seq, number, fits = d.row(b, v, span, l)
		} else {
			i = skip(b, v)
		}
	}
	if i < 0 {
		return -1
	}
	into.Hits++
	into.Ascending = into.Ascending && number == good && seq > into.LastSeq
	into.LastSeq = seq
	if fits {
		into.Numbers = append(into.Numbers, seq)
	} else {
		into.Spans = into.Spans[:len(into.Spans)-1]
		into.Strange++
	}
	return i
}

// row reads the sort values at i: the document's number, and its span, if they
// fit one.
func (d *Decoder) row(b []byte, i int, s *source.Span, l *lean) (end int, seq int64, number state, fits bool) {
	if at(b, i) != '[' {
		return skip(b, i), -1, wrong, false
	}
	d.cells = d.cells[:0]
	i, more := open(b, i, ']')
	for ; more; i, more = next(b, i, ']') {
		var cell token
		if i = take(b, i, &cell); i < 0 {
			return -1, -1, broken, false
		}
		d.cells = append(d.cells, cell)
	}
	if i < 0 {
		return -1, -1, broken, false
	}
	seq, number = -1, absent
	if len(d.cells) > 0 {
		var n int64
		if n, number = d.integer(d.cells[cellNumber].of(b)); number == good {
			seq = n
		}
	}
	state := number
	if state == good {
		state = d.leanSpan(b, s, l)
	}
	if state == broken {
		return -1, -1, broken, false
	}
	return i, seq, number, state == good
}

// leanSpan makes the span of the cells. It returns good if they fit one.
func (d *Decoder) leanSpan(b []byte, s *source.Span, l *lean) (state state) {
	tags, cells := len(d.slots[0])-knownTags, cellsAlways
	if l.roots {
		cells++
	}
	failure := len(d.cells)
	if l.failures {
		failure -= len(failureSlots)
	}
	if failure != cells+2*tags {
		return wrong
	}
	var high, low uint64
	if high, low, state = d.id(d.cells[cellTraceID].of(b), 32); state != good {
		return state
	}
	putID(&s.TraceID, high, low)
	if _, s.SpanID, state = d.id(d.cells[cellSpanID].of(b), 16); state != good {
		return state
	}
	if s.Operation, state = d.str(d.cells[cellOperation].of(b)); state != good {
		return state
	}
	if s.Operation == "" {
		s.Operation = EmptyOperation
	}
	if s.Service, state = d.str(d.cells[cellService].of(b)); state != good || s.Service == "" {
		return max(state, wrong)
	}
	if s.Start, state = d.long(d.cells[cellStart].of(b)); state != good {
		return state
	}
	if s.Duration, state = d.long(d.cells[cellDuration].of(b)); state != good || s.Duration < 0 {
		return max(state, wrong)
	}
	kind, state := d.str(d.cells[cellKind].of(b))
	if state > absent {
		return state
	}
	s.Kind = source.ParseKind(kind)
	if l.roots {
		parent, state := d.str(d.cells[cellsAlways].of(b))
		if state > absent {
			return state
		}
		s.Root = strings.Trim(parent, "0") == ""
	}
	if state := d.leanTags(b, s, d.cells[cells:failure]); state != good || !l.failures {
		return state
	}
	return d.leanFailure(b, s, d.cells[failure:])
}

// leanFailure tells s whether it failed, and of what.
func (d *Decoder) leanFailure(b []byte, s *source.Span, cells []token) state {
	var values [len(failureSlots)]string
	for i := range values {
		value, state := d.str(cells[i].of(b))
		if state > absent {
			return state
		}
		values[i] = value
	}
	if s.Failed = values[0] == "true" || values[1] == "ERROR"; s.Failed {
		s.ErrorType = d.errorTypeOf(values[2:])
	}
	return good
}

// errorTypeOf returns the type of error of a failed span that has these values
// of ErrorTags, "" for each that it lacks, and no exception.
func (d *Decoder) errorTypeOf(values []string) string {
	if values[0] != "" {
		return values[0]
	}
	for slot := tagResponseCode; slot <= tagGRPCCode; slot++ {
		n, ok := decimal(values[slot-tagErrorType])
		switch {
		case !ok || !isError(slot, n):
		case slot == tagGRPCCode:
			return grpcCodes[n]
		default:
			return d.number(n)
		}
	}
	return unknown
}

// leanTags puts the values of the wanted tags into s: of each, that of the span
// or else that of the process.
func (d *Decoder) leanTags(b []byte, s *source.Span, cells []token) state {
	s.Tags = d.room()
	for i := range s.Tags {
		value, state := d.str(cells[2*i].of(b))
		if state == absent {
			value, state = d.str(cells[2*i+1].of(b))
		}
		if state > absent {
			return state
		}
		s.Tags[i] = value
	}
	return good
}

// long reads an integer of 64 bits that is written as one.
func (d *Decoder) long(raw []byte) (int64, state) {
	if at(raw, 0) == '"' {
		return 0, wrong
	}
	return d.integer(raw)
}
