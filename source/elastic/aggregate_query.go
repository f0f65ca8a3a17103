package elastic

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/traceslo/traceslo/source"
)

// minuteMicros is a minute in the unit of spans.
const minuteMicros = 60_000_000

// longestCounted is how long an eligible span lasts at most, in microseconds:
// more than half of those that last longer end in another minute than they began in.
const longestCounted = 32_768_000

// steps are durations in microseconds: an eligible span began at least as long
// before the end of a minute as the first of them that it does not exceed.
var steps = func() (steps []int64) {
	for d := int64(8000); d <= longestCounted; d *= 2 {
		steps = append(steps, d)
	}
	return steps
}()

// countable returns the bounds of the fine buckets that eligible spans are in.
func countable(fine []uint64) (bounds []int64) {
	for _, upper := range fine {
		if upper <= longestCounted {
			bounds = append(bounds, int64(upper))
		}
	}
	return bounds
}

// within holds for numbers from..to, both included.
func within(field string, from, to int64) object {
	return object{"range": object{field: object{"gte": from, "lte": to}}}
}

// inTime holds for the spans of the minutes that last from..to and surely end
// in the minute in which they begin.
func (p plan) inTime(from, to int64) object {
	var began, late list
	for i := 0; i < len(p.minutes); {
		first := p.minutes[i]
		for i++; i < len(p.minutes) && p.minutes[i] == p.minutes[i-1]+1; i++ {
		}
		began = append(began, within("startTime", first*minuteMicros, (p.minutes[i-1]+1)*minuteMicros-1))
	}
	below := int64(-1)
	for _, step := range steps {
		if from <= step && to > below {
			var ends list
			for _, m := range p.minutes {
				ends = append(ends, within("startTime", (m+1)*minuteMicros-step, (m+1)*minuteMicros-1))
			}
			late = append(late, both(list{within("duration", below+1, step), either(ends)}, nil))
		}
		below = step
	}
	return both(list{within("duration", from, to), either(began)}, list{either(late)})
}

// eligible holds for the spans that are counted, if durations are counted up to top.
func (p plan) eligible(of *plain, bounds []int64) object {
	layouts := list{json.RawMessage(of.query)}
	if p.nested {
		for k := source.KindUnspecified + 1; k < source.Kinds; k++ {
			layouts = append(layouts, json.RawMessage(of.nested[k]))
		}
	}
	return both(list{p.inTime(0, bounds[len(bounds)-1]), either(layouts)}, nil)
}

// A band is one search of a window: the spans whose durations are in some
// buckets next to each other, and, of nested spans, of one kind.
type band struct {
	// first is the first of these buckets, bounds are theirs.
	first  int
	bounds []int64
	// kind is that of nested spans; others tell theirs, and it is KindUnspecified.
	kind source.Kind
}

// from is the shortest duration in the band.
func (b band) from(bounds []int64) int64 {
	if b.first == 0 {
		return 0
	}
	return bounds[b.first-1] + 1
}

// bands returns the searches that count a window.
func (p plan) bands(bounds []int64) (bands []band) {
	kinds := source.KindUnspecified + 1
	if p.nested {
		kinds = source.Kinds
	}
	for kind := range kinds {
		for first := 0; first < len(bounds); first += p.width {
			bands = append(bands, band{first, bounds[first:min(len(bounds), first+p.width)], kind})
		}
	}
	return bands
}

// The names of what is asked for and of what an answer's keys mean.
const (
	nameService   = "s"
	nameOperation = "o"
	nameKind      = "k"
	nameMinute    = "m"
	nameTag       = "t" // and the tag's place
	nameProcess   = "p" // and the tag's place
)

// sizeOf is how many buckets of the composite aggregation are asked for.
func (s *Source) sizeOf(b band) int {
	each := len(b.bounds)
	if s.options.Roots {
		each *= 2
	}
	return max(10, s.seams.mostBuckets/(each+1))
}

// appendBand appends a search of a window, header and body, to a request of many.
func (s *Source) appendBand(to []byte, k *walk, window source.Range, p plan, b band) []byte {
	of := k.plain.query
	if b.kind != source.KindUnspecified {
		of = k.plain.nested[b.kind]
	}
	terms := func(name, field string, missing bool) object {
		t := object{"field": field}
		if missing {
			t["missing_bucket"] = true
		}
		return object{name: object{"terms": t}}
	}
	sources := list{terms(nameService, "process.serviceName", false), terms(nameOperation, "operationName", false),
		object{nameMinute: object{"histogram": object{"field": "startTime", "interval": minuteMicros}}}}
	if b.kind == source.KindUnspecified {
		sources = append(sources, terms(nameKind, s.fieldOf("tag.", "span.kind"), true))
	}
	for i, tag := range s.options.Tags {
		sources = append(sources, terms(nameTag+strconv.Itoa(i), s.fieldOf("tag.", tag), true),
			terms(nameProcess+strconv.Itoa(i), s.fieldOf("process.tag.", tag), true))
	}
	from := b.from(s.bounds)
	var ranges list
	for low := from; len(ranges) < len(b.bounds); low = b.bounds[len(ranges)-1] + 1 {
		ranges = append(ranges, object{"from": low, "to": b.bounds[len(ranges)] + 1})
	}
	fine := object{"range": object{"field": "duration", "ranges": ranges}}
	if s.options.Roots {
		fine["aggs"] = object{"r": object{"filter": child()}}
	}
	return s.appendSearch(to, k, window, object{
		"size": 0, "track_total_hits": true,
		"query": both(list{numbers(window), p.inTime(from, b.bounds[len(b.bounds)-1]), json.RawMessage(of)}, nil),
		"aggs": object{"c": object{"composite": object{"size": s.sizeOf(b), "sources": sources},
			"aggs": object{"d": object{"sum": object{"field": "duration"}}, "f": fine}}},
	})
}

// numbers holds for the documents of a window.
func numbers(window source.Range) object {
	return object{"range": object{"_seq_no": object{"gt": window.After, "lte": window.Upto}}}
}

// appendSearch appends a search, header and body, to a request of many.
func (s *Source) appendSearch(to []byte, k *walk, window source.Range, body object) []byte {
	preference := fmt.Sprintf("_shards:%d", window.Shard)
	if k.primaryOnly {
		preference += "|_primary"
	}
	to = append(to, encode(object{"preference": preference, "allow_partial_search_results": false, "request_cache": false})...)
	to = append(to, '\n')
	to = append(to, encode(body)...)
	return append(to, '\n')
}

// appendLook appends a search that tells in which minutes the spans of a window
// began, and how many are nested.
func (s *Source) appendLook(to []byte, k *walk, window source.Range) []byte {
	var layouts list
	for kind := source.KindUnspecified + 1; kind < source.Kinds; kind++ {
		layouts = append(layouts, json.RawMessage(k.plain.nested[kind]))
	}
	nested := either(slices.Clone(layouts))
	return s.appendSearch(to, k, window, object{
		"size": 0, "track_total_hits": true,
		"query": both(list{numbers(window), either(append(layouts, json.RawMessage(k.plain.query)))}, nil),
		"aggs": object{
			"n": object{"filter": nested},
			"m": object{"histogram": object{"field": "startTime", "interval": minuteMicros, "min_doc_count": 1, "order": object{"_count": "desc"}}},
		},
	})
}
