package jaeger_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// doc returns a document with all its members, one of them as given.
func doc(key, value string) string {
	members := []string{"traceID", `"1"`, "spanID", `"2"`, "operationName", `"op"`, "startTime", "3", "duration", "4",
		"process", `{"serviceName":"s"}`, "tags", `[{"key":"video.id","type":"string","value":"v"}]`}
	var b strings.Builder
	found := false
	for i := 0; i < len(members); i += 2 {
		v := members[i+1]
		if members[i] == key {
			v, found = value, true
		}
		if v != "" {
			b.WriteString(`,"` + members[i] + `":` + v)
		}
	}
	if !found {
		b.WriteString(`,"` + key + `":` + value)
	}
	return "{" + b.String()[1:] + "}"
}

// hostile are documents that nobody wishes for. An empty reason is a span; see
// then what it is.
var hostile = []struct {
	name, doc, reason string
	see               func(s *source.Span) (got, want any)
}{
	{name: "empty", doc: "", reason: "json"},
	{name: "null", doc: "null", reason: "json"},
	{name: "a list", doc: "[" + doc("x", "1") + "]", reason: "json"},
	{name: "no members", doc: "{}", reason: "trace_id"},
	{name: "two documents", doc: doc("x", "1") + doc("x", "1"), reason: "json"},
	{name: "a comma too many", doc: strings.Replace(doc("x", "1"), "}", ",}", 1), reason: "json"},
	{name: "a key without quotes", doc: "{traceID:1}", reason: "json"},
	{name: "space all over", doc: " \n\t\r" + doc("x", "1") + "\r\n", see: func(s *source.Span) (any, any) { return s.Duration, int64(4) }},
	{name: "no trace id", doc: doc("traceID", ""), reason: "trace_id"},
	{name: "a trace id of null", doc: doc("traceID", "null"), reason: "trace_id"},
	{name: "a trace id that is a number", doc: doc("traceID", "1"), reason: "trace_id"},
	{name: "an empty trace id", doc: doc("traceID", `""`), reason: "trace_id"},
	{name: "33 digits", doc: doc("traceID", `"`+strings.Repeat("0", 33)+`"`), reason: "trace_id"},
	{name: "not hexadecimal", doc: doc("traceID", `"00g0"`), reason: "trace_id"},
	{name: "a trace id in a list", doc: doc("traceID", `["1"]`), reason: "trace_id"},
	{name: "32 digits in capitals", doc: doc("traceID", `"ABCDEF00000000000000000000000001"`), see: func(s *source.Span) (any, any) {
		return s.TraceID, source.TraceID{0xab, 0xcd, 0xef, 15: 1}
	}},
	{name: "leading zeros left out", doc: doc("traceID", `"102"`), see: func(s *source.Span) (any, any) { return s.TraceID, source.TraceID{14: 1, 15: 2} }},
	{name: "a span id of 17 digits", doc: doc("spanID", `"00000000000000001"`), reason: "span_id"},
	{name: "a span id of null", doc: doc("spanID", "null"), reason: "span_id"},
	{name: "no process", doc: doc("process", ""), reason: "service"},
	{name: "a process of null", doc: doc("process", "null"), reason: "service"},
	{name: "a list of processes", doc: doc("process", `[{"serviceName":"s"}]`), reason: "service"},
	{name: "an empty service", doc: doc("process", `{"serviceName":""}`), reason: "service"},
	{name: "a service that is a number", doc: doc("process", `{"serviceName":7}`), reason: "service"},
	{name: "the second process counts, and has no service", doc: doc("process", `{"serviceName":"s"},"process":{}`), reason: "service"},
	{name: "a service of 64 KiB", doc: doc("process", `{"serviceName":"`+strings.Repeat("s", 1<<16)+`"}`), see: func(s *source.Span) (any, any) {
		return s.Service, strings.Repeat("s", 256)
	}},
	{name: "no operation", doc: doc("operationName", ""), see: func(s *source.Span) (any, any) { return s.Operation, "_empty" }},
	{name: "an empty operation", doc: doc("operationName", `""`), see: func(s *source.Span) (any, any) { return s.Operation, "_empty" }},
	{name: "an operation of null", doc: doc("operationName", "null"), see: func(s *source.Span) (any, any) { return s.Operation, "_empty" }},
	{name: "an operation that is an object", doc: doc("operationName", "{}"), reason: "operation"},
	{name: "an operation that is a number", doc: doc("operationName", "1e3"), reason: "operation"},
	{name: "an operation of 64 KiB", doc: doc("operationName", `"`+strings.Repeat("x", 1<<16)+`"`), see: func(s *source.Span) (any, any) {
		return s.Operation, strings.Repeat("x", 256)
	}},
	{name: "an operation cut at a character, not in one", doc: doc("operationName", `"`+strings.Repeat("x", 255)+strings.Repeat("日本", 99)+`"`), see: func(s *source.Span) (any, any) {
		return s.Operation, strings.Repeat("x", 255) + "日"
	}},
	{name: "an operation of 256 escapes and more", doc: doc("operationName", `"`+strings.Repeat(`\u00e9`, 300)+`"`), see: func(s *source.Span) (any, any) {
		return s.Operation, strings.Repeat("é", 256)
	}},
	{name: "an operation that is no UTF-8", doc: doc("operationName", "\"a\xff\xc3\x28\xed\xa0\x80b\""), see: func(s *source.Span) (any, any) {
		return s.Operation, "a\ufffd\ufffd(\ufffd\ufffd\ufffdb"
	}},
	{name: "an operation with half a surrogate pair", doc: doc("operationName", `"\ud83d\ude00 \ud83d \ude00 \ud83d\u0041"`), see: func(s *source.Span) (any, any) {
		return s.Operation, "😀 \ufffd \ufffd \ufffdA"
	}},
	{name: "an operation with lines, quotes and markup", doc: doc("operationName", `"a\nb\"} 1\u2028</script>\u0000\\"`), see: func(s *source.Span) (any, any) {
		return s.Operation, "a\nb\"} 1\u2028</script>\x00\\"
	}},
	{name: "an operation with a raw line end", doc: doc("operationName", "\"a\nb\""), reason: "json"},
	{name: "an operation with an escape that is none", doc: doc("operationName", `"\x41"`), reason: "json"},
	{name: "an operation with half an escape", doc: doc("operationName", `"\u00"`), reason: "json"},
	{name: "no start", doc: doc("startTime", ""), reason: "start_time"},
	{name: "a start of null", doc: doc("startTime", "null"), reason: "start_time"},
	{name: "a start before 1970", doc: doc("startTime", "-5"), see: func(s *source.Span) (any, any) { return s.Start, int64(-5) }},
	{name: "the last microsecond", doc: doc("startTime", "9223372036854775807"), see: func(s *source.Span) (any, any) { return s.Start, int64(1<<63 - 1) }},
	{name: "the first microsecond", doc: doc("startTime", "-9223372036854775808"), see: func(s *source.Span) (any, any) { return s.Start, int64(-1 << 63) }},
	{name: "a microsecond too early", doc: doc("startTime", "-9223372036854775809"), reason: "start_time"},
	{name: "a date", doc: doc("startTime", `"2026-01-01"`), reason: "start_time"},
	{name: "digits in a string", doc: doc("startTime", `"1795364300935784"`), see: func(s *source.Span) (any, any) { return s.Start, int64(1795364300935784) }},
	{name: "twenty digits in a string", doc: doc("startTime", `"00000000000000000001"`), reason: "start_time"},
	{name: "true", doc: doc("startTime", "true"), reason: "start_time"},
	{name: "no duration", doc: doc("duration", ""), reason: "duration"},
	{name: "a negative duration", doc: doc("duration", "-1"), reason: "duration"},
	{name: "a negative duration that was wrapped", doc: doc("duration", "18446744073709551615"), reason: "duration"},
	{name: "2^63 µs", doc: doc("duration", "9223372036854775808"), reason: "duration"},
	{name: "half a microsecond", doc: doc("duration", "1.5"), reason: "duration"},
	{name: "an integer with an exponent", doc: doc("duration", "1.5e3"), see: func(s *source.Span) (any, any) { return s.Duration, int64(1500) }},
	{name: "an integer with a fraction of zeros", doc: doc("duration", "15.00E+0"), see: func(s *source.Span) (any, any) { return s.Duration, int64(15) }},
	{name: "an integer with a negative exponent", doc: doc("duration", "1200e-2"), see: func(s *source.Span) (any, any) { return s.Duration, int64(12) }},
	{name: "an exponent without end", doc: doc("duration", "1e99999999999999999999"), reason: "duration"},
	{name: "zero with an exponent without end", doc: doc("duration", "0e99999999999999999999"), see: func(s *source.Span) (any, any) { return s.Duration, int64(0) }},
	{name: "minus zero", doc: doc("duration", "-0"), see: func(s *source.Span) (any, any) { return s.Duration, int64(0) }},
	{name: "a leading zero", doc: doc("duration", "01"), reason: "json"},
	{name: "a number that ends in its point", doc: doc("duration", "1."), reason: "json"},
	{name: "not a number", doc: doc("duration", "NaN"), reason: "json"},
	{name: "a list of tags that is text", doc: doc("tags", `"tags"`), see: func(s *source.Span) (any, any) { return s.Tags[0], "" }},
	{name: "a list of tags that holds anything", doc: doc("tags", `[null,1,"x",[{"key":"video.id","value":"w"}],{},{"key":7,"value":8},{"key":"video.id"},{"value":1}]`), see: func(s *source.Span) (any, any) {
		return s.Tags[0], ""
	}},
	{name: "a tag that is a list", doc: doc("tags", `[{"key":"video.id","value":["v"]}]`), see: func(s *source.Span) (any, any) { return s.Tags[0], "" }},
	{name: "a tag that is a number", doc: doc("tags", `[{"key":"video.id","value":1.50e1}]`), see: func(s *source.Span) (any, any) { return s.Tags[0], "1.50e1" }},
	{name: "a tag that is no number", doc: doc("tags", `[{"key":"video.id","value":0x7}]`), reason: "json"},
	{name: "a tag of 64 KiB", doc: doc("tags", `[{"key":"video.id","value":"`+strings.Repeat("日", 1<<15)+`"}]`), see: func(s *source.Span) (any, any) {
		return s.Tags[0], strings.Repeat("日", 256)
	}},
	{name: "an elevated tag that is null leaves the one in the list", doc: doc("tag", `{"video@id":null}`), see: func(s *source.Span) (any, any) { return s.Tags[0], "v" }},
	{name: "elevated tags that are a list", doc: doc("tag", `[{"video@id":"w"}]`), see: func(s *source.Span) (any, any) { return s.Tags[0], "v" }},
	{name: "error of a process", doc: doc("process", `{"serviceName":"s","tags":[{"key":"error","value":true}],"tag":{"error":true}}`), see: func(s *source.Span) (any, any) {
		return s.Failed, false
	}},
	{name: "null everywhere", doc: doc("tag", `null,"references":null,"logs":null,"flags":null,"parentSpanID":null`), see: func(s *source.Span) (any, any) { return s.Root, true }},
	{name: "references and logs that are text", doc: doc("tag", `{"error":true},"references":"CHILD_OF","logs":"boom"`), see: func(s *source.Span) (any, any) { return s.ErrorType, "unknown" }},
	{name: "nesting without end", doc: doc("logs", strings.Repeat(`[{"fields":`, 1<<18)+"1"+strings.Repeat("}]", 1<<18)), see: func(s *source.Span) (any, any) { return s.Service, "s" }},
	{name: "nesting without end in a tag", doc: doc("tags", strings.Repeat(`[{"key":"a","type":"b","value":`, 1<<18)+"1"+strings.Repeat("}]", 1<<18)), see: func(s *source.Span) (any, any) { return s.Service, "s" }},
	{name: "brackets that are never closed", doc: strings.Repeat(`{"process":`, 1<<18), reason: "json"},
}

func TestHostileDocuments(t *testing.T) {
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			var s source.Span
			d := jaeger.NewDecoder([]string{"video.id"}, "")
			reason := d.Decode([]byte(tt.doc), &s)
			if reason != tt.reason {
				t.Fatalf("got reason %q, want %q", reason, tt.reason)
			}
			if tt.see != nil {
				got, want := tt.see(&s)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
}

// Whatever is cut off a document, it is not taken for a span.
func TestCutOffDocuments(t *testing.T) {
	for _, doc := range documents(t, "hotrod-v2")[1:4] {
		d := jaeger.NewDecoder([]string{"host.name"}, "")
		var s source.Span
		for i := range doc {
			if reason := d.Decode(doc[:i:i], &s); reason != jaeger.ReasonJSON {
				t.Fatalf("got reason %q for %s", reason, doc[:i])
			}
		}
	}
}

// A flipped byte never makes a span that breaks the promises of source.Span.
func TestFlippedBytes(t *testing.T) {
	d := jaeger.NewDecoder([]string{"host.name"}, "")
	for _, layout := range []jaeger.Layout{jaeger.Nested, jaeger.Elevated} {
		doc := jaeger.AppendDocument(nil, &failed, layout)
		for i := range doc {
			for _, c := range []byte{'"', '\\', '{', ']', ',', 0, 0xff} {
				bad := bytes.Clone(doc)
				bad[i] = c
				d.Reset()
				var s source.Span
				if reason := d.Decode(bad, &s); reason == "" {
					checkSpan(t, &s)
				}
			}
		}
	}
}

// Spans stay what they are while the arena grows under those that follow.
func TestSpansOutliveTheNext(t *testing.T) {
	d := jaeger.NewDecoder([]string{"video.id"}, "")
	spans := make([]source.Span, 500)
	for round := range 2 {
		d.Reset()
		for i := range spans {
			name := strings.Repeat("é", 1+i%200)
			if reason := d.Decode([]byte(doc("tags", `[{"key":"video.id","value":"`+name+`"}]`)), &spans[i]); reason != "" {
				t.Fatal(reason)
			}
		}
		for i := range spans {
			if got := utf8.RuneCountInString(spans[i].Tags[0]); got != 1+i%200 {
				t.Fatalf("round %d: span %d has %d characters, want %d", round, i, got, 1+i%200)
			}
		}
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	docs := documents(t, "hotrod-v1")
	d := jaeger.NewDecoder([]string{"deployment.environment", "host.name"}, "")
	var s source.Span
	decode := func() {
		d.Reset()
		for _, doc := range docs {
			d.Decode(doc, &s)
		}
	}
	decode()
	if n := testing.AllocsPerRun(5, decode); n > 0 {
		t.Errorf("got %v allocations in %d spans, want none", n, len(docs))
	}
}
