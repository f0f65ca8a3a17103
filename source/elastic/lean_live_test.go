package elastic_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
	"github.com/traceslo/traceslo/source/jaeger"
	"github.com/traceslo/traceslo/source/sourcetest"
)

// A tale is what was read of a shard: its spans and what is not understood, in
// the order of their numbers, as text.
type tale struct {
	Spans, Unreadable []string
	spans             []source.Span
	numbers           []int64 // those of spans
}

func (v *tale) add(spans []source.Span, unreadable []source.Unreadable) {
	for i := range spans {
		v.Spans = append(v.Spans, fmt.Sprintf("%+v", spans[i]))
	}
	for _, bad := range unreadable {
		v.Unreadable = append(v.Unreadable, bad.Reason+" "+bad.ID)
	}
}

// byDocuments reads a shard as if there were nothing but _source.
func byDocuments(t *testing.T, c *testenv.Cluster, index string, shard int, tags []string, roots bool) (v tale) {
	t.Helper()
	body := c.Do(t, "POST", fmt.Sprintf("/%s/_search?preference=_shards:%d", index, shard), `{"size":10000,"sort":[{"_seq_no":"asc"}]}`)
	var a jaeger.Answer
	if err := jaeger.NewDecoder(tags, "@").Answer(body, &a); err != nil {
		t.Fatal(err)
	}
	for i := range a.Spans {
		a.Spans[i].Root = a.Spans[i].Root && roots
	}
	v.add(a.Spans, a.Unreadable)
	v.spans, v.numbers = a.Spans, a.Numbers
	return v
}

// counts is a Watcher that adds up what was read in each form.
type counts struct {
	mu sync.Mutex // guards by
	by map[string]int
}

func (c *counts) ObserveDocuments(form string, documents int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]int{}
	}
	c.by[form] += documents
}
func (c *counts) ObserveAside(reason string) { c.ObserveDocuments("aside: "+reason, 1) }
func (c *counts) ObserveSearches(int)        {}
func (c *counts) ObserveWait(time.Duration)  {}

func (c *counts) of(form string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[form]
}

// keep writes documents, the same ones under the same ids.
func keep(t *testing.T, c *testenv.Cluster, index string, docs []string) {
	t.Helper()
	var bulk bytes.Buffer
	for i, doc := range docs {
		fmt.Fprintf(&bulk, "{\"index\":{\"_id\":\"%d\"}}\n%s\n", i, doc)
	}
	if answer := c.Do(t, "POST", "/"+index+"/_bulk", bulk.String()); !bytes.Contains(answer, []byte(`"errors":false`)) {
		t.Fatalf("bulk: %.2000s", answer)
	}
}

func TestLiveLeanSpansAreThoseOfTheirDocuments(t *testing.T) {
	var docs []string
	for _, s := range written() {
		if s.want == "plain" && (strings.Contains(s.doc, `["b"`) || strings.Contains(s.doc, `["server"`) || strings.Contains(s.doc, `[1,2]`) || strings.Contains(s.doc, "xyz")) {
			continue // of these doc values tell otherwise, or nothing; Jaeger writes none
		}
		docs = append(docs, s.doc)
	}
	docs = append(append(docs, recorded(t, "hotrod-v2")...), recorded(t, "hotrod-v1")[:60]...)
	for i := range 900 {
		tags := []jaeger.Tag{jaeger.String("span.kind", source.Kind(i%int(source.Kinds)).String())}
		if i%37 == 0 {
			tags = append(tags, jaeger.Bool("error", i%2 == 0))
		}
		doc := jaeger.AppendDocument(nil, &jaeger.Document{TraceID: source.TraceID{0: byte(i), 15: 1}, SpanID: uint64(i + 1), Parent: uint64(i % 3), Operation: fmt.Sprintf("op %d", i%50),
			Service: fmt.Sprintf("shop-%d", i%7), Start: 1767225599900000 + int64(i), Duration: int64(i * i), Tags: tags}, jaeger.Elevated)
		docs = append(docs, strings.Replace(string(doc), `"tag":{`, fmt.Sprintf(`"tag":{"shard@id":"%d","env":"prod",`, i%10), 1))
	}
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		prefix := c.Prefix(t)
		index := prefix + "-jaeger-span-2026-01-02"
		body := strings.Replace(string(jaeger.Template{Shards: 2}.Index()), `"settings":{`, `"settings":{"index.refresh_interval":"-1",`, 1)
		c.Do(t, "PUT", "/"+index, body)
		keep(t, c, index, docs)
		keep(t, c, index, docs[:400]) // overwritten: their first numbers are gone
		for _, reader := range []struct {
			tags  []string
			roots bool
		}{{nil, false}, {[]string{"shard.id", "env"}, true}} {
			read := &counts{}
			o := elastic.Options{Config: elastic.Default(), Tags: reader.tags, Roots: reader.roots, Watch: read, Log: zerolog.New(zerolog.NewTestWriter(t))}
			o.Config.Addresses, o.Config.IndexPrefix, o.Config.TLS.CAFile = []string{c.URL}, prefix, c.CAFile
			s := openConfig(t, o)
			elastic.SetLeanPage(s, 100)
			v := survey(t, s)
			for _, shard := range v.Indices[0].Shards {
				var got tale
				pages := 0
				if err := s.Read(t.Context(), all(v, v.Indices[0], shard.Number), func(p *source.Page) error {
					pages++
					got.add(p.Spans, p.Unreadable)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(byDocuments(t, c, index, shard.Number, reader.tags, reader.roots), got, cmpopts.IgnoreUnexported(tale{})); diff != "" {
					t.Errorf("shard %d, tags %q (-documents +read):\n%s", shard.Number, reader.tags, diff)
				}
				if pages < 5 || len(got.Spans) < 500 || len(got.Unreadable) == 0 {
					t.Errorf("%d pages, %d spans, %d unreadable: too few to tell", pages, len(got.Spans), len(got.Unreadable))
				}
			}
			if lean := read.of("lean"); lean < 700 {
				t.Errorf("tags %q: %d documents were read lean, %d whole", reader.tags, lean, read.of("whole"))
			}
			elastic.SetLeanPage(s, 100)
			sourcetest.Contract(t, s)
		}
	})
}

func TestLiveWhatDocValuesDoNotTellIsReadWhole(t *testing.T) {
	plain := func(n int) []string {
		docs := make([]string, n)
		for i := range docs {
			docs[i] = fmt.Sprintf(`{"traceID":"%x","spanID":"%d","operationName":"op","startTime":%d,"duration":7,"tag":{"span@kind":"server"},"process":{"serviceName":"shop"}}`, i+1, i+1, i)
		}
		return docs
	}
	strange := plain(600)
	listed := plain(600)
	for i, doc := range listed {
		listed[i] = strings.Replace(doc, `"tag":{"span@kind":"server"}`, `"tags":[{"key":"span.kind","type":"string","value":"server"},{"key":"error","type":"bool","value":true}]`, 1)
	}
	const keyed = `"tags":{"dynamic":false,"properties":{"key":{"ignore_above":256,"type":"keyword"}`
	unkeyed := strings.ReplaceAll(string(jaeger.Template{Shards: 1}.Index()), keyed, `"tags":{"dynamic":false,"properties":{"other":{"ignore_above":256,"type":"keyword"}`)
	strange[300] = strings.Replace(strange[300], `"traceID":"`, `"traceID":"x`, 1)
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		for _, test := range []struct {
			name, body string
			docs       []string
			lean       bool
		}{
			{"plain documents", string(jaeger.Template{Shards: 1}.Index()), plain(600), true},
			{"an id that is none", string(jaeger.Template{Shards: 1}.Index()), strange, false},
			{"lists that are not searched", unkeyed, listed, false},
			{"the lists mapped alone", `{"settings":{"number_of_shards":1},` + mapping + `}`, plain(600), false},
			{"names mapped as numbers", strings.Replace(string(jaeger.Template{Shards: 1}.Index()), `"spanID":{"ignore_above":256,"type":"keyword"},"startTime"`, `"spanID":{"type":"long"},"startTime"`, 1), plain(600), false},
		} {
			prefix := c.Prefix(t)
			index := prefix + "-jaeger-span-2026-01-02"
			c.Do(t, "PUT", "/"+index, test.body)
			keep(t, c, index, test.docs)
			read := &counts{}
			o := elastic.Options{Config: elastic.Default(), Watch: read, Log: zerolog.New(zerolog.NewTestWriter(t))}
			o.Config.Addresses, o.Config.IndexPrefix, o.Config.TLS.CAFile = []string{c.URL}, prefix, c.CAFile
			s := openConfig(t, o)
			v := survey(t, s)
			var got tale
			if err := s.Read(t.Context(), all(v, v.Indices[0], 0), func(p *source.Page) error {
				got.add(p.Spans, p.Unreadable)
				return nil
			}); err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			if diff := cmp.Diff(byDocuments(t, c, index, 0, nil, false), got, cmpopts.IgnoreUnexported(tale{})); diff != "" {
				t.Errorf("%s (-documents +read):\n%s", test.name, diff)
			}
			if lean := read.of("lean"); (lean > 0) != test.lean {
				t.Errorf("%s: %d documents were read lean", test.name, lean)
			}
		}
	})
}
