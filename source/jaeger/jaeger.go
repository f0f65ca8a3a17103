// Package jaeger reads and writes spans in the form in which Jaeger stores them
// in Elasticsearch and OpenSearch: one JSON document a span.
//
// A Decoder turns a document, or a whole search answer, into spans. It
// understands what Jaeger v1 and v2 have written over the years: tags in a list
// or elevated to fields, typed values or strings, parents in references or in a
// field of their own. AppendDocument writes such documents, and Template the
// index template that Jaeger installs for them; they serve tests and demos.
//
// The package is the form and nothing else. source/elastic brings the answers,
// source/spanfile the files, source/footanalytics invents the spans; judging
// and counting is left to sli.
//
// # Why a scanner of our own
//
// Reading spans is where the daemon's time goes, and most of a document is
// never looked at. Measured on recorded documents such as those in testdata
// (about 1.6 KB a span with its logs), CPU time of one thread on a shared
// machine, in nanoseconds a byte:
//
//	encoding/json into a tree  21
//	fastjson                   1.6 a document at a time, 1.9 to 3.0 a page at a time, for the size of its tree
//	jsontext                   1.9, token by token
//	this package               1.0, a document or a page at a time
//
// The two libraries did less than this package does: they only picked the ids,
// times, tags and references. Until it is counted and committed, a byte may
// cost 3. Decoding alone, both keep within that here; an earlier measurement of
// a page gave them 3.6 and 3.4, which does not. The scanner is there for the
// room that it leaves; it is scan.go, and a fuzz test holds it to encoding/json.
package jaeger

// The reasons for which a document is not understood.
const (
	// ReasonJSON: the document is not a JSON object, or broken where it is read.
	ReasonJSON = "json"
	// ReasonSource: the hit carries no _source.
	ReasonSource = "source"
	// ReasonTraceID: traceID is not a string of 1 to 32 hexadecimal digits.
	ReasonTraceID = "trace_id"
	// ReasonSpanID: spanID is not a string of 1 to 16 hexadecimal digits.
	ReasonSpanID = "span_id"
	// ReasonService: process.serviceName is not a string, or empty.
	ReasonService = "service"
	// ReasonOperation: operationName is neither a string nor null.
	ReasonOperation = "operation"
	// ReasonStartTime: startTime is not an integer of 64 bits.
	ReasonStartTime = "start_time"
	// ReasonDuration: duration is not an integer from 0 to 2^63-1.
	ReasonDuration = "duration"
)

// Reasons lists every reason, so that metrics can start them at zero.
var Reasons = []string{
	ReasonJSON, ReasonSource, ReasonTraceID, ReasonSpanID, ReasonService, ReasonOperation, ReasonStartTime, ReasonDuration,
}

// EmptyOperation is the operation of a span whose operationName is empty, null
// or missing: an empty label would be no label to Prometheus.
const EmptyOperation = "_empty"
