package elastic

import (
	"encoding/json"
	"fmt"
	"math"
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
// before the end of a minute as the first of them that it does not exceed. Each
// step costs all spans a little, and the finer they are, the fewer spans are left
// over: of the short ones, which are many, hardly any are anyway.
var steps = func() (steps []int64) {
	factor := int64(4)
	for d := int64(8000); d <= longestCounted; d *= factor {
		if steps = append(steps, d); d >= 512_000 {
			factor = 2
		}
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

// below holds for numbers less than before.
func below(field string, before int64) object {
	return object{"range": object{field: object{"lt": before}}}
}

// above holds for numbers greater than after.
func above(field string, after int64) object {
	return object{"range": object{field: object{"gt": after}}}
}

// inTime holds for the spans of the minutes that last from..to and surely end
// in the minute in which they begin.
func (p plan) inTime(from, to int64) object {
	var began list
	for i := 0; i < len(p.minutes); {
		first := p.minutes[i]
		for i++; i < len(p.minutes) && p.minutes[i] == p.minutes[i-1]+1; i++ {
		}
		began = append(began, within("startTime", first*minuteMicros, (p.minutes[i-1]+1)*minuteMicros-1))
	}
	return both(list{within("duration", from, to), either(began)}, list{either(p.late(from, to))})
}

// late holds for the spans that last from..to and begin so late in a minute that they may end in another.
func (p plan) late(from, to int64) (late list) {
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
	return late
}

// outOfTime holds for the spans, of those with a start and a duration that is
// not negative, for which inTime(0, top) does not. It says what they are, for
// these are few, and queries that say what they are not have to look at all.
func (p plan) outOfTime(top int64) object {
	out := append(p.late(0, top), above("duration", top))
	next := int64(math.MinInt64)
	for _, m := range p.minutes {
		if m*minuteMicros > next {
			out = append(out, within("startTime", next, m*minuteMicros-1))
		}
		next = (m + 1) * minuteMicros
	}
	return either(append(out, above("startTime", next-1)))
}

// isInTime is inTime for one span.
func (p plan) isInTime(s *source.Span, top int64) bool {
	if s.Start < 0 || s.Duration > top || !slices.Contains(p.minutes, s.Start/minuteMicros) {
		return false
	}
	step, _ := slices.BinarySearch(steps, s.Duration)
	return s.Start%minuteMicros < minuteMicros-steps[step]
}

// nestedKinds holds for the nested spans that are counted, if any are.
func (p plan) nestedKinds(of *plain, top int64) (counted list) {
	if !p.nested {
		return nil
	}
	var kinds list
	for k := source.KindUnspecified + 1; k < source.Kinds; k++ {
		kinds = append(kinds, json.RawMessage(of.nested[k]))
	}
	return list{both(list{p.inTime(0, top), either(kinds)}, nil)}
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
	from, upto := b.from(s.bounds), b.bounds[len(b.bounds)-1]
	var elsewhere list
	if len(b.bounds) < len(s.bounds) {
		// A list of durations would be in several bands, and proven in each.
		elsewhere = list{below("duration", from), above("duration", upto)}
	}
	return s.appendSearch(to, k, window, object{
		"size": 0, "track_total_hits": true,
		"query": both(list{numbers(window), p.inTime(from, upto), json.RawMessage(of)}, elsewhere),
		"aggs":  json.RawMessage(s.aggregationsOf(b)),
	})
}

// aggregationsOf returns what is asked about the spans of a band. It is the same
// for each window, and takes longer to write than all the rest.
func (s *Source) aggregationsOf(b band) []byte {
	key := shape{b.first, len(b.bounds), s.sizeOf(b), b.kind != source.KindUnspecified}
	if known, ok := s.shapes.Load(key); ok {
		return known.([]byte)
	}
	made := s.newAggregations(b)
	s.shapes.Store(key, made)
	return made
}

// A shape is what the aggregations of a band depend on.
type shape struct {
	first, buckets, size int
	nested               bool
}

func (s *Source) newAggregations(b band) []byte {
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
	var ranges list
	for low := b.from(s.bounds); len(ranges) < len(b.bounds); low = b.bounds[len(ranges)-1] + 1 {
		ranges = append(ranges, object{"from": low, "to": b.bounds[len(ranges)] + 1})
	}
	fine := object{"range": object{"field": "duration", "ranges": ranges}}
	if s.options.Roots {
		fine["aggs"] = object{"r": object{"filter": child()}}
	}
	return encode(object{"c": object{
		"composite": object{"size": s.sizeOf(b), "sources": sources},
		"aggs":      object{"d": object{"sum": object{"field": "duration"}}, "f": fine},
	}})
}

// appendTotal appends the search that tells how many spans a window has.
func (s *Source) appendTotal(to []byte, k *walk, window source.Range) []byte {
	return s.appendSearch(to, k, window, object{"size": 0, "track_total_hits": true, "query": numbers(window)})
}

// rows asks for the spans of a window that are not counted although doc values
// tell all of them, and for examples of those that are: the newest, and those
// that last p.slow and longer.
func (s *Source) rows(k *walk, window source.Range, p plan) query {
	which := append(p.examples(window), p.outOfTime(s.top()))
	return query{
		Range: window, primaryOnly: k.primaryOnly, size: mostRows, sort: s.restSort,
		only: encode(either(list{json.RawMessage(k.failed()), both(list{json.RawMessage(k.plain.query), either(which)}, nil)})),
	}
}

// examples holds for the newest spans of a window, and for those that last long, be they counted or not.
func (p plan) examples(window source.Range) list {
	newest := min(max((window.Upto-window.After)/exampleOf, leastExamples), mostExamples)
	some := list{within("_seq_no", window.Upto-newest+1, window.Upto)}
	if p.slow > 0 {
		some = append(some, above("duration", p.slow-1))
	}
	return some
}

// failed holds for the failed spans that come as rows.
func (k *walk) failed() []byte {
	if k.form.logs.Load() {
		return k.plain.failed
	}
	return k.plain.typed
}

// rest asks for the spans of a window that are neither counted nor among the rows, n of them.
func (s *Source) rest(k *walk, window source.Range, p plan, n int) query {
	told := append(p.nestedKinds(k.plain, s.top()), json.RawMessage(k.plain.query), json.RawMessage(k.failed()))
	// One more would tell that there are more.
	return query{Range: window, primaryOnly: k.primaryOnly, size: n + 1, only: encode(both(nil, told))}
}

// top is the longest duration that is counted.
func (s *Source) top() int64 { return s.bounds[len(s.bounds)-1] }

// numbers holds for the documents of a window, but for those that ended too long ago.
func numbers(window source.Range) object {
	in := object{"range": object{"_seq_no": object{"gt": window.After, "lte": window.Upto}}}
	if window.EndedSince.IsZero() {
		return in
	}
	return both(list{in, endedSince(window.EndedSince)}, nil)
}

// appendSearch appends a search, header and body, to a request of many.
func (s *Source) appendSearch(to []byte, k *walk, window source.Range, body object) []byte {
	to = append(to, s.head(k, window)...)
	to = append(to, encode(body)...)
	return append(to, '\n')
}

// head returns the header of a search in a request of many.
func (s *Source) head(k *walk, window source.Range) []byte {
	preference := fmt.Sprintf("_shards:%d", window.Shard)
	if k.primaryOnly {
		preference += "|_primary"
	}
	return append(encode(object{"preference": preference, "allow_partial_search_results": false, "request_cache": false}), '\n')
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
