package jaeger_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/golden"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

func TestRecordedDocuments(t *testing.T) {
	for _, name := range []string{"hotrod-v1", "hotrod-v2"} {
		t.Run(name, func(t *testing.T) {
			d := jaeger.NewDecoder([]string{"host.name", "telemetry.sdk.version"}, "")
			counts := map[string]int{}
			for _, doc := range documents(t, name) {
				var s source.Span
				if reason := d.Decode(doc, &s); reason != "" {
					t.Fatalf("%s: %s", reason, doc)
				}
				counts[fmt.Sprintf("%s %q %s root=%t failed=%t %q %s %s",
					s.Service, s.Operation, s.Kind, s.Root, s.Failed, s.ErrorType, s.Tags[0], s.Tags[1])]++
			}
			var got strings.Builder
			for _, line := range slices.Sorted(maps.Keys(counts)) {
				fmt.Fprintf(&got, "%4d %s\n", counts[line], line)
			}
			golden.Check(t, filepath.Join("testdata", name+".golden"), []byte(got.String()))
		})
	}
}

// The two layouts, and the versions between them, tell the same of one span.
func TestLayouts(t *testing.T) {
	const head = `{"traceID":"5b8efff798038103d269b633813fc60c","spanID":"eee19b7ec3c1b174","operationName":"GET /dispatch",` +
		`"startTime":1767225599900000,"duration":1250000,"process":{"serviceName":"frontend","tags":[{"key":"host.name","type":"string","value":"n1"}]},`
	tests := []struct{ name, doc string }{
		{"all tags in a list", `"tags":[{"key":"error","type":"bool","value":true},{"key":"span.kind","type":"string","value":"server"},
			{"key":"error.type","type":"string","value":"timeout"},{"key":"shard","type":"int64","value":7}]`},
		{"all values as strings", `"tags":[{"key":"error","type":"bool","value":"true"},{"key":"span.kind","type":"string","value":"server"},
			{"key":"error.type","type":"string","value":"timeout"},{"key":"shard","type":"int64","value":"7"}]`},
		{"kind and error elevated", `"tag":{"span@kind":"server","error":true},
			"tags":[{"key":"error.type","type":"string","value":"timeout"},{"key":"shard","type":"int64","value":7}]`},
		{"all tags elevated, as strings", `"tags":null,"tag":{"span@kind":"server","error":"true","error@type":"timeout","shard":"7"}`},
		{"members in another order, with space", `"tags": [ { "value" : 7 , "type":"int64", "key" : "shard" },
			{"value":"timeout","key":"error.type"}, {"type":"bool", "value":true,"key":"error"} ] , "tag" : { "span@kind" : "server" }`},
		{"keys with escapes", `"tag":{"span\u0040kind":"\u0073erver","err\u006fr":true,"error@type":"time\u006fut"},"tags":[{"key":"sh\u0061rd","type":"x","value":7}]`},
		{"one object for a list of one", `"tag":{"span@kind":"server","error":true,"error@type":"timeout"},"tags":{"key":"shard","value":7}`},
		{"status of OpenTelemetry", `"tag":{"span@kind":"server","otel@status_code":"ERROR","error@type":"timeout","shard":7}`},
		{"the field before the list", `"tag":{"span@kind":"server","error@type":"timeout","shard":7},
			"tags":[{"key":"error","value":true},{"key":"shard","value":8},{"key":"error.type","value":"other"},{"key":"span.kind","value":"client"}]`},
		{"the last of two in a list, but error if any", `"tags":[{"key":"error","value":true},{"key":"error","value":false},{"key":"shard","value":8},
			{"key":"shard","value":7},{"key":"span.kind","value":"client"},{"key":"span.kind","value":"server"},{"key":"error.type","value":"timeout"}]`},
		{"the last of two keys", `"tags":[{"key":"host.name","value":"n2"}],"tag":{"error":true,"shard":8},
			"tags":[{"key":"shard","value":7},{"key":"error","value":true}],"tag":{"span@kind":"client","span@kind":"server","error@type":"timeout"}`},
		{"tags of the process", `"tag":{"span@kind":"server","error":true,"error@type":"timeout"},
			"process":{"serviceName":"frontend","tag":{"host@name":"n1","error@type":"x"},"tags":[{"key":"shard","value":7},{"key":"host.name","value":"n3"}]}`},
	}
	want := source.Span{
		TraceID: source.TraceID{0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03, 0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6, 0x0c},
		SpanID:  0xeee19b7ec3c1b174, Service: "frontend", Operation: "GET /dispatch", Kind: source.KindServer, Failed: true,
		ErrorType: "timeout", Root: true, Start: 1767225599900000, Duration: 1250000, Tags: []string{"n1", "7", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := []byte(head + tt.doc + "}")
			if !json.Valid(doc) {
				t.Fatalf("the test is wrong: %s", doc)
			}
			var got source.Span
			if reason := jaeger.NewDecoder([]string{"host.name", "shard", "none"}, "").Decode(doc, &got); reason != "" {
				t.Fatal(reason)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDotReplacement(t *testing.T) {
	doc := document(`"tag":{"span:kind":"consumer","span@kind":"client","error":false}`)
	var got source.Span
	if reason := jaeger.NewDecoder(nil, ":").Decode(doc, &got); reason != "" || got.Kind != source.KindConsumer || got.Failed || got.Tags != nil {
		t.Errorf("got %q, %+v", reason, got)
	}
}

func TestErrorType(t *testing.T) {
	const event = `{"key":"event","value":"exception"}`
	tests := []struct{ name, doc, want string }{
		{"none", `"tag":{"error":true}`, "unknown"},
		{"not of a span that did not fail", `"tag":{"error":false,"error@type":"x","http@status_code":503}`, ""},
		{"a 404 is no failure", `"tag":{"http@status_code":404}`, ""},
		{"error that is a text is no failure", `"tags":[{"key":"error","value":"redis timeout"}]`, ""},
		{"error.type before all", `"tag":{"error":true,"error@type":"io","http@status_code":503},"logs":[{"fields":[` + event + `,{"key":"exception.type","value":"T"}]}]`, "io"},
		{"a number", `"tag":{"error":true,"error@type":500}`, "500"},
		{"an empty error.type is none", `"tag":{"error":true,"error@type":"","http@status_code":503}`, "503"},
		{"the first exception that names its type", `"tag":{"error":true,"http@status_code":503},"logs":[{"fields":[{"key":"event","value":"exception"}]},
			{"fields":[{"key":"exception.type","value":"A"}]},{"fields":[{"key":"exception.type","value":"B"},` + event + `]},
			{"fields":[` + event + `,{"key":"exception.type","value":"C"}]}]`, "B"},
		{"one log and one field for lists of one", `"tag":{"error":true},"logs":{"fields":` + event + `}`, "unknown"},
		{"no logs", `"tag":{"error":true},"logs":null`, "unknown"},
		{"the new name of the HTTP status first", `"tag":{"error":true,"http@status_code":503,"http@response@status_code":"500"}`, "500"},
		{"a status below 400 tells nothing", `"tag":{"error":true,"http@status_code":503,"http@response@status_code":399}`, "503"},
		{"a status that is not a number", `"tag":{"error":true,"http@response@status_code":"5xx","rpc@grpc@status_code":13}`, "INTERNAL"},
		{"gRPC", `"tags":[{"key":"error","value":true},{"key":"rpc.grpc.status_code","type":"int64","value":14}]`, "UNAVAILABLE"},
		{"gRPC as text", `"tags":[{"key":"error","value":true},{"key":"rpc.grpc.status_code","type":"int64","value":"16"}]`, "UNAUTHENTICATED"},
		{"no gRPC code", `"tag":{"error":true,"rpc@grpc@status_code":17}`, "unknown"},
		{"64 KiB", `"tag":{"error":true},"logs":[{"fields":[` + event + `,{"key":"exception.type","value":"` + strings.Repeat("é", 1<<15) + `"}]}]`, strings.Repeat("é", 256)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got source.Span
			if reason := jaeger.NewDecoder(nil, "").Decode(document(tt.doc), &got); reason != "" {
				t.Fatal(reason)
			}
			if got.ErrorType != tt.want || got.Failed != (tt.want != "") {
				t.Errorf("got %t, %q, want %q", got.Failed, got.ErrorType, tt.want)
			}
		})
	}
}

func TestRoot(t *testing.T) {
	const ref = `"references":[{"refType":%q,"traceID":%q,"spanID":%q}]`
	tests := []struct {
		name, doc string
		want      bool
	}{
		{"no references", `"references":[]`, true},
		{"null", `"references":null,"parentSpanID":null`, true},
		{"a parent", fmt.Sprintf(ref, "CHILD_OF", "1", "2"), false},
		{"a parent, its trace's id written in full", fmt.Sprintf(ref, "CHILD_OF", "00000000000000000000000000000001", "2"), false},
		{"what it follows from, in the same trace", fmt.Sprintf(ref, "FOLLOWS_FROM", "1", "2"), false},
		{"a link into another trace", fmt.Sprintf(ref, "FOLLOWS_FROM", "2", "2"), true},
		{"another kind of reference", fmt.Sprintf(ref, "SIBLING", "1", "2"), true},
		{"a parent of id zero", fmt.Sprintf(ref, "CHILD_OF", "1", "0000000000000000"), true},
		{"the field, since v2.20", `"parentSpanID":"eee19b7ec3c1b173"`, false},
		{"an empty field", `"parentSpanID":""`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got source.Span
			if reason := jaeger.NewDecoder(nil, "").Decode(document(tt.doc), &got); reason != "" {
				t.Fatal(reason)
			}
			if got.Root != tt.want {
				t.Errorf("got %t, want %t", got.Root, tt.want)
			}
		})
	}
	first := `{"references":[{"refType":"CHILD_OF","traceID":"1","spanID":"2"}],` + string(document(`"x":0`))[1:]
	var got source.Span
	if reason := jaeger.NewDecoder(nil, "").Decode([]byte(first), &got); reason != "" || got.Root {
		t.Errorf("references before traceID: got %q, root %t", reason, got.Root)
	}
}

// document returns a document that is understood, with some more members.
func document(more string) []byte {
	return []byte(`{"traceID":"1","spanID":"a","operationName":"op","startTime":1,"duration":2,"process":{"serviceName":"s"},` + more + `}`)
}

func TestDecodeHit(t *testing.T) {
	bare := string(document(`"x":{"_source":{}}`))
	tests := []struct{ name, hit, reason string }{
		{"a bare document", bare, ""},
		{"a hit", `{"_index":"i","_id":"x","_source":` + bare + `}`, ""},
		{"a hit in another order", ` {"_source" : ` + bare + `, "sort":[1]} `, ""},
		{"a hit without its document", `{"_index":"i","_source":null}`, "source"},
		{"a hit with something else", `{"_index":"i","_source":[]}`, "json"},
		{"a hit that is cut off", `{"_index":"i","_source":` + bare, "json"},
		{"a hit with something behind it", `{"_source":` + bare + `}}`, "json"},
		{"no object", `[]`, "json"},
		{"neither", `{"a":1}`, "trace_id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s source.Span
			if got := jaeger.NewDecoder(nil, "").DecodeHit([]byte(tt.hit), &s); got != tt.reason {
				t.Fatalf("got %q, want %q", got, tt.reason)
			}
			if tt.reason == "" && s.Service != "s" {
				t.Errorf("got service %q", s.Service)
			}
		})
	}
}
