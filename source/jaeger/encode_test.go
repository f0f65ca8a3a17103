package jaeger_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/golden"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

var failed = jaeger.Document{
	TraceID: source.TraceID{8: 0x5b, 9: 0x8e, 15: 0x0c}, SpanID: 0xeee19b7ec3c1b174, Parent: 0xeee19b7ec3c1b173, Flags: 257,
	Links:     []jaeger.Link{{TraceID: source.TraceID{0: 1}, SpanID: 2}},
	Operation: "GET /dispatch", Start: 1767225599900000, Duration: 1250000,
	Tags: []jaeger.Tag{
		jaeger.String("span.kind", "server"), jaeger.Int("http.response.status_code", 500), jaeger.Float("load", 0.75),
		jaeger.Float("gone", math.NaN()), jaeger.Binary("blob", []byte{0, 0, 0x30, 0x39}), jaeger.Bool("error", true),
		jaeger.String("text", "a\"b\\c\n\t\x01<é>\u2028\xff"),
	},
	Logs:        []jaeger.Log{jaeger.Exception(1767225600000000, "TimeoutError", "redis timeout", "at x\nat y")},
	Service:     "frontend",
	ProcessTags: []jaeger.Tag{jaeger.String("host.name", "n1"), jaeger.Bool("error", true)},
}

func TestAppendDocument(t *testing.T) {
	root := jaeger.Document{TraceID: source.TraceID{0: 1}, SpanID: 1, Operation: "op", Start: 1500, Service: "s"}
	var got strings.Builder
	for _, layout := range []jaeger.Layout{jaeger.Nested, jaeger.Elevated} {
		for _, doc := range []*jaeger.Document{&failed, &root} {
			b := jaeger.AppendDocument([]byte("#"), doc, layout)
			if !json.Valid(b[1:]) {
				t.Errorf("not valid: %s", b)
			}
			got.Write(b[1:])
			got.WriteByte('\n')
		}
	}
	golden.Check(t, filepath.Join("testdata", "documents.golden.ndjson"), []byte(got.String()))
}

// A document says the same in either layout, and what was put into it.
func TestRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		b := make([]byte, random.IntN(12))
		for i := range b {
			b[i] = byte(random.IntN(256))
			if random.IntN(4) > 0 {
				b[i] = byte('a' + random.IntN(26))
			}
		}
		return string(b)
	}
	number := func() int64 { return int64(random.Uint64() >> random.IntN(64)) }
	kinds := []string{"server", "client", "producer", "consumer", "internal", "unspecified"}
	d := jaeger.NewDecoder([]string{"text", "number", "yes", "blob", "host.name", "none"}, "")
	for range 1000 {
		kind, word := kinds[random.IntN(len(kinds))], text()
		host, number, yes := "h"+text(), number(), random.IntN(2) == 0
		doc := jaeger.Document{
			SpanID: random.Uint64(), Parent: random.Uint64() * uint64(random.IntN(2)), Flags: random.Uint32N(3),
			Operation: text(), Start: int64(random.Uint64()), Duration: number & math.MaxInt64, Service: "s" + text(),
			Tags: []jaeger.Tag{jaeger.String("text", word), jaeger.Int("number", number), jaeger.Bool("yes", yes),
				jaeger.Binary("blob", []byte(word)), jaeger.String("span.kind", kind)},
			ProcessTags: []jaeger.Tag{jaeger.String("host.name", host), jaeger.String("text", "of the process")},
		}
		for i := range doc.TraceID {
			doc.TraceID[i] = byte(random.IntN(3) * random.IntN(256))
		}
		want := source.Span{
			TraceID: doc.TraceID, SpanID: doc.SpanID, Service: valid(doc.Service), Operation: valid(doc.Operation),
			Kind: source.ParseKind(kind), Root: doc.Parent == 0, Start: doc.Start, Duration: doc.Duration,
			Tags: []string{valid(word), mustJSON(t, number), mustJSON(t, yes), strings.Trim(mustJSON(t, hexText(word)), `"`), valid(host), ""},
		}
		if want.Operation == "" {
			want.Operation = jaeger.EmptyOperation
		}
		if random.IntN(2) == 0 {
			doc.Tags = append(doc.Tags, jaeger.Bool("error", true))
			doc.Logs = append(doc.Logs, jaeger.Log{Fields: []jaeger.Tag{jaeger.String("event", "retry")}}, jaeger.Exception(1, "E"+word, word, ""))
			want.Failed, want.ErrorType = true, valid("E"+word)
		}
		for _, layout := range []jaeger.Layout{jaeger.Nested, jaeger.Elevated} {
			d.Reset()
			stored := jaeger.AppendDocument(nil, &doc, layout)
			var got source.Span
			if reason := d.Decode(stored, &got); reason != "" {
				t.Fatalf("%s: %s", reason, stored)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("-want +got:\n%s\n%s", diff, stored)
			}
		}
	}
}

// valid is s as it comes out of JSON: each byte that is not UTF-8 replaced.
func valid(s string) string { return string([]rune(s)) }

func hexText(s string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(digits[s[i]>>4])
		b.WriteByte(digits[s[i]&15])
	}
	return b.String()
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
