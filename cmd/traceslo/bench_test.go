package main

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// recordedPage returns an answer to a search, of n documents that a real
// collector stored, and where the span ids lie in it.
func recordedPage(b *testing.B, file string, n int) (page []byte, ids []int) {
	b.Helper()
	f, err := os.Open(filepath.Join("..", "..", "source", "jaeger", "testdata", file))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		b.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	page = append(page, `{"took":3,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"max_score":null,"hits":[`...)
	for i := range n {
		var hit struct {
			Index  string          `json:"_index"`
			ID     string          `json:"_id"`
			Source json.RawMessage `json:"_source"`
		}
		if err := json.Unmarshal(lines[i%len(lines)], &hit); err != nil {
			b.Fatal(err)
		}
		if i > 0 {
			page = append(page, ',')
		}
		page = fmt.Appendf(page, `{"_index":%q,"_id":%q,"_score":null,"_source":`, hit.Index, hit.ID)
		const key = `"spanID":"`
		ids = append(ids, len(page)+bytes.Index(hit.Source, []byte(key))+len(key))
		page = append(page, hit.Source...)
		page = fmt.Appendf(page, `,"sort":[%d]}`, i)
	}
	return append(page, `]}}`...), ids
}

// leanPage returns the spans of a page as a search for their doc values answers
// them, and where the span ids lie in it.
func leanPage(b *testing.B, spans []source.Span) (page []byte, ids []int) {
	b.Helper()
	page = append(page, `{"took":3,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"max_score":null,"hits":[`...)
	for i, s := range spans {
		if i > 0 {
			page = append(page, ',')
		}
		page = fmt.Appendf(page, `{"_index":"jaeger-span-2026-11-22","_score":null,"sort":[%d,"%x","`, i, s.TraceID)
		ids = append(ids, len(page))
		page = fmt.Appendf(page, `%016x",%q,%q,%d,%d,%q]}`, s.SpanID, s.Operation, s.Service, s.Start, s.Duration, s.Kind)
	}
	return append(page, `]}}`...), ids
}

// BenchmarkPageToCommittedCounts takes pages as Elasticsearch answers them to
// counts that are durable, whole documents or their doc values: decoding, dedup, counting, and a commit with its
// sync to the disk after every tenth page. Every span is a new one.
func BenchmarkPageToCommittedCounts(b *testing.B) {
	const pageSpans, pagesPerCommit = 1000, 10
	for _, form := range []struct {
		name, file string
		lean       bool
	}{{"hotrod-v1", "hotrod-v1.ndjson.gz", false}, {"hotrod-v2", "hotrod-v2.ndjson.gz", false}, {"hotrod-v2-lean", "hotrod-v2.ndjson.gz", true}} {
		b.Run(form.name, func(b *testing.B) {
			page, ids := recordedPage(b, form.file, pageSpans)
			store, err := state.Open(filepath.Join(b.TempDir(), state.FileName))
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			c := counter{sli.New(sli.Default(), 1, zerolog.Nop()), slo.NewLedger(slo.LedgerOptions{Retention: 400 * 24 * time.Hour}), store}
			decoder := jaeger.NewDecoder(nil, "@")
			var answer jaeger.Answer
			decode := decoder.Answer
			if form.lean {
				if err := decoder.Answer(page, &answer); err != nil {
					b.Fatal(err)
				}
				page, ids = leanPage(b, answer.Spans)
				decode = func(page []byte, answer *jaeger.Answer) error { return decoder.Lean(page, false, answer) }
			}
			var decoding, counting, committing time.Duration
			rnd := rand.New(rand.NewPCG(1, 1))
			nothing := func(*state.Tx) error { return nil }

			b.SetBytes(int64(len(page)))
			b.ReportAllocs()
			pages := 0
			for b.Loop() {
				b.StopTimer()
				var id [8]byte
				for _, at := range ids {
					for i, v := 0, rnd.Uint64(); i < 8; i++ {
						id[i] = byte(v >> (8 * i))
					}
					hex.Encode(page[at:], id[:])
				}
				b.StartTimer()
				began := time.Now()
				if err := decode(page, &answer); err != nil || len(answer.Spans) != pageSpans {
					b.Fatal(err)
				}
				decoded := time.Now()
				c.Count(0, answer.Spans)
				counted := time.Now()
				if pages++; pages%pagesPerCommit == 0 {
					if err := c.Commit(source.Step{Now: counted, Watermark: counted, Save: nothing}); err != nil {
						b.Fatal(err)
					}
				}
				decoding += decoded.Sub(began)
				counting += counted.Sub(decoded)
				committing += time.Since(counted)
			}
			spans := float64(pages * pageSpans)
			b.ReportMetric((decoding+counting+committing).Seconds()*1e9/spans, "ns/span")
			b.ReportMetric((decoding+counting+committing).Seconds()*1e9/spans/(float64(len(page))/pageSpans), "ns/B")
			b.ReportMetric(decoding.Seconds()*1e9/spans, "decode-ns/span")
			b.ReportMetric(counting.Seconds()*1e9/spans, "count-ns/span")
			b.ReportMetric(committing.Seconds()*1e9/spans, "commit-ns/span")
		})
	}
}
