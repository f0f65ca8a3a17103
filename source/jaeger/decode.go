package jaeger

import (
	"strings"

	"github.com/traceslo/traceslo/source"
)

// A Decoder turns stored documents into spans. It is for one goroutine; what it
// remembers between spans is memory only.
//
// Where Jaeger writes a list of objects, one object alone is understood too, as
// Elasticsearch does; anything else in that place counts as absent. Of a key
// that an object has twice, or a tag that a list has twice, the last counts (a
// file may hold such an object, Elasticsearch refuses it). A tag in the field
// tag goes before the same one in the list tags. Only error is told from all
// that there are: a span failed if one of them is true.
type Decoder struct {
	// slots say where the tags of the document lie that is being decoded: for
	// each place the known ones, then those that the caller asked for.
	slots [places][]token
	// keys finds tags by their name in lists, fields by that in elevated objects.
	keys, fields keys

	// What the spans since the last Reset are made of.
	arena  []byte
	values []string
	// scratch holds a key with escapes while it is compared.
	scratch []byte
	// cells are where the sort values lie of the hit that is being decoded.
	cells []token
}

// NewDecoder returns a Decoder that puts the values of tags into Span.Tags, in
// that order. dotReplacement is what Jaeger writes for the dots in the name of
// an elevated tag (its setting tags_as_fields.dot_replacement); "" is Jaeger's default, "@".
func NewDecoder(tags []string, dotReplacement string) *Decoder {
	if dotReplacement == "" {
		dotReplacement = "@"
	}
	d := &Decoder{}
	for i, name := range append(known[:], tags...) {
		d.keys.add(name, i)
		d.fields.add(strings.ReplaceAll(name, ".", dotReplacement), i)
	}
	for place := range d.slots {
		d.slots[place] = make([]token, len(known)+len(tags))
	}
	return d
}

// Reset ends the life of all spans decoded since the last Reset: their memory
// is used anew. Answer does it by itself.
func (d *Decoder) Reset() {
	d.arena, d.values = d.arena[:0], d.values[:0]
}

// Decode decodes one document, as Jaeger writes it, into s and returns "" or
// one of Reasons; if it is not "", s holds nothing of use.
//
// A document that is cut off is refused, and one that is broken in a value of
// which the span is made, as far as the value is kept. What else it holds is
// not validated further than strings being closed and brackets balancing, which
// is enough for documents that Elasticsearch accepted. For others call
// json.Valid before; of valid documents Decode makes what encoding/json would.
//
// The strings of s lie in doc and in d: they are valid until doc is written to,
// and no longer than until Reset.
func (d *Decoder) Decode(doc []byte, s *source.Span) string {
	i := space(doc, 0)
	if at(doc, i) != '{' {
		return ReasonJSON
	}
	end, reason := d.span(doc, i, s)
	if end < 0 || space(doc, end) != len(doc) {
		return ReasonJSON
	}
	return reason
}

// DecodeHit is Decode for a document that may stand by itself or in a search
// hit, {"_index": …, "_id": …, "_source": {…}}, as files hold them.
func (d *Decoder) DecodeHit(hit []byte, s *source.Span) string {
	i := space(hit, 0)
	if at(hit, i) != '{' {
		return ReasonJSON
	}
	found, reason := false, ""
	i, more := open(hit, i, '}')
	for ; more; i, more = next(hit, i, '}') {
		key, v := d.key(hit, i)
		if string(key) == "_source" {
			found = true
			i, reason = d.source(hit, v, s)
		} else {
			i = skip(hit, v)
		}
	}
	switch {
	case i < 0 || space(hit, i) != len(hit):
		return ReasonJSON
	case found:
		return reason
	}
	return d.Decode(hit, s)
}

// A document is where the parts of a stored span lie.
type document struct {
	traceID, spanID, parent, operation, start, duration, service token
	references, logs                                             token
}

// span decodes the object at i. It returns the index behind it, -1 if it is
// broken, and the reason for which no span can be made of it.
func (d *Decoder) span(b []byte, i int, s *source.Span) (end int, reason string) {
	for place := range d.slots {
		clear(d.slots[place])
	}
	var doc document
	i, more := open(b, i, '}')
	for ; more; i, more = next(b, i, '}') {
		key, v := d.key(b, i)
		if v < 0 {
			return -1, ReasonJSON
		}
		switch string(key) {
		case "traceID":
			i = take(b, v, &doc.traceID)
		case "spanID":
			i = take(b, v, &doc.spanID)
		case "parentSpanID":
			i = take(b, v, &doc.parent)
		case "operationName":
			i = take(b, v, &doc.operation)
		case "startTime":
			i = take(b, v, &doc.start)
		case "duration":
			i = take(b, v, &doc.duration)
		case "references":
			i = take(b, v, &doc.references)
		case "logs":
			i = take(b, v, &doc.logs)
		case "tags":
			i = d.list(b, v, spanTags)
		case "tag":
			i = d.elevated(b, v, spanTag)
		case "process":
			i = d.process(b, v, &doc.service)
		default:
			i = skip(b, v)
		}
	}
	if i < 0 {
		return -1, ReasonJSON
	}
	if reason := d.build(b, &doc, s); reason != ReasonJSON {
		return i, reason
	}
	return -1, ReasonJSON
}

// process finds the service and the tags in the object at i.
func (d *Decoder) process(b []byte, i int, service *token) int {
	*service = token{}
	clear(d.slots[processTags])
	clear(d.slots[processTag])
	if at(b, i) != '{' {
		return skip(b, i)
	}
	i, more := open(b, i, '}')
	for ; more; i, more = next(b, i, '}') {
		key, v := d.key(b, i)
		switch string(key) {
		case "serviceName":
			i = take(b, v, service)
		case "tags":
			i = d.list(b, v, processTags)
		case "tag":
			i = d.elevated(b, v, processTag)
		default:
			i = skip(b, v)
		}
	}
	return i
}

// build makes the span of what was found. It returns the first reason not to,
// in the order of Reasons; ReasonJSON if a value is broken.
func (d *Decoder) build(b []byte, doc *document, s *source.Span) (reason string) {
	high, low, state := d.id(doc.traceID.of(b), 32)
	if state != good {
		return state.reason(ReasonTraceID)
	}
	putID(&s.TraceID, high, low)
	if _, s.SpanID, state = d.id(doc.spanID.of(b), 16); state != good {
		return state.reason(ReasonSpanID)
	}
	if s.Service, state = d.str(doc.service.of(b)); state != good || s.Service == "" {
		return state.reason(ReasonService)
	}
	if s.Operation, state = d.str(doc.operation.of(b)); state == wrong || state == broken {
		return state.reason(ReasonOperation)
	}
	if s.Operation == "" {
		s.Operation = EmptyOperation
	}
	if s.Start, state = d.integer(doc.start.of(b)); state != good {
		return state.reason(ReasonStartTime)
	}
	if s.Duration, state = d.integer(doc.duration.of(b)); state != good || s.Duration < 0 {
		return state.reason(ReasonDuration)
	}
	if !d.root(b, doc, s, high, low) || !d.judge(b, doc.logs, s) || !d.tags(b, s) {
		return ReasonJSON
	}
	return ""
}

// root tells s whether it has a parent in its own trace: in parentSpanID
// (Jaeger writes it since v2.20) or in a reference. A parent whose id is zero
// is none. It returns false if what it reads is broken.
func (d *Decoder) root(b []byte, doc *document, s *source.Span, high, low uint64) bool {
	parent, state := d.str(doc.parent.of(b))
	if state == broken {
		return false
	}
	s.Root = strings.Trim(parent, "0") == ""
	if doc.references.from == 0 {
		return true
	}
	return each(b, doc.references.from, func(i int) int {
		var kind, trace, span token
		i, more := open(b, i, '}')
		for ; more; i, more = next(b, i, '}') {
			key, v := d.key(b, i)
			switch string(key) {
			case "refType":
				i = take(b, v, &kind)
			case "traceID":
				i = take(b, v, &trace)
			case "spanID":
				i = take(b, v, &span)
			default:
				i = skip(b, v)
			}
		}
		if i < 0 {
			return -1
		}
		refType, a := d.str(kind.of(b))
		h, l, e := d.id(trace.of(b), 32)
		parent, c := d.str(span.of(b))
		if a == broken || e == broken || c == broken {
			return -1
		}
		if e == good && h == high && l == low && (refType == "CHILD_OF" || refType == "FOLLOWS_FROM") && strings.Trim(parent, "0") != "" {
			s.Root = false
		}
		return i
	}) >= 0
}

// maxKey is how many characters of a key with escapes are compared.
const maxKey = 1024

// key returns the key of the member at i, and the index of its value, -1 if it
// is broken. The key is valid until the next one is read.
func (d *Decoder) key(b []byte, i int) (key []byte, value int) {
	key, escaped, value := name(b, i)
	if escaped {
		var ok bool
		if key, ok = d.unescape(key); !ok {
			return nil, -1
		}
	}
	return key, value
}

// unescape returns what a key with escapes stands for.
func (d *Decoder) unescape(key []byte) (plain []byte, ok bool) {
	d.scratch, ok = appendText(d.scratch[:0], key, maxKey)
	return d.scratch, ok
}

// each calls object with the index of every object in the list at i, or of the
// object at i, as long as it returns the index behind it and not -1.
func each(b []byte, i int, object func(i int) int) int {
	switch at(b, i) {
	case '{':
		return object(i)
	case '[':
	default:
		return skip(b, i)
	}
	i, more := open(b, i, ']')
	for ; more; i, more = next(b, i, ']') {
		if at(b, i) == '{' {
			i = object(i)
		} else {
			i = skip(b, i)
		}
	}
	return i
}

// putID writes a trace's id, most significant byte first.
func putID(id *source.TraceID, high, low uint64) {
	for i := range 8 {
		id[i], id[8+i] = byte(high>>(56-8*i)), byte(low>>(56-8*i))
	}
}
