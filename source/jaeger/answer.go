package jaeger

import (
	"fmt"
	"strings"

	"github.com/traceslo/traceslo/source"
)

// An Answer is what Elasticsearch answered to a search for spans. Its memory,
// and the spans', is used again by the next call of Decoder.Answer.
type Answer struct {
	// TimedOut holds if a shard gave up before it had looked at everything.
	TimedOut bool
	// Shards counts the shards that were asked.
	Shards struct{ Total, Successful, Skipped, Failed int }
	// Failure is the type and reason of the first shard failure, "" if there is none.
	Failure string
	// Spans are the documents that were understood, in the order of the hits.
	Spans []source.Span
	// Unreadable are those that were not, in that order too.
	Unreadable []source.Unreadable
	// Numbers are the first sort values of the hits of Spans, UnreadableNumbers
	// those of Unreadable, -1 where there is none.
	Numbers, UnreadableNumbers []int64
	// Strange is how many hits of a lean answer do not tell a span; see Decoder.Lean.
	Strange int
	// Hits is how many documents the answer holds: Spans, Unreadable and Strange together.
	Hits int
	// LastSeq is the first sort value of the last hit, -1 if there is no hit or it has none.
	LastSeq int64
	// Ascending holds if every hit has an integer as its first sort value,
	// none negative, each greater than that of the hit before.
	Ascending bool
}

// maxID is how many characters of an index's name or a document's id are kept;
// Elasticsearch allows 255 and 512 bytes.
const maxID = 512

// Answer decodes the body of an answer to a search in one pass. A document that
// is not understood does not stop it. A body that is cut off, broken or no
// search answer (it has no _shards, without which nobody can tell whether it is
// whole) is an error, and into holds nothing then.
//
// The strings of into lie in body and in d: they are valid until body is
// written to, and no longer than until the next call of Answer or Reset.
// Failure is the caller's.
func (d *Decoder) Answer(body []byte, into *Answer) error { return d.answer(body, into, nil) }

// answer decodes an answer of documents, or with lean one of doc values.
func (d *Decoder) answer(body []byte, into *Answer, lean *lean) error {
	d.Reset()
	into.clear()
	into.Ascending = true
	shards := false
	i := space(body, 0)
	more := false
	if at(body, i) == '{' {
		i, more = open(body, i, '}')
	} else {
		i = -1
	}
	for ; more; i, more = next(body, i, '}') {
		key, v := d.key(body, i)
		switch string(key) {
		case "timed_out":
			i = skip(body, v)
			into.TimedOut = i >= 0 && string(body[v:i]) != "false"
		case "_shards":
			shards = true
			i = d.shards(body, v, into)
		case "hits":
			i = d.hits(body, v, into, lean)
		default:
			i = skip(body, v)
		}
	}
	var err error
	switch {
	case i < 0 || space(body, i) != len(body):
		err = fmt.Errorf("search answer of %d bytes is broken or cut off", len(body))
	case !shards:
		err = fmt.Errorf("search answer of %d bytes has no _shards", len(body))
	default:
		return nil
	}
	into.clear()
	return err
}

// clear makes an answer one that says nothing, and keeps its memory.
func (a *Answer) clear() {
	*a = Answer{
		Spans: a.Spans[:0], Unreadable: a.Unreadable[:0], Numbers: a.Numbers[:0], UnreadableNumbers: a.UnreadableNumbers[:0], LastSeq: -1,
	}
}

// shards reads the object _shards at i.
func (d *Decoder) shards(b []byte, i int, into *Answer) int {
	if at(b, i) != '{' {
		return -1
	}
	i, more := open(b, i, '}')
	for ; more; i, more = next(b, i, '}') {
		key, v := d.key(b, i)
		switch string(key) {
		case "total":
			i = d.count(b, v, &into.Shards.Total)
		case "successful":
			i = d.count(b, v, &into.Shards.Successful)
		case "skipped":
			i = d.count(b, v, &into.Shards.Skipped)
		case "failed":
			i = d.count(b, v, &into.Shards.Failed)
		case "failures":
			i = each(b, v, func(i int) int { return d.failure(b, i, into) })
		default:
			i = skip(b, v)
		}
	}
	return i
}

// count reads a number of shards.
func (d *Decoder) count(b []byte, i int, n *int) int {
	end := skip(b, i)
	if end < 0 {
		return -1
	}
	v, state := d.integer(b[i:end])
	if state != good {
		return -1
	}
	*n = int(v)
	return end
}

// failure notes the first shard failure: {"reason": {"type": …, "reason": …}}.
func (d *Decoder) failure(b []byte, i int, into *Answer) int {
	if into.Failure != "" {
		return skip(b, i)
	}
	var typ, reason token
	i, more := open(b, i, '}')
	for ; more; i, more = next(b, i, '}') {
		key, v := d.key(b, i)
		if string(key) != "reason" || at(b, v) != '{' {
			i = skip(b, v)
			continue
		}
		i, more = open(b, v, '}')
		for ; more; i, more = next(b, i, '}') {
			key, v := d.key(b, i)
			switch string(key) {
			case "type":
				i = take(b, v, &typ)
			case "reason":
				i = take(b, v, &reason)
			default:
				i = skip(b, v)
			}
		}
	}
	if i < 0 {
		return -1
	}
	t, a := d.str(typ.of(b))
	r, c := d.str(reason.of(b))
	if a == broken || c == broken {
		return -1
	}
	if into.Failure = strings.Clone(t); r != "" {
		into.Failure += ": " + r
	}
	return i
}

// hits reads the object hits at i, whose member hits is the list of documents.
func (d *Decoder) hits(b []byte, i int, into *Answer, lean *lean) int {
	if at(b, i) != '{' {
		return -1
	}
	i, more := open(b, i, '}')
	for ; more; i, more = next(b, i, '}') {
		key, v := d.key(b, i)
		switch {
		case string(key) != "hits":
			i = skip(b, v)
		case at(b, v) != '[':
			i = -1
		default:
			i, more = open(b, v, ']')
			for ; more; i, more = next(b, i, ']') {
				if lean != nil {
					i = d.leanHit(b, i, into, lean)
				} else {
					i = d.hit(b, i, into)
				}
			}
		}
	}
	return i
}

// hit reads the document at i, with its number.
func (d *Decoder) hit(b []byte, i int, into *Answer) int {
	if at(b, i) != '{' {
		return -1
	}
	into.Spans = append(into.Spans, source.Span{})
	span := &into.Spans[len(into.Spans)-1]
	var index, id token
	reason, seq, state := ReasonSource, int64(-1), absent
	i, more := open(b, i, '}')
	for ; more; i, more = next(b, i, '}') {
		key, v := d.key(b, i)
		switch string(key) {
		case "_index":
			i = take(b, v, &index)
		case "_id":
			i = take(b, v, &id)
		case "sort":
			seq, state, i = d.sort(b, v)
		case "_source":
			i, reason = d.source(b, v, span)
		default:
			i = skip(b, v)
		}
	}
	if i < 0 {
		return -1
	}
	into.Hits++
	into.Ascending = into.Ascending && state == good && seq > into.LastSeq
	into.LastSeq = seq
	if reason == "" {
		into.Numbers = append(into.Numbers, seq)
		return i
	}
	into.Spans = into.Spans[:len(into.Spans)-1]
	bad := source.Unreadable{Reason: reason}
	var ok bool
	if at(b, index.from) == '"' {
		if bad.Index, ok = d.text(index.of(b), maxID); !ok {
			return -1
		}
	}
	if at(b, id.from) == '"' {
		if bad.ID, ok = d.text(id.of(b), maxID); !ok {
			return -1
		}
	}
	into.Unreadable = append(into.Unreadable, bad)
	into.UnreadableNumbers = append(into.UnreadableNumbers, seq)
	return i
}

// sort reads the first of the sort values in the list at i.
func (d *Decoder) sort(b []byte, i int) (seq int64, _ state, end int) {
	seq, s := -1, absent
	if at(b, i) != '[' {
		return seq, wrong, skip(b, i)
	}
	first := true
	i, more := open(b, i, ']')
	for ; more; i, more = next(b, i, ']') {
		v := i
		i = skip(b, v)
		if first && i >= 0 {
			first = false
			n, state := d.integer(b[v:i])
			switch s = state; s {
			case good:
				seq = n
			case broken:
				return -1, broken, -1
			}
		}
	}
	return seq, s, i
}

// source reads the value of _source at i.
func (d *Decoder) source(b []byte, i int, s *source.Span) (end int, reason string) {
	switch at(b, i) {
	case '{':
		return d.span(b, i, s)
	case 'n':
		return skip(b, i), ReasonSource
	}
	return skip(b, i), ReasonJSON
}
