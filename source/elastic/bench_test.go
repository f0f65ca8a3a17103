package elastic_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
)

// BenchmarkIdleSurvey is a poll of 90 days of indices with 5 shards and a
// replica, over loopback, in which nothing but numbers changes.
func BenchmarkIdleSurvey(b *testing.B) {
	var stats, settings []string
	for day := range 90 {
		name := "rec-jaeger-span-" + time.Unix(0, 0).AddDate(0, 0, day).UTC().Format(time.DateOnly)
		var shards []string
		for n := range 5 {
			shards = append(shards, fmt.Sprintf(`"%d":[{"routing":{"state":"STARTED","primary":true},"commit":{"user_data":{"history_uuid":"BdHJFphBRg2flhG2LMUYkA"}},"seq_no":{"max_seq_no":1234567,"global_checkpoint":1234567}},`+
				`{"routing":{"state":"STARTED","primary":false},"commit":{"user_data":{"history_uuid":"BdHJFphBRg2flhG2LMUYkA"}},"seq_no":{"max_seq_no":1234567,"global_checkpoint":1234567}}]`, n))
		}
		stats = append(stats, fmt.Sprintf(`%q:{"uuid":"uuid-%d","shards":{%s}}`, name, day, strings.Join(shards, ",")))
		settings = append(settings, fmt.Sprintf(`%q:{"settings":{"index":{"uuid":"uuid-%d","creation_date":"1","number_of_shards":"5"}}}`, name, day))
	}
	c := newCluster(b)
	body := `{"_shards":{"total":900,"successful":900,"failed":0},"indices":{` + strings.Join(stats, ",") + `}}`
	c.answer("stats", body)
	c.answer("settings", `{`+strings.Join(settings, ",")+`}`)
	s := benchmarked(b, c)
	b.ReportAllocs()
	for b.Loop() {
		if v, err := s.Survey(b.Context()); err != nil || len(v.Indices) != 90 {
			b.Fatal(len(v.Indices), err)
		}
	}
}

// BenchmarkRead reads pages over loopback: the wire's share of reading a span,
// decoding included, the making of the answer and the kernel's work too.
func BenchmarkRead(b *testing.B) {
	c := newCluster(b)
	c.answer("stats", reaching(c, 999))
	page := hits(every(1, 999)...)
	c.on["search"] = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		_, _ = io.WriteString(w, page)
		return true
	}
	s := benchmarked(b, c)
	v, err := s.Survey(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	r := all(v, find(b, v, recordedIndex), 0)
	b.ReportAllocs()
	read := 0
	for b.Loop() {
		if err := s.Read(b.Context(), r, func(p *source.Page) error { read += len(p.Spans); return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(read), "ns/span")
}

func benchmarked(b *testing.B, c *cluster) *elastic.Source {
	b.Helper()
	server := httptest.NewServer(c)
	b.Cleanup(server.Close)
	o := elastic.Options{Config: elastic.Default()}
	o.Config.Addresses, o.Config.IndexPrefix = []string{server.URL}, "rec"
	s, err := elastic.New(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	return s
}
