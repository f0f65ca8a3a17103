package sli_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/common/expfmt"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

// A load makes pages of random spans over a number of operations, three kinds
// each, one service for a hundred operations. One span in fifty failed.
type load struct {
	rng        *rand.Rand
	operations []string
	services   []string
	kinds      int
	// spread is within what time spans start.
	spread time.Duration
}

func newLoad(operations int) *load {
	l := &load{rng: rand.New(rand.NewPCG(1, 1)), kinds: 3, spread: time.Second}
	for i := range operations {
		l.operations = append(l.operations, fmt.Sprintf("POST /api/v1/resource-%d", i))
		l.services = append(l.services, fmt.Sprintf("service-%d", i/100))
	}
	return l
}

func (l *load) page(n int) []source.Span {
	spans := make([]source.Span, n)
	for i := range spans {
		l.fill(&spans[i], l.rng.IntN(len(l.operations)), 1+l.rng.IntN(l.kinds))
	}
	return spans
}

func (l *load) fill(s *source.Span, operation, kind int) {
	*s = source.Span{SpanID: l.rng.Uint64(), Service: l.services[operation], Operation: l.operations[operation], Kind: source.Kind(kind)}
	for i := range s.TraceID {
		s.TraceID[i] = byte(l.rng.Uint32())
	}
	s.Start = start.UnixMicro() + l.rng.Int64N(l.spread.Microseconds())
	// Durations spread over about four powers of two around the operation's own.
	s.Duration = int64(float64(1000*(1+operation%500)) * (0.25 + 4*l.rng.ExpFloat64()/3))
	if l.rng.IntN(50) == 0 {
		s.Failed, s.ErrorType = true, "java.net.SocketTimeoutException"
	}
}

// renew makes the spans of a page others, as far as the dedup window can tell.
func renew(spans []source.Span, by uint64) {
	for i := range spans {
		spans[i].SpanID += by
	}
}

// cpuTime returns what the process has used of the processors: on a machine that
// does other things besides, it tells more than the time that has passed.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const livePerEpoch = 400_000

// window fills the recorder's dedup window with five epochs.
func window(b *testing.B, r *sli.Recorder, l *load) {
	now := start
	for range 5 {
		for range livePerEpoch / 4000 {
			r.Count(0, l.page(4000))
		}
		if err := r.Save(nil, now, time.Time{}); err != nil {
			b.Fatal(err)
		}
		r.Publish()
		now = now.Add(3 * time.Minute)
	}
}

// BenchmarkCount counts warm pages of 1000 spans that were not seen before,
// with 2,000,000 spans in the dedup window. Each 200 pages are one step.
func BenchmarkCount(b *testing.B) {
	for _, operations := range []int{100, 10_000} {
		for workers := 1; workers <= 2; workers++ {
			b.Run(fmt.Sprintf("operations=%d/workers=%d", operations, workers), func(b *testing.B) {
				cfg := sli.Default()
				l := newLoad(operations)
				r := sli.New(cfg, workers, zerolog.Nop())
				window(b, r, l)
				const pages, size, steps = 25, 1000, 200
				var all [2][][]source.Span
				for w := range workers {
					for range pages {
						all[w] = append(all[w], l.page(size))
					}
				}
				runtime.GC()
				var before, after runtime.MemStats
				var allocs uint64
				var busy, cpu time.Duration
				round := func(n int) {
					runtime.ReadMemStats(&before)
					began, used := time.Now(), cpuTime()
					var group sync.WaitGroup
					for w := range workers {
						group.Add(1)
						go func() {
							defer group.Done()
							for i := range n {
								page := all[w][i%pages]
								renew(page, 0x9e3779b97f4a7c15)
								r.Count(w, page)
							}
						}()
					}
					group.Wait()
					busy, cpu = busy+time.Since(began), cpu+cpuTime()-used
					runtime.ReadMemStats(&after)
					allocs += after.Mallocs - before.Mallocs
					if n == steps {
						// Forget them, so that the window stays as large as it is.
						r.Discard()
					}
				}
				for range 3 {
					round(steps)
				}
				allocs, busy, cpu = 0, 0, 0
				b.ResetTimer()
				spans := 0
				for range b.N {
					round(steps)
					spans += workers * steps * size
				}
				b.ReportMetric(float64(busy.Nanoseconds())/float64(spans), "ns/span")
				b.ReportMetric(float64(cpu.Nanoseconds())/float64(spans), "cpu-ns/span")
				b.ReportMetric(float64(allocs)/float64(spans), "allocs/span")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkSave saves a step in which every label set counted spans.
func BenchmarkSave(b *testing.B) {
	for _, durable := range []bool{false, true} {
		b.Run(fmt.Sprintf("durable=%t", durable), func(b *testing.B) {
			cfg := sli.Default()
			cfg.Deduplicate = 0
			l := newLoad(10_000)
			r := sli.New(cfg, 1, zerolog.Nop())
			s := openStore(b)
			everySet(r, l, 2)
			s.step(r, start, start)
			page := everyPage(l, 2)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				r.Count(0, page)
				b.StartTimer()
				if durable {
					s.step(r, start, start)
					continue
				}
				if err := r.Save(nil, start, start); err != nil {
					b.Fatal(err)
				}
				r.Publish()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/30_000, "ns/set")
		})
	}
}

func everyPage(l *load, each int) []source.Span {
	var page []source.Span
	for o := range l.operations {
		for k := range l.kinds {
			for range each {
				var s source.Span
				l.fill(&s, o, 1+k)
				page = append(page, s)
			}
		}
	}
	return page
}

func everySet(r *sli.Recorder, l *load, each int) { r.Count(0, everyPage(l, each)) }

// sizes are how many operations, of three kinds each, are scraped.
var sizes = []int{10_000, 50_000}

// roomy is a configuration without a dedup window that takes so many operations.
func roomy(operations int) sli.Config {
	cfg := sli.Default()
	cfg.Deduplicate = 0
	cfg.Limits.Series = max(cfg.Limits.Series, 3*operations)
	return cfg
}

// scraped returns a recorder with three label sets an operation, of 20 spans each.
func scraped(b *testing.B, operations int) *sli.Recorder {
	cfg := roomy(operations)
	l := newLoad(operations)
	r := sli.New(cfg, 1, zerolog.Nop())
	for range 10 {
		everySet(r, l, 2)
		if err := r.Save(nil, start, start); err != nil {
			b.Fatal(err)
		}
		r.Publish()
	}
	return r
}

// BenchmarkScrape writes all label sets in each format.
func BenchmarkScrape(b *testing.B) {
	for _, operations := range sizes {
		b.Run(fmt.Sprintf("operations=%d", operations), func(b *testing.B) { benchmarkScrape(b, scraped(b, operations)) })
	}
}

func benchmarkScrape(b *testing.B, r *sli.Recorder) {
	for _, f := range []struct {
		name   string
		format expfmt.Format
	}{{"text", expfmt.FmtText}, {"openmetrics", expfmt.FmtOpenMetrics_1_0_0}, {"protobuf", expfmt.FmtProtoDelim}} {
		for _, zip := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/gzip=%t", f.name, zip), func(b *testing.B) {
				b.ReportAllocs()
				runtime.GC()
				var begin runtime.MemStats
				runtime.ReadMemStats(&begin)
				var n counter
				peak, began := watchHeap(), cpuTime()
				for range b.N {
					n = 0
					var w io.Writer = &n
					if zip {
						w, _ = gzip.NewWriterLevel(w, gzip.BestSpeed)
					}
					if err := sli.Write(w, f.format, nil, r, start.Add(time.Hour)); err != nil {
						b.Fatal(err)
					}
					if z, ok := w.(*gzip.Writer); ok {
						z.Close()
					}
				}
				b.ReportMetric((cpuTime()-began).Seconds()/float64(b.N), "cpu-s/op")
				b.ReportMetric(float64(n)/1e6, "MB")
				b.ReportMetric((float64(peak())-float64(begin.HeapAlloc))/1e6, "MB-peak")
			})
		}
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// watchHeap watches how much heap is in use until the function it returns is
// called, which tells the most there was.
func watchHeap() func() uint64 {
	var peak atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() uint64 { close(stop); <-done; return peak.Load() }
}

// BenchmarkSeriesMemory tells the peak of the heap in use while all label sets
// are counted in steps of 20,000 spans by two workers, saved into a state
// file and scraped, for each of their Prometheus series. What the process had
// before is left out; the garbage collector's headroom is in it.
func BenchmarkSeriesMemory(b *testing.B) {
	for _, operations := range sizes {
		for _, percent := range []int{100, 50} {
			b.Run(fmt.Sprintf("operations=%d/GOGC=%d", operations, percent), func(b *testing.B) {
				defer debug.SetGCPercent(debug.SetGCPercent(percent))
				for range b.N {
					seriesMemory(b, operations)
				}
			})
		}
	}
}

func seriesMemory(b *testing.B, operations int) {
	cfg := roomy(operations)
	l := newLoad(operations)
	s := openStore(b)
	page := l.page(10_000)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	peak := watchHeap()
	r := sli.New(cfg, 2, zerolog.Nop())
	for i := range operations / 166 {
		for w := range 2 {
			for j := range page {
				l.fill(&page[j], l.rng.IntN(len(l.operations)), 1+l.rng.IntN(l.kinds))
			}
			r.Count(w, page)
		}
		s.step(r, start.Add(time.Duration(i)*time.Second), start)
		if i%5 == 4 {
			w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
			if err != nil {
				b.Fatal(err)
			}
			if err := sli.Write(w, expfmt.FmtProtoDelim, nil, r, start.Add(time.Hour)); err != nil {
				b.Fatal(err)
			}
		}
	}
	highest := peak()
	runtime.GC()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	series := bytes.Count(exposition(b, r, expfmt.FmtText, start.Add(time.Hour)), []byte("\n")) - 6
	b.ReportMetric(float64(highest-before.HeapInuse)/float64(series), "peak-B/series")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(series), "live-B/series")
	b.ReportMetric(float64(series), "series")
	runtime.KeepAlive(r)
}
