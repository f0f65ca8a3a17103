package jaeger_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// FuzzDecode holds the Decoder to encoding/json: the same outcome for every
// valid document, nothing of a document that is cut off, and from any bytes at
// all only spans that keep what source.Span promises.
func FuzzDecode(f *testing.F) {
	for _, doc := range append(documents(f, "hotrod-v1")[:40], documents(f, "hotrod-v2")[:40]...) {
		f.Add(doc)
	}
	for _, c := range hostile {
		f.Add([]byte(c.doc))
	}
	tags := []string{"deployment.environment", "video.id", "http.status_code", "host.name"}
	want := reference{tags, "@"}
	got := jaeger.NewDecoder(tags, "")
	f.Fuzz(func(t *testing.T, doc []byte) {
		got.Reset()
		before := bytes.Clone(doc)
		var g, w source.Span
		reason := got.Decode(doc, &g)
		if !bytes.Equal(before, doc) {
			t.Fatalf("the document was written to: %q", before)
		}
		if reason == "" {
			checkSpan(t, &g)
		}
		if !json.Valid(doc) {
			return
		}
		if wanted := want.Decode(doc, &w); wanted != reason {
			t.Fatalf("got reason %q, want %q: %q", reason, wanted, doc)
		}
		if reason == "" {
			if diff := cmp.Diff(w, g); diff != "" {
				t.Fatalf("-want +got:\n%s\n%q", diff, doc)
			}
		}
		whole := bytes.TrimRight(doc, " \t\r\n")
		cut := whole[:len(whole)*2/3]
		if reason := got.Decode(cut, &g); reason == "" {
			t.Fatalf("cut off and accepted: %q", cut)
		}
	})
}

func checkSpan(t *testing.T, s *source.Span) {
	t.Helper()
	for _, text := range append([]string{s.Service, s.Operation, s.ErrorType}, s.Tags...) {
		if !utf8.ValidString(text) || utf8.RuneCountInString(text) > source.MaxOperation {
			t.Fatalf("not valid or too long: %q", text)
		}
	}
	if s.Service == "" || s.Operation == "" || s.Duration < 0 || s.Failed != (s.ErrorType != "") || s.Kind >= source.Kinds {
		t.Fatalf("not a span: %+v", *s)
	}
}

// FuzzAnswer holds Answer to what it says of the documents it yields, for any bytes.
func FuzzAnswer(f *testing.F) {
	f.Add(page(documents(f, "hotrod-v1")[:3]))
	f.Add([]byte(`{"timed_out":true,"_shards":{"total":2,"successful":1,"failed":1,"failures":[{"reason":{"type":"a","reason":"b"}}]},"hits":{"hits":[]}}`))
	f.Add([]byte(`{"_shards":{},"hits":{"hits":[{"sort":["7"],"_id":"x","_index":"y"},{"sort":[8],"_source":[]}]}}`))
	d := jaeger.NewDecoder([]string{"host.name"}, "")
	var a jaeger.Answer
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := d.Answer(body, &a); err != nil {
			if len(a.Spans)+len(a.Unreadable)+a.Hits > 0 {
				t.Fatalf("an error and %d hits: %q", a.Hits, body)
			}
			return
		}
		if len(a.Spans)+len(a.Unreadable) != a.Hits || a.LastSeq < -1 && a.Ascending {
			t.Fatalf("%+v of %q", a, body)
		}
		for i := range a.Spans {
			checkSpan(t, &a.Spans[i])
		}
		if err := d.Answer(body[:len(bytes.TrimRight(body, " \t\r\n"))*2/3], &a); err == nil {
			t.Fatalf("cut off and accepted: %q", body)
		}
	})
}
