package elastic_test

import (
	"bytes"
	"errors"
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

// How spans of a busy platform fail.
const healthy, typed, listed = "healthy", "typed", "listed"

// busy stores spans as a platform stores them that has a hundred operations of
// ten services in three kinds. None failed if they are healthy, else one in a
// hundred did, of a type that is a field if they are typed, as Jaeger's
// tags_as_fields makes it, or is in the list of tags if they are listed.
func busy(b *testing.B, c *testenv.Cluster, index string, n int, how string) {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	for at := 0; at < n; at += 5000 {
		var bulk []byte
		for i := at; i < at+5000; i++ {
			// A few operations are most of what is called.
			op := int(math.Exp(rng.Float64()*math.Log(100))) - 1
			tags := []jaeger.Tag{jaeger.String("span.kind", []string{"server", "client", "internal"}[rng.IntN(3)]), jaeger.String("http.method", "GET"), jaeger.String("request.id", fmt.Sprint(rng.Uint64()))}
			if rng.IntN(100) == 0 && how != healthy {
				if tags = append(tags, jaeger.Bool("error", true)); how == listed {
					tags = append(tags, jaeger.String("error.type", "timeout"))
				}
			}
			bulk = append(bulk, "{\"index\":{}}\n"...)
			bulk = jaeger.AppendDocument(bulk, &jaeger.Document{TraceID: source.TraceID{0: byte(i), 1: byte(i >> 8), 15: 1}, SpanID: rng.Uint64(), Parent: rng.Uint64(), Operation: fmt.Sprintf("GET /api/v1/resource-%d", op),
				Service: fmt.Sprintf("service-%d", op/10), Start: 1767225600_000000 + int64(i)*10 + rng.Int64N(2_000_000), Duration: int64(math.Exp(rng.NormFloat64()*0.7) * float64(500*(1+op))), Tags: tags}, jaeger.Elevated)
			bulk = append(bulk, '\n')
		}
		if how == typed {
			bulk = bytes.ReplaceAll(bulk, []byte(`"error":true`), []byte(`"error":true,"error@type":"timeout"`))
		}
		if answer := c.Do(b, "POST", "/"+index+"/_bulk", string(bulk)); strings.Contains(string(answer[:200]), `"errors":true`) {
			b.Fatalf("%.500s", answer)
		}
	}
	c.Do(b, "POST", "/"+index+"/_refresh", "")
}

// BenchmarkLiveEngines reads 200,000 spans of one shard, 100,000 at a time, by
// each engine, by turns in an order of chance, and tells the CPU time a span of the cluster and of
// this process, without counting. Raw is the raw aggregations alone, and rows the
// search for examples alone, of spans of which none failed. Of those that are typed
// or listed, one in a hundred did.
func BenchmarkLiveEngines(b *testing.B) {
	const spans, poll, often = 200_000, 100_000, 5
	c := testenv.StartCluster(b, testenv.ClusterOptions{Flavor: testenv.Elasticsearch, Version: "8.19.7", HeapMiB: 1024})
	for _, prefix := range []string{healthy, typed, listed} {
		index := prefix + "-jaeger-span-2026-01-02"
		c.Do(b, "PUT", "/"+index, string(jaeger.Template{Shards: 1}.Index()))
		busy(b, c, index, spans, prefix)
	}
	type way struct {
		name string
		// once does it over all spans, and returns how many it told of.
		once func() (int, error)
		// turn is how often it does it in turn, times how often it did in all.
		turn, times  int
		cluster, own time.Duration
		told, groups int
	}
	var ways []*way
	open := func(read elastic.Engine, prefix string) (*elastic.Source, source.Survey) {
		o := elastic.Options{Config: elastic.Default(), Fine: fineBounds, Log: zerolog.Nop()}
		o.Config.Addresses, o.Config.IndexPrefix, o.Config.Read = []string{c.URL}, prefix, read
		s, err := elastic.New(o)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(s.Close)
		v, err := s.Survey(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		return s, v
	}
	polls := func(v source.Survey, size int64) (polls []source.Range) {
		for after := int64(-1); after < spans-1; after += size {
			r := all(v, v.Indices[0], 0)
			r.After, r.Upto = after, min(after+size, spans-1)
			r.Surveyed = time.UnixMicro(1767225600_000000).Add(10 * time.Second) // as if they had just been stored
			polls = append(polls, r)
		}
		return polls
	}
	// A cluster that has just begun interprets what others have compiled, and a
	// search of few spans costs it several times as much.
	read := func(s *elastic.Source, polls []source.Range) {
		for _, r := range polls {
			if err := s.Read(b.Context(), r, func(*source.Page) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	}
	engine := func(name string, turns int, s *elastic.Source, v source.Survey, size int64) {
		e := &way{name: name, turn: turns}
		e.once = func() (told int, err error) {
			e.groups = 0
			for _, r := range polls(v, size) {
				err = errors.Join(err, s.Read(b.Context(), r, func(p *source.Page) error {
					told += len(p.Spans)
					e.groups += len(p.Groups)
					for i := range p.Groups {
						told += int(p.Groups[i].Count)
					}
					return nil
				}))
			}
			if told != spans {
				err = errors.Join(err, fmt.Errorf("%s: %d spans were read", name, told))
			}
			return told, err
		}
		ways = append(ways, e)
	}
	s, v := open(elastic.Documents, healthy)
	elastic.ReadWhole(s, v.Indices[0].UUID)
	engine("documents", 1, s, v, poll)
	s, v = open(elastic.Documents, healthy)
	engine("lean", 1, s, v, poll)
	for _, e := range []struct {
		name, prefix string
		size         int64
	}{
		{"aggregations-listed", listed, poll}, {"aggregations-typed", typed, poll},
		{"aggregations-at-once", healthy, spans}, {"aggregations", healthy, poll},
	} {
		s, v = open(elastic.Aggregations, e.prefix)
		elastic.SetCounting(s, e.size, 1000, 60_000)
		for range 10 {
			read(s, polls(v, 1000))
		}
		engine(e.name, often, s, v, e.size)
	}
	parts := map[string][]func() (int, error){}
	for _, r := range polls(v, poll) {
		raw, rows, err := elastic.Parts(b.Context(), s, r)
		if err != nil {
			b.Fatal(err)
		}
		parts["raw"], parts["rows"] = append(parts["raw"], raw), append(parts["rows"], rows)
	}
	for _, name := range []string{"raw", "rows"} {
		ways = append(ways, &way{name: name, turn: often, once: func() (told int, err error) {
			for _, part := range parts[name] {
				n, e := part()
				told, err = told+n, errors.Join(err, e)
			}
			return told, err
		}})
	}
	turn := func(w *way) {
		at, used := usage(b, c.Nodes()[0].Process().Pid()), processCPU()
		for range w.turn {
			told, err := w.once()
			if err != nil {
				b.Fatal(err)
			}
			w.told = told
		}
		w.own += processCPU() - used
		w.cluster += usage(b, c.Nodes()[0].Process().Pid()) - at
		w.times += w.turn
	}
	order := rand.New(rand.NewPCG(2, 2))
	round := func() {
		// Were it always the same, each would collect the garbage of the one before.
		for _, i := range order.Perm(len(ways)) {
			turn(ways[i])
		}
	}
	for range 4 {
		round()
	}
	for _, w := range ways {
		w.own, w.cluster, w.times = 0, 0, 0
	}
	for b.Loop() {
		round()
	}
	for _, w := range ways {
		each := func(used time.Duration) float64 { return float64(used.Nanoseconds()) / float64(w.times*spans) }
		b.ReportMetric(each(w.cluster), w.name+"-cluster-ns/span")
		b.ReportMetric(each(w.own), w.name+"-own-ns/span")
		b.ReportMetric(float64(w.told)/spans, w.name+"-share")
		if w.groups > 0 {
			b.ReportMetric(float64(w.groups), w.name+"-groups")
		}
	}
}
