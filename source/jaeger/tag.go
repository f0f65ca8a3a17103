package jaeger

import "github.com/traceslo/traceslo/source"

// The tags that every span is asked for, by their position in a Decoder's slots.
const (
	tagError = iota
	tagKind
	tagStatus
	tagErrorType
	tagResponseCode
	tagStatusCode
	tagGRPCCode
	knownTags
)

// known are their names, as OpenTracing and OpenTelemetry give them.
var known = [knownTags]string{
	"error", "span.kind", "otel.status_code", "error.type", "http.response.status_code", "http.status_code", "rpc.grpc.status_code",
}

// The places where a document keeps tags, the one that goes before others first.
const (
	spanTag     = iota // tag
	spanTags           // tags
	processTag         // process.tag
	processTags        // process.tags
	places
)

// keys finds the positions of names. Most tags are not wanted, and most of
// those are sorted out by their length.
type keys [64][]struct {
	name string
	slot int
}

func (k *keys) add(name string, slot int) {
	bucket := &k[len(name)%len(k)]
	*bucket = append(*bucket, struct {
		name string
		slot int
	}{name, slot})
}

// list finds the wanted tags in a list of {key, type, value}.
func (d *Decoder) list(b []byte, i, place int) int {
	slots := d.slots[place]
	clear(slots)
	return each(b, i, func(i int) int {
		key, value, i := d.pair(b, i)
		for _, w := range d.keys[len(key)%len(d.keys)] {
			if w.name == string(key) && (w.slot != tagError || !d.isTrue(slots[tagError].of(b))) {
				slots[w.slot] = value
			}
		}
		return i
	})
}

// pair reads a {key, type, value} at i. A key that is no string is nil. The
// key is valid until the next key is read.
func (d *Decoder) pair(b []byte, i int) (key []byte, value token, end int) {
	name, escaped, value, end := usual(b, i)
	if end < 0 {
		name, escaped, value, end = d.unusual(b, i)
	}
	if end < 0 || at(b, name.from) != '"' {
		return nil, token{}, end
	}
	if key = b[name.from+1 : name.to-1]; escaped {
		var ok bool
		if key, ok = d.unescape(key); !ok {
			return nil, token{}, -1
		}
	}
	return key, value, end
}

// usual passes a pair that is written as Jaeger writes it, member by member
// and without white space. It returns -1 for any other. More than half of a
// document is such pairs.
func usual(b []byte, i int) (name token, escaped bool, value token, end int) {
	const beforeKey, beforeType, text, beforeValue = `{"key":`, `,"type":"`, `string"`, `,"value":`
	if !has(b, i, beforeKey) {
		return name, false, value, -1
	}
	name.from = i + len(beforeKey)
	if at(b, name.from) != '"' {
		return name, false, value, -1
	}
	if name.to, escaped = quoted(b, name.from); !has(b, name.to, beforeType) {
		return name, false, value, -1
	}
	if i = name.to + len(beforeType) + len(text); !has(b, i-len(text), text) {
		i, _ = quoted(b, name.to+len(beforeType)-1)
	}
	if !has(b, i, beforeValue) {
		return name, false, value, -1
	}
	value.from = i + len(beforeValue)
	if value.to = skip(b, value.from); at(b, value.to) != '}' {
		return name, false, value, -1
	}
	return name, escaped, value, value.to + 1
}

// unusual passes any pair.
func (d *Decoder) unusual(b []byte, i int) (name token, escaped bool, value token, end int) {
	i, more := open(b, i, '}')
	for ; more; i, more = next(b, i, '}') {
		key, v := d.key(b, i)
		switch string(key) {
		case "key":
			i = take(b, v, &name)
		case "value":
			i = take(b, v, &value)
		default:
			i = skip(b, v)
		}
	}
	// Whether the key holds escapes was not kept; to unescape one without is no harm.
	return name, true, value, i
}

// elevated finds the wanted tags in an object whose keys are their names with
// the dots replaced.
func (d *Decoder) elevated(b []byte, i, place int) int {
	slots := d.slots[place]
	clear(slots)
	if at(b, i) != '{' {
		return skip(b, i)
	}
	i, more := open(b, i, '}')
	for ; more; i, more = next(b, i, '}') {
		key, v := d.key(b, i)
		end := skip(b, v)
		for _, w := range d.fields[len(key)%len(d.fields)] {
			if w.name == string(key) {
				slots[w.slot] = token{v, end}
			}
		}
		i = end
	}
	return i
}

// tag reads one of the known tags of the span as text.
func (d *Decoder) tag(b []byte, slot int) (string, state) {
	s, state := d.scalar(d.slots[spanTag][slot].of(b))
	if state == good || state == broken {
		return s, state
	}
	return d.scalar(d.slots[spanTags][slot].of(b))
}

// tags puts the values of the wanted tags into s. It returns false if one is broken.
func (d *Decoder) tags(b []byte, s *source.Span) bool {
	s.Tags = d.room()
	for i := range s.Tags {
		for place := range d.slots {
			value, state := d.scalar(d.slots[place][knownTags+i].of(b))
			if state == broken {
				return false
			}
			if state == good {
				s.Tags[i] = value
				break
			}
		}
	}
	return true
}

// room returns the place for the values of a span's wanted tags, each "", nil if none is wanted.
func (d *Decoder) room() []string {
	n := len(d.slots[0]) - knownTags
	if n == 0 {
		return nil
	}
	if cap(d.values)-len(d.values) < n {
		// The spans made before keep the memory that they lie in.
		d.values = make([]string, 0, max(2*cap(d.values), 64*n))
	}
	start := len(d.values)
	d.values = d.values[:start+n]
	room := d.values[start : start+n : start+n]
	clear(room)
	return room
}
