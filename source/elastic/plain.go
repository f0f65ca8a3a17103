package elastic

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// A plain tells by queries which documents are plain: those of which doc values
// tell all that counting needs, so that nobody need read what they say. Its
// queries are JSON, to be appended to a search in a filter's place.
//
// A plain document has a doc value in each of traceID, spanID, operationName,
// process.serviceName, startTime and duration, the service not empty and the
// duration not negative. (A name of more than 256 UTF-16 units has none, as the
// mapping ignores it.) It surely did not fail: no error but false, no
// otel.status_code but OK and UNSET, neither as a field nor in the list of tags.
// Its kind is in the field tag.span@kind or nowhere. Each of the tags that the
// reader was asked for has its value in tag.<name>, else in process.tag.<name>,
// where "" is a value too, or the document lacks it: none is in a list, none is
// too long for a doc value. (OpenSearch, and Elasticsearch before 7.14, keep no
// note of values that are too long: there the document has each of them in tag.<name>.)
// With roots, it has a parentSpanID that is not zero, or no references at all.
//
// A failed one that is plain in all but that is known by queries too, for those
// that count; see failed.
//
// What jaeger.Decoder makes of a document is the truth, and doc values tell the
// same of whatever Jaeger writes. They would deceive in what it does not:
//
//   - A list in the place of a value: the Decoder takes it for none, the index
//     for its values, of which a sort value is the least. None is both plain and
//     failed, or it would be counted twice.
//   - A number in the place of an id or a name, a fraction in the place of an
//     integer, a service or names in a list of processes: the index takes them,
//     the Decoder refuses them.
//   - An HTTP or gRPC status with a fraction or an exponent, though it is an integer.
//   - Members whose own names hold dots ("process.serviceName": …).
//   - A kind of more than 256 characters as a field and another one in the list,
//     where no note is kept of values that are too long.
//   - A parentSpanID of more than 32 characters, all of them 0, beside references.
//   - An index that has another mapping than Jaeger's. Where it lacks the nested
//     lists or what is in them, it is read whole (askLists); where a name is no
//     keyword, the cluster refuses to give its doc value, or gives one of another
//     form. A smaller ignore_above is not noticed.
//
// The doc value of an empty operationName is "", which the Decoder calls jaeger.EmptyOperation.
type plain struct {
	// query holds for the plain documents, other for all else.
	query, other []byte
	// nested holds for documents that are plain but for their kind, which is k
	// and in the list of tags alone, as Jaeger wrote it before v2.8. There is
	// none for source.KindUnspecified. No document is plain and nested, or nested twice.
	nested [source.Kinds][]byte
	// failed holds for documents that are plain but for that they failed, of
	// which doc values tell the type of error too, and typed for those of them
	// that do so by error.type. None of them is plain or nested.
	failed, typed []byte
	// rest holds for all that is neither plain nor nested.
	rest []byte
}

// object and list are JSON to be.
type (
	object map[string]any
	list   []any
)

// maxIndexed is the length of the longest string that Jaeger's mapping
// indexes, in UTF-16 units (its ignore_above).
const maxIndexed = 256

// newPlain returns the queries for a reader that wants the values of tags and,
// with roots, whether a span has a parent; noted holds if the index keeps note
// in _ignored of values that are too long to be indexed.
func newPlain(tags []string, dotReplacement string, roots, noted bool) plain {
	field := func(place, name string) string {
		return place + strings.ReplaceAll(name, ".", dotReplacement)
	}
	var must list
	for _, name := range []string{"traceID", "spanID", "operationName", "process.serviceName", "startTime"} {
		must = append(must, exists(name))
	}
	must = append(must, object{"range": object{"duration": object{"gte": 0}}})

	alike := list{term("process.serviceName", "")}
	if len(tags) > 0 {
		var ignored []string
		for _, tag := range tags {
			ignored = append(ignored, field("tag.", tag), field("process.tag.", tag))
			if !noted {
				must = append(must, exists(field("tag.", tag)))
			}
			if len(utf16.Encode([]rune(tag))) > maxIndexed {
				// Nobody can tell which lists hold such a key.
				alike = append(alike, object{"match_all": object{}})
			}
		}
		alike = append(alike, terms("_ignored", ignored), inList("process.tags", terms("process.tags.key", tags)))
	}
	if roots {
		alike = append(alike, but(inList("references", object{"match_all": object{}}), child()))
	}

	// A list of values may have what is harmless and what is not.
	mustNot, listed := append(slices.Clone(alike), surelyFailed(field)), list{}
	for _, o := range outcomes {
		name := field("tag.", o.tag)
		mustNot = append(mustNot, but(exists(name), terms(name, o.harmless)))
		listed = append(listed, but(term("tags.key", o.tag), terms("tags.value", o.harmless)))
	}
	if len(tags) > 0 {
		listed = append(listed, terms("tags.key", tags))
	}
	mustNot = append(mustNot, inList("tags", either(listed)))

	kind := field("tag.", "span.kind")
	kindListed := inList("tags", term("tags.key", "span.kind"))
	p := plain{query: encode(both(must, slices.Concat(mustNot, list{kindListed})))}
	p.other = encode(both(nil, list{json.RawMessage(p.query)}))
	alike = append(alike, inList("tags", terms("tags.key", append([]string{"span.kind"}, tags...))))
	p.failed = encode(both(append(slices.Clone(must), failed(field, noted)), alike))
	p.typed = encode(both(append(slices.Clone(must), failed(field, false)), alike))
	kinds := list{both(nil, list{kindListed})}
	for k := source.KindUnspecified + 1; k < source.Kinds; k++ {
		value := term("tags.value", k.String())
		is := inList("tags", both(list{term("tags.key", "span.kind"), value}, nil))
		isNot := list{exists(kind), term("_ignored", kind), inList("tags", but(term("tags.key", "span.kind"), value))}
		p.nested[k] = encode(both(slices.Concat(must, list{is}), slices.Concat(mustNot, isNot)))
		kinds = append(kinds, both(list{is}, isNot))
	}
	p.rest = encode(both(nil, list{both(append(must, either(kinds)), mustNot)}))
	return p
}

// failed holds for documents that surely failed, by a field, if doc values tell
// their type of error: the field of error.type does, or else, with status, the
// fields of the other jaeger.ErrorTags, if none of these is in the list of tags
// and no log names an exception. That needs an index that keeps note of values
// that are too long, as an error.type may be.
func failed(field func(place, name string) string, status bool) object {
	of := jaeger.ErrorTags()
	name := field("tag.", of[0])
	tells := list{but(exists(name), term(name, ""))}
	if status {
		tells = append(tells, both(nil, list{term("_ignored", name), inList("tags", terms("tags.key", of)), inList("logs.fields", term("logs.fields.key", jaeger.ExceptionType))}))
	}
	var does list
	for _, o := range outcomes {
		f := field("tag.", o.tag)
		does = append(does, but(term(f, o.failed), terms(f, o.harmless)))
	}
	return both(list{either(does), either(tells)}, nil)
}

// surelyFailed holds for documents that failed by a field, or by one of the values in it.
func surelyFailed(field func(place, name string) string) object {
	var does list
	for _, o := range outcomes {
		does = append(does, term(field("tag.", o.tag), o.failed))
	}
	return either(does)
}

// failedAsListed holds for objects of the list of tags that tell that a document failed.
func failedAsListed() object {
	var does list
	for _, o := range outcomes {
		does = append(does, both(list{term("tags.key", o.tag), term("tags.value", o.failed)}, nil))
	}
	return either(does)
}

// outcomes are the tags that tell whether a span failed: by which value it did,
// and by which ones it surely did not.
var outcomes = []struct {
	tag, failed string
	harmless    []string
}{{"error", "true", []string{"false"}}, {"otel.status_code", "ERROR", []string{"OK", "UNSET"}}}

// child holds for documents that have a parent by their parentSpanID.
func child() object {
	var zeros []string
	for n := range 33 {
		zeros = append(zeros, strings.Repeat("0", n))
	}
	return but(exists("parentSpanID"), terms("parentSpanID", zeros))
}

func exists(field string) object { return object{"exists": object{"field": field}} }

func term(field, value string) object { return object{"term": object{field: value}} }

func terms(field string, values []string) object { return object{"terms": object{field: values}} }

// inList holds for documents that have an object in the nested list at path for
// which q holds.
func inList(path string, q object) object {
	return object{"nested": object{"path": path, "query": q}}
}

// either holds where one of the queries does.
func either(queries list) object {
	return object{"bool": object{"should": queries, "minimum_should_match": 1}}
}

// both holds where all of must and none of mustNot do.
func both(must, mustNot list) object {
	clauses := object{}
	if len(must) > 0 {
		clauses["filter"] = must
	}
	if len(mustNot) > 0 {
		clauses["must_not"] = mustNot
	}
	return object{"bool": clauses}
}

// but holds where q does and not does not.
func but(q, not object) object { return both(list{q}, list{not}) }

func encode(q any) []byte {
	b, err := json.Marshal(q)
	if err != nil {
		// Strings, lists and maps of them always have a JSON form.
		panic(err)
	}
	return b
}

// plainOf returns the queries for an index that was surveyed.
func (s *Source) plainOf(uuid string) *plain {
	if s.catalogue.byUUID[uuid].noted {
		return &s.plainNoted
	}
	return &s.plain
}
