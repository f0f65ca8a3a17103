package bench_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/footanalytics"
	"github.com/traceslo/traceslo/source/jaeger"
)

// A stream hands out documents; they are valid until yield returns.
type stream func(yield func(*jaeger.Document) error) error

// A platform is a number of FootAnalytics' spans, and what is true of them.
type platform struct {
	source   *footanalytics.Source
	from, to time.Time
	rate     float64
	all      source.Range
	truth    *bench.Truth
	// recent are the spans of kind server that began in the last ten minutes.
	recent map[bench.Key]uint64
}

// newPlatform makes about so many spans, that ended in the time before to.
func newPlatform(t *testing.T, spans int, over time.Duration, to time.Time) *platform {
	t.Helper()
	const probe = 50 // Traces a second.
	p := openPlatform(t, probe, over, to)
	p.count(t)
	p = openPlatform(t, probe*float64(spans)/float64(p.truth.Spans), over, to)
	p.count(t)
	return p
}

func openPlatform(t *testing.T, rate float64, over time.Duration, to time.Time) *platform {
	t.Helper()
	// A fault in the middle, for failures are read with more care than the rest.
	fault := footanalytics.Fault{Kind: footanalytics.FailingUploads, From: to.Add(-over / 2), To: to.Add(-over / 4)}
	s, err := footanalytics.New(footanalytics.Options{Seed: 7, Rate: rate, History: over, Clock: func() time.Time { return to }, Faults: []footanalytics.Fault{fault}})
	if err != nil {
		t.Fatal(err)
	}
	survey, err := s.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	index := survey.Indices[0]
	return &platform{source: s, rate: rate, from: index.Created, to: to,
		all: source.Range{Index: footanalytics.Index, UUID: index.UUID, After: index.Created.Unix() - 1, Upto: index.Shards[0].Upto}}
}

// count counts the spans as they were made.
func (p *platform) count(t *testing.T) {
	t.Helper()
	p.truth, p.recent = bench.NewTruth(), map[bench.Key]uint64{}
	since := p.to.Add(-10 * time.Minute).UnixMicro()
	err := p.source.Read(t.Context(), p.all, func(page *source.Page) error {
		for i := range page.Spans {
			s := &page.Spans[i]
			k := bench.Key{Service: s.Service, Operation: s.Operation, Kind: s.Kind.String()}
			p.truth.Add(k, s.Failed, s.Duration)
			if s.Kind == source.KindServer && s.Start >= since && s.Start < p.to.UnixMicro() {
				p.recent[k]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// spans is how many there are.
func (p *platform) spans() int { return int(p.truth.Spans) }

// streams hands the documents out in about a hundred pieces, in order of time.
func (p *platform) streams(ctx context.Context) []stream {
	var all []stream
	seconds := max(1, (p.all.Upto-p.all.After)/100)
	for after := p.all.After; after < p.all.Upto; after += seconds {
		piece := p.all
		piece.After, piece.Upto = after, min(after+seconds, p.all.Upto)
		all = append(all, func(yield func(*jaeger.Document) error) error { return p.source.Documents(ctx, piece, yield) })
	}
	return all
}

// piece hands out the documents of a range.
func (p *platform) piece(ctx context.Context, r source.Range) []stream {
	return []stream{func(yield func(*jaeger.Document) error) error { return p.source.Documents(ctx, r, yield) }}
}

// storeUntil stores one piece after the other until a time, at so many spans a
// second or as fast as it goes if that is 0, and returns the last slot that is stored.
func (p *platform) storeUntil(t *testing.T, c *testenv.Cluster, after int64, rate float64, ends time.Time) int64 {
	r, slots := p.all, int64(8)
	if rate > 0 {
		slots = 1
	}
	for r.Upto = after; time.Now().Before(ends) && r.Upto < p.all.Upto; {
		var streams []stream
		var spans atomic.Int64
		began := time.Now()
		for range 3 {
			r.After, r.Upto = r.Upto, min(r.Upto+slots, p.all.Upto)
			piece := p.piece(t.Context(), r)[0]
			streams = append(streams, func(yield func(*jaeger.Document) error) error {
				return piece(func(d *jaeger.Document) error { spans.Add(1); return yield(d) })
			})
		}
		if err := write(t.Context(), c, "soak", jaeger.Elevated, streams); err != nil {
			t.Error(err)
			break
		}
		if rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(float64(spans.Load()) / rate * float64(time.Second)))))
		}
	}
	return r.Upto
}

// store stores documents in a cluster as Jaeger's collectors would, in an index
// for each day with so many shards. Nothing is searchable or synced until all is
// stored, which is faster; afterwards the indices are as Jaeger makes them.
func store(t *testing.T, c *testenv.Cluster, prefix string, layout jaeger.Layout, shards int, streams []stream) {
	t.Helper()
	template := jaeger.Template{Prefix: prefix, Shards: shards, Legacy: c.Flavor == testenv.OpenSearch || c.Major() < 8}
	const fast = `"index.refresh_interval":"-1","index.translog.durability":"async","index.translog.flush_threshold_size":"2gb",`
	body := string(template.Body())
	c.Do(t, "PUT", template.Path(), strings.Replace(body, `"settings":{`, `"settings":{`+fast, 1))
	if err := write(t.Context(), c, prefix, layout, streams); err != nil {
		t.Fatal(err)
	}
	indices := "/" + jaeger.SpanIndex(prefix) + "*"
	c.Do(t, "PUT", indices+"/_settings", `{"index.refresh_interval":null,"index.translog.durability":null,"index.translog.flush_threshold_size":null}`)
	c.Do(t, "POST", indices+"/_flush", "")
	c.Do(t, "POST", indices+"/_refresh", "")
	c.Do(t, "PUT", template.Path(), body)
}

// write writes documents by a few requests side by side.
func write(ctx context.Context, c *testenv.Cluster, prefix string, layout jaeger.Layout, streams []stream) error {
	const workers, batch = 3, 4000
	// To make an index for each of 200 days takes longer than a client's minute.
	bulk, err := footanalytics.NewBulk(c.URL, &http.Client{Timeout: 15 * time.Minute})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for _, s := range streams {
		group.Go(func() error {
			var items []footanalytics.Item
			write := func() error {
				_, err := bulk.Write(ctx, items)
				items = items[:0]
				return err
			}
			err := s(func(d *jaeger.Document) error {
				day := time.UnixMicro(d.Start).UTC().Format(time.DateOnly)
				items = append(items, footanalytics.Item{Index: jaeger.SpanIndex(prefix) + day, Source: jaeger.AppendDocument(nil, d, layout)})
				if len(items) < batch {
					return nil
				}
				return write()
			})
			if err != nil {
				return err
			}
			return write()
		})
	}
	return group.Wait()
}

// forget deletes what store stored.
func forget(t *testing.T, c *testenv.Cluster, prefix string) {
	t.Helper()
	c.Do(t, "DELETE", "/"+jaeger.SpanIndex(prefix)+"*", "")
}
