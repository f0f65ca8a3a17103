package jaeger_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

func TestAnswer(t *testing.T) {
	d := jaeger.NewDecoder([]string{"host.name"}, "")
	var got jaeger.Answer
	for _, name := range []string{"hotrod-v1", "hotrod-v2"} {
		docs := documents(t, name)
		if err := d.Answer(page(docs), &got); err != nil {
			t.Fatal(err)
		}
		if got.Hits != len(docs) || len(got.Spans) != len(docs) || got.LastSeq != int64(40+2*(len(docs)-1)) || !got.Ascending || got.TimedOut {
			t.Errorf("got %d hits, %d spans, last %d, ascending %t", got.Hits, len(got.Spans), got.LastSeq, got.Ascending)
		}
		if got.Shards != struct{ Total, Successful, Skipped, Failed int }{1, 1, 0, 0} {
			t.Errorf("got shards %+v", got.Shards)
		}
		one := jaeger.NewDecoder([]string{"host.name"}, "")
		for i, doc := range docs {
			var want source.Span
			if reason := one.Decode(doc, &want); reason != "" {
				t.Fatal(reason)
			}
			if diff := cmp.Diff(want, got.Spans[i]); diff != "" {
				t.Fatalf("span %d: -want +got:\n%s", i, diff)
			}
		}
	}
}

func TestAnswerFacts(t *testing.T) {
	const (
		shards = `"_shards":{"total":3,"successful":3,"skipped":1,"failed":0}`
		good   = `"_source":{"traceID":"1","spanID":"2","startTime":3,"duration":4,"process":{"serviceName":"s"}}`
	)
	hits := func(hits ...string) string {
		return `{"took":1,"timed_out":false,` + shards + `,"hits":{"hits":[` + strings.Join(hits, ",") + `]}}`
	}
	type facts struct {
		TimedOut   bool
		Failed     int
		Failure    string
		Spans      int
		Unreadable []source.Unreadable
		LastSeq    int64
		Ascending  bool
	}
	tests := []struct {
		name, body string
		want       facts
	}{
		{"no hits", hits(), facts{LastSeq: -1, Ascending: true}},
		{"hits left out by filter_path", "{" + shards + "}", facts{LastSeq: -1, Ascending: true}},
		{"members in any order", `{"hits":{"hits":[{"sort":[7],` + good + `},{` + good + `,"sort":[9]}]},` + shards + `}`, facts{Spans: 2, LastSeq: 9, Ascending: true}},
		{"a number twice", hits(`{"sort":[7],`+good+`}`, `{"sort":[7],`+good+`}`), facts{Spans: 2, LastSeq: 7}},
		{"numbers that fall", hits(`{"sort":[7],`+good+`}`, `{"sort":[6],`+good+`}`), facts{Spans: 2, LastSeq: 6}},
		{"a hit without a number", hits(`{"sort":[7],`+good+`}`, `{`+good+`}`), facts{Spans: 2, LastSeq: -1}},
		{"a number that is none", hits(`{"sort":["a"],` + good + `}`), facts{Spans: 1, LastSeq: -1}},
		{"only the first sort value counts", hits(`{"sort":[7,"a",null],` + good + `}`), facts{Spans: 1, LastSeq: 7, Ascending: true}},
		{"unreadable ones count", hits(`{"sort":[7],`+good+`}`, `{"_index":"i","_id":"a\"b","_source":{},"sort":[8]}`, `{"_index":"i","_id":"c","sort":[9]}`,
			`{"_source":[],"sort":[10]}`, `{"_source":null,"_id":null,"sort":[11]}`), facts{Spans: 1, LastSeq: 11, Ascending: true, Unreadable: []source.Unreadable{
			{Reason: "trace_id", Index: "i", ID: `a"b`}, {Reason: "source", Index: "i", ID: "c"}, {Reason: "json"}, {Reason: "source"},
		}}},
		{"shards that failed", `{"timed_out":true,"_shards":{"total":2,"successful":0,"failed":2,"failures":[
			{"shard":0,"index":"i","reason":{"type":"es_rejected_execution_exception","reason":"rejected","caused_by":{"type":"x"}}},
			{"reason":{"type":"other"}}]},"hits":{"hits":[]}}`,
			facts{TimedOut: true, Failed: 2, Failure: "es_rejected_execution_exception: rejected", LastSeq: -1, Ascending: true}},
		{"a failure without end", `{"_shards":{"failed":1,"failures":[{"reason":{"type":"x","reason":"` + strings.Repeat("y", 1<<16) + `"}}]}}`,
			facts{Failed: 1, Failure: "x: " + strings.Repeat("y", 256), LastSeq: -1, Ascending: true}},
	}
	d := jaeger.NewDecoder(nil, "")
	var a jaeger.Answer
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := d.Answer([]byte(tt.body), &a); err != nil {
				t.Fatal(err)
			}
			got := facts{a.TimedOut, a.Shards.Failed, a.Failure, len(a.Spans), append([]source.Unreadable(nil), a.Unreadable...), a.LastSeq, a.Ascending}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if a.Hits != len(a.Spans)+len(a.Unreadable) {
				t.Errorf("got %d hits", a.Hits)
			}
		})
	}
}

func TestBrokenAnswers(t *testing.T) {
	d := jaeger.NewDecoder(nil, "")
	var a jaeger.Answer
	check := func(t *testing.T, body, want string) {
		t.Helper()
		err := d.Answer([]byte(body), &a)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("got %v, want an error with %q for %s", err, want, body)
		}
		if a.Hits != 0 || len(a.Spans) != 0 || len(a.Unreadable) != 0 || a.Ascending {
			t.Fatalf("an error, and %d hits, %d spans of %s", a.Hits, len(a.Spans), body)
		}
	}
	tests := []struct{ name, body, want string }{
		{"nothing", "", "broken or cut off"},
		{"HTML", "<html><body>502 Bad Gateway</body></html>", "broken or cut off"},
		{"a list", "[]", "broken or cut off"},
		{"an error's body", `{"error":{"type":"search_phase_execution_exception"},"status":503}`, "no _shards"},
		{"shards that are no object", `{"_shards":3}`, "broken or cut off"},
		{"a number of shards that is none", `{"_shards":{"total":"many"}}`, "broken or cut off"},
		{"hits that are no object", `{"_shards":{},"hits":[]}`, "broken or cut off"},
		{"hits that are no list", `{"_shards":{},"hits":{"hits":{}}}`, "broken or cut off"},
		{"a hit that is no object", `{"_shards":{},"hits":{"hits":[1]}}`, "broken or cut off"},
		{"a document that is broken", `{"_shards":{},"hits":{"hits":[{"_source":{"traceID":"\x"}}]}}`, "broken or cut off"},
		{"something behind the end", `{"_shards":{}}{}`, "broken or cut off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { check(t, tt.body, tt.want) })
	}
	t.Run("cut off anywhere", func(t *testing.T) {
		body := strings.TrimSpace(string(page(documents(t, "hotrod-v2")[1:3])))
		for i := range body {
			check(t, body[:i], "broken or cut off")
		}
	})
}

func TestAnswerDoesNotAllocate(t *testing.T) {
	body := page(documents(t, "hotrod-v2"))
	d := jaeger.NewDecoder([]string{"deployment.environment", "host.name"}, "")
	var a jaeger.Answer
	answer := func() {
		if err := d.Answer(body, &a); err != nil {
			t.Fatal(err)
		}
	}
	answer()
	if n := testing.AllocsPerRun(5, answer); n > 0 {
		t.Errorf("got %v allocations for %d spans, want none", n, a.Hits)
	}
}
