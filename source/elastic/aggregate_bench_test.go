package elastic_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
	"github.com/traceslo/traceslo/source/jaeger"
)

// busy stores spans as a platform stores them that has a hundred operations of
// ten services in three kinds, one span in a hundred failed.
func busy(b *testing.B, c *testenv.Cluster, index string, n int) {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	for at := 0; at < n; at += 5000 {
		var bulk []byte
		for i := at; i < at+5000; i++ {
			// A few operations are most of what is called.
			op := int(math.Exp(rng.Float64()*math.Log(100))) - 1
			tags := []jaeger.Tag{jaeger.String("span.kind", []string{"server", "client", "internal"}[rng.IntN(3)]), jaeger.String("http.method", "GET"), jaeger.String("request.id", fmt.Sprint(rng.Uint64()))}
			if rng.IntN(100) == 0 {
				tags = append(tags, jaeger.Bool("error", true))
			}
			bulk = append(bulk, "{\"index\":{}}\n"...)
			bulk = jaeger.AppendDocument(bulk, &jaeger.Document{TraceID: source.TraceID{0: byte(i), 1: byte(i >> 8), 15: 1}, SpanID: rng.Uint64(), Parent: rng.Uint64(), Operation: fmt.Sprintf("GET /api/v1/resource-%d", op),
				Service: fmt.Sprintf("service-%d", op/10), Start: 1767225600_000000 + int64(i)*10 + rng.Int64N(2_000_000), Duration: int64(math.Exp(rng.NormFloat64()*0.7) * float64(500*(1+op))), Tags: tags}, jaeger.Elevated)
			bulk = append(bulk, '\n')
		}
		if answer := c.Do(b, "POST", "/"+index+"/_bulk", string(bulk)); strings.Contains(string(answer[:200]), `"errors":true`) {
			b.Fatalf("%.500s", answer)
		}
	}
	c.Do(b, "POST", "/"+index+"/_refresh", "")
}

// BenchmarkLiveEngines reads 200,000 spans of one shard, 100,000 at a time, by
// each engine: the daemon's CPU without counting, and the cluster's. Raw is the
// cluster's for the same aggregations over all at once.
func BenchmarkLiveEngines(b *testing.B) {
	const spans, poll = 200_000, 100_000
	c := testenv.SharedCluster(b, testenv.Elasticsearch, "8.19.7")
	prefix := c.Prefix(b)
	index := prefix + "-jaeger-span-2026-01-02"
	c.Do(b, "PUT", "/"+index, string(jaeger.Template{Shards: 1}.Index()))
	busy(b, c, index, spans)
	run := func(name string, config func(*elastic.Config), prepare func(*elastic.Source), size int64) {
		b.Run(name, func(b *testing.B) {
			var cluster, own time.Duration
			read, groups, rounds := 0, 0, 0
			o := elastic.Options{Config: elastic.Default(), Fine: fineBounds, Log: zerolog.Nop()}
			o.Config.Addresses, o.Config.IndexPrefix = []string{c.URL}, prefix
			config(&o.Config)
			s, err := elastic.New(o)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			prepare(s)
			once := func() {
				v, err := s.Survey(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				for after := int64(-1); after < spans-1; after += size {
					r := all(v, v.Indices[0], 0)
					r.After, r.Upto = after, min(after+size, spans-1)
					if err := s.Read(b.Context(), r, func(p *source.Page) error {
						read += len(p.Spans)
						groups += len(p.Groups)
						for i := range p.Groups {
							read += int(p.Groups[i].Count)
						}
						return nil
					}); err != nil {
						b.Fatal(err)
					}
				}
			}
			for range 3 {
				once()
			}
			read, groups = 0, 0
			for b.Loop() {
				at, used := clusterCPU(b, c), processCPU()
				for range 5 {
					once()
					rounds++
				}
				own += processCPU() - used
				cluster += clusterCPU(b, c) - at
			}
			if read != rounds*spans {
				b.Fatalf("%d spans in %d rounds", read, rounds)
			}
			b.ReportMetric(float64(own.Nanoseconds())/float64(read), "own-ns/span")
			b.ReportMetric(float64(cluster.Nanoseconds())/float64(read), "cluster-ns/span")
			b.ReportMetric(float64(groups)/float64(rounds), "groups")
		})
	}
	run("documents", func(*elastic.Config) {}, func(s *elastic.Source) {
		v, err := s.Survey(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		elastic.ReadWhole(s, v.Indices[0].UUID)
	}, poll)
	run("lean", func(*elastic.Config) {}, func(*elastic.Source) {}, poll)
	run("aggregations", func(c *elastic.Config) { c.Read = elastic.Aggregations }, func(s *elastic.Source) { elastic.SetCounting(s, poll, 1000, 60_000) }, poll)
	run("aggregations, all at once", func(c *elastic.Config) { c.Read = elastic.Aggregations }, func(s *elastic.Source) { elastic.SetCounting(s, spans, 1000, 60_000) }, spans)
	b.Run("raw aggregations, all at once", func(b *testing.B) {
		o := elastic.Options{Config: elastic.Default(), Fine: fineBounds, Log: zerolog.Nop()}
		o.Config.Addresses, o.Config.IndexPrefix, o.Config.Read = []string{c.URL}, prefix, elastic.Aggregations
		s, err := elastic.New(o)
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		v, err := s.Survey(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		count, err := elastic.CountOnly(b.Context(), s, all(v, v.Indices[0], 0))
		if err != nil {
			b.Fatal(err)
		}
		for range 3 {
			if _, err := count(); err != nil {
				b.Fatal(err)
			}
		}
		var cluster, own time.Duration
		counted := uint64(0)
		for b.Loop() {
			at, used := clusterCPU(b, c), processCPU()
			for range 5 {
				n, err := count()
				if err != nil {
					b.Fatal(err)
				}
				counted += n
			}
			own += processCPU() - used
			cluster += clusterCPU(b, c) - at
		}
		b.ReportMetric(float64(own.Nanoseconds())/float64(counted), "own-ns/span")
		b.ReportMetric(float64(cluster.Nanoseconds())/float64(counted), "cluster-ns/span")
	})
}
