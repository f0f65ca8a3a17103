package jaeger_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// leanTags are the tags that the readers of these tests want.
var leanTags = []string{"env", "shard.id"}

// leanPage returns the answer of a search whose hits have these sort values.
func leanPage(rows ...string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"took":7,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"max_score":null,"hits":[`)
	for i, row := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"_index":"jaeger-span-2026-11-22","_score":null,"sort":%s}`, row)
	}
	b.WriteString("]}}\n")
	return b.Bytes()
}

// rowOf returns the sort values of a document, as Elasticsearch would make them.
func rowOf(t testing.TB, number int, doc []byte, more ...jaeger.Column) string {
	t.Helper()
	var fields map[string]any
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	if err := dec.Decode(&fields); err != nil {
		t.Fatal(err)
	}
	row := []any{number}
	for _, column := range append(jaeger.Columns(leanTags, "@", true), more...) {
		var value any = fields
		for _, name := range strings.Split(column.Field, ".") {
			object, _ := value.(map[string]any)
			value = object[name]
		}
		if _, text := value.(string); column.Type == "keyword" && value != nil && !text {
			value = fmt.Sprint(value)
		}
		row = append(row, value)
	}
	b, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestColumns(t *testing.T) {
	got := jaeger.Columns([]string{"a.b"}, ":", true)
	want := []jaeger.Column{
		{"traceID", "keyword"}, {"spanID", "keyword"}, {"operationName", "keyword"}, {"process.serviceName", "keyword"}, {"startTime", "long"},
		{"duration", "long"}, {"tag.span:kind", "keyword"}, {"parentSpanID", "keyword"}, {"tag.a:b", "keyword"}, {"process.tag.a:b", "keyword"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	failures := []jaeger.Column{{"tag.error", "keyword"}, {"tag.otel:status_code", "keyword"}, {"tag.error:type", "keyword"},
		{"tag.http:response:status_code", "keyword"}, {"tag.http:status_code", "keyword"}, {"tag.rpc:grpc:status_code", "keyword"}}
	if diff := cmp.Diff(failures, jaeger.FailureColumns(":")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := jaeger.Columns(nil, "", false); len(got) != 7 || got[6].Field != "tag.span@kind" {
		t.Errorf("got %v", got)
	}
}

// What did not fail and has its tags in fields is told alike by its document
// and by its doc values.
func TestLeanSpansAreThoseOfTheirDocuments(t *testing.T) {
	docs := documents(t, "hotrod-v2")
	for _, more := range []string{
		`"tag":{"span@kind":"consumer","env":"prod","shard@id":7}`,
		`"tag":{"env":"","shard@id":true},"process":{"serviceName":"x","tag":{"env":"process","shard@id":"no"}}`,
		`"process":{"serviceName":"<x>\u2028é😀","tag":{"env":"process"}},"parentSpanID":"1"`,
		`"parentSpanID":"0000000000000000","operationName":""`,
	} {
		docs = append(docs, document(more))
	}
	d, lean := jaeger.NewDecoder(leanTags, ""), jaeger.NewDecoder(leanTags, "")
	var want []source.Span
	var rows []string
	for i, doc := range docs {
		// The parent of a document before v2.20 is in its references alone.
		doc = bytes.ReplaceAll(doc, []byte(`"references"`), []byte(`"former"`))
		var s source.Span
		if reason := d.Decode(doc, &s); reason != "" {
			t.Fatalf("%s: %s", reason, doc)
		}
		if !s.Failed {
			want = append(want, s)
			rows = append(rows, rowOf(t, 3*i, doc))
		}
	}
	var got jaeger.Answer
	if err := lean.Lean(leanPage(rows...), true, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Spans); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.Hits != len(want) || got.Strange > 0 || !got.Ascending || got.LastSeq != int64(3*(len(docs)-1)) || len(got.Numbers) != len(want) {
		t.Errorf("%d hits, %d strange, ascending %t, up to %d, %d numbers", got.Hits, got.Strange, got.Ascending, got.LastSeq, len(got.Numbers))
	}
}

// What failed by a field, and tells of what in fields, is told alike by its document and by its doc values.
func TestLeanFailedSpansAreThoseOfTheirDocuments(t *testing.T) {
	values := []string{"null", `""`, `"io"`, "404", `"399"`, "400", "0", `"14"`, "16", "17", "-1", `"5xx"`, `"0503"`, `"9223372036854775808"`}
	did := []string{`"error":true`, `"error":"true","otel@status_code":"OK"`, `"otel@status_code":"ERROR"`, `"error":false,"otel@status_code":"ERROR"`, `"error":false`}
	d, lean := jaeger.NewDecoder(leanTags, ""), jaeger.NewDecoder(leanTags, "")
	var want []source.Span
	var rows []string
	seen := map[string]int{}
	columns := jaeger.FailureColumns("")
	n := 0
	for i := range len(did) * 14 * 14 * 14 * 14 {
		if i%7 != i/3%5 {
			continue // enough of them
		}
		elevated := did[i%len(did)]
		for j, rest := 2, i/len(did); j < len(columns); j, rest = j+1, rest/len(values) {
			elevated += fmt.Sprintf(`,"%s":%s`, strings.TrimPrefix(columns[j].Field, "tag."), values[rest%len(values)])
		}
		doc := document(`"tag":{"span@kind":"server","env":"a",` + elevated + `}`)
		var s source.Span
		if reason := d.Decode(doc, &s); reason != "" {
			t.Fatalf("%s: %s", reason, doc)
		}
		s.Root = true
		seen[s.ErrorType]++
		want = append(want, s)
		n++
		rows = append(rows, rowOf(t, n, doc, columns...))
	}
	var got jaeger.Answer
	if err := lean.LeanFailed(leanPage(rows...), true, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Spans) != len(want) {
		t.Fatalf("%d spans of %d, %d strange", len(got.Spans), len(want), got.Strange)
	}
	for i := range want {
		if diff := cmp.Diff(want[i], got.Spans[i]); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", rows[i], diff)
		}
	}
	for _, typ := range []string{"", "io", "404", "503", "OK", "UNAVAILABLE", "unknown"} {
		if seen[typ] < 10 {
			t.Errorf("%d errors are %q", seen[typ], typ)
		}
	}
	if err := lean.LeanFailed(leanPage(strings.Replace(rows[0], `true"`, `true",null`, 1)), true, &got); err != nil || got.Strange != 1 {
		t.Errorf("%v, %d strange, want one with a value too many", err, got.Strange)
	}
}

func TestWhatFitsNoColumnIsStrange(t *testing.T) {
	const good = `[7,"1","2","op","s",3,4,"server",null,"a",null,"b",null]`
	d := jaeger.NewDecoder(leanTags, "")
	var a jaeger.Answer
	for name, row := range map[string]string{
		"no values": `[]`, "one too few": `[7,"1","2","op","s",3,4,"server",null,"a",null,"b"]`, "one too many": good[:len(good)-1] + `,null]`,
		"a trace that is a number": strings.Replace(good, `"1"`, `1`, 1), "no trace": strings.Replace(good, `"1"`, `null`, 1),
		"a span that is none": strings.Replace(good, `"2"`, `"xyz"`, 1), "an operation that is a number": strings.Replace(good, `"op"`, `5`, 1),
		"no operation": strings.Replace(good, `"op"`, `null`, 1), "no service": strings.Replace(good, `"s"`, `null`, 1), "an empty service": strings.Replace(good, `"s"`, `""`, 1),
		"a start that is a text": strings.Replace(good, `,3,`, `,"3",`, 1), "no start": strings.Replace(good, `,3,`, `,null,`, 1),
		"a fraction": strings.Replace(good, `,4,`, `,4.5,`, 1), "a duration below 0": strings.Replace(good, `,4,`, `,-4,`, 1), "a duration beyond": strings.Replace(good, `,4,`, `,9223372036854775808,`, 1),
		"a kind that is a number": strings.Replace(good, `"server"`, `1`, 1), "a parent that is a number": strings.Replace(good, `"server",null`, `"server",1`, 1),
		"a tag that is a number": strings.Replace(good, `"a"`, `1`, 1), "a tag that is true": strings.Replace(good, `"b"`, `true`, 1), "a tag that is a list": strings.Replace(good, `"b"`, `["b"]`, 1),
		"no number": strings.Replace(good, `7`, `null`, 1), "no list": `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, page := range [][]byte{leanPage(row), leanPage(good, row), leanPage(row, good)} {
				if err := d.Lean(page, true, &a); err != nil {
					t.Fatal(err)
				}
				if a.Strange != 1 || len(a.Spans)+1 != a.Hits || len(a.Numbers) != len(a.Spans) {
					t.Errorf("%d strange, %d spans, %d numbers of %d", a.Strange, len(a.Spans), len(a.Numbers), a.Hits)
				}
			}
		})
	}
	if err := d.Lean(leanPage(good), true, &a); err != nil || len(a.Spans) != 1 {
		t.Fatalf("%v, %+v", err, a)
	}
	want := source.Span{TraceID: source.TraceID{15: 1}, SpanID: 2, Operation: "op", Service: "s", Start: 3, Duration: 4, Kind: source.KindServer, Root: true, Tags: []string{"a", "b"}}
	if diff := cmp.Diff(want, a.Spans[0]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestBrokenLeanAnswers(t *testing.T) {
	d := jaeger.NewDecoder(leanTags, "")
	var a jaeger.Answer
	body := bytes.TrimSpace(leanPage(`[7,"1","2","op","s",3,4,"server",null,"a",null,"b",null]`, `[8,"1","2","op","s",3,4,"server",null,"a",null,"b",null]`))
	for i := range body {
		if err := d.Lean(body[:i], true, &a); err == nil || a.Hits != 0 || len(a.Spans) != 0 || len(a.Numbers) != 0 || a.Ascending {
			t.Fatalf("%v, and %d hits of %s", err, a.Hits, body[:i])
		}
	}
	for _, row := range []string{`[07]`, `[7,]`, `[7`, `7}`, `[7}`, `[7,"1","2","o\x","s",3,4,"server",null,"a",null,"b",null]`} {
		if err := d.Lean(leanPage(row), true, &a); err == nil {
			t.Errorf("accepted: %s", row)
		}
	}
}

func TestLeanDoesNotAllocate(t *testing.T) {
	body := leanBody(1000)
	d := jaeger.NewDecoder(leanTags, "")
	var a jaeger.Answer
	lean := func() {
		if err := d.Lean(body, true, &a); err != nil || len(a.Spans) != 1000 {
			t.Fatal(err, a.Strange)
		}
	}
	lean()
	if n := testing.AllocsPerRun(5, lean); n > 0 {
		t.Errorf("got %v allocations for %d spans, want none", n, a.Hits)
	}
}

// leanBody returns the lean answer of n spans.
func leanBody(n int) []byte {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`[%d,"%032x","%016x","GET /dispatch","frontend",%d,%d,"server","%016x","prod",null,null,"x-%d"]`,
			2*i, i*7919, i*104729, 1795364300935784+i, 1000+i, i, i%10)
	}
	return leanPage(rows...)
}

// referenceRow is the reading of sort values as one would write it without a thought of speed.
func referenceRow(row []byte, roots bool) (s source.Span, fits bool) {
	var cells []any
	dec := json.NewDecoder(bytes.NewReader(row))
	dec.UseNumber()
	want := 8 + 2*len(leanTags)
	if roots {
		want++
	}
	if dec.Decode(&cells) != nil || len(cells) != want {
		return s, false
	}
	fits = true
	text := func(i int, missing bool) string {
		switch v := cells[i].(type) {
		case string:
			return cut(v)
		case nil:
			fits = fits && missing
		default:
			fits = false
		}
		return ""
	}
	number := func(i int) int64 {
		_, isNumber := cells[i].(json.Number)
		n, ok := integer(cells[i])
		fits = fits && ok && isNumber
		return n
	}
	if _, ok := integer(cells[0]); !ok {
		return s, false
	}
	trace, ok := hexadecimal(cells[1], 32)
	fits = fits && ok
	copy(s.TraceID[:], trace)
	span, ok := hexadecimal(cells[2], 16)
	if fits = fits && ok; ok {
		s.SpanID = binary.BigEndian.Uint64(span)
	}
	if s.Operation = text(3, false); s.Operation == "" {
		s.Operation = jaeger.EmptyOperation
	}
	s.Service = text(4, false)
	s.Start, s.Duration = number(5), number(6)
	fits = fits && s.Service != "" && s.Duration >= 0
	s.Kind = source.ParseKind(text(7, true))
	at := 8
	if roots {
		s.Root = strings.Trim(text(at, true), "0") == ""
		at++
	}
	for ; at < want; at += 2 {
		value := text(at, true)
		if cells[at] == nil {
			value = text(at+1, true)
		}
		s.Tags = append(s.Tags, value)
	}
	return s, fits
}

// FuzzLean holds Lean to encoding/json for all sort values that are valid JSON,
// and to what a span is for all others.
func FuzzLean(f *testing.F) {
	for _, row := range []string{
		`[7,"1","2","op","s",3,4,"server",null,"a",null,"b",null]`, `[7,"1","2","op","s",3,4,null,"a",null,"b",null]`,
		`["7","ABC","0","\u00e9\ud83d","s\\",-3,0e5,"","000",1,null,null,[]]`, `[]`, `{}`, `[7,{"a":[1]}]`, `[1]},{"sort":[2]`,
	} {
		f.Add([]byte(row), true)
		f.Add([]byte(row), false)
	}
	d := jaeger.NewDecoder(leanTags, "")
	var a jaeger.Answer
	f.Fuzz(func(t *testing.T, row []byte, roots bool) {
		body := leanPage(string(row), string(row))
		before := bytes.Clone(body)
		err := d.Lean(body, roots, &a)
		if !bytes.Equal(before, body) {
			t.Fatalf("the answer was written to: %q", row)
		}
		for i := range a.Spans {
			checkSpan(t, &a.Spans[i])
		}
		if len(a.Spans)+a.Strange != a.Hits || len(a.Numbers) != len(a.Spans) || err != nil && a.Hits > 0 {
			t.Fatalf("%+v, %v of %q", a, err, row)
		}
		if !json.Valid(row) {
			return
		}
		want, fits := referenceRow(row, roots)
		if err != nil || fits != (len(a.Spans) == 2) || !fits && a.Strange != 2 {
			t.Fatalf("%v, %d spans, %d strange; want a span: %t: %q", err, len(a.Spans), a.Strange, fits, row)
		}
		for i := range a.Spans {
			if diff := cmp.Diff(want, a.Spans[i]); diff != "" {
				t.Fatalf("-want +got:\n%s\n%q", diff, row)
			}
		}
		whole := bytes.TrimRight(body, " \t\r\n")
		if err := d.Lean(whole[:len(whole)*2/3], roots, &a); err == nil {
			t.Fatalf("cut off and accepted: %q", row)
		}
	})
}
