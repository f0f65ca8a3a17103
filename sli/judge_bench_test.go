package sli_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

// BenchmarkJudge counts warm pages as BenchmarkCount does, without dedup, over
// 1,000 operations of ten services, with a number of measures, of which as many
// take a span. Then what costs more, with ten measures of which one takes a span: all
// events are bad; the spans end in sixty minutes, in no order; limits bend nine in ten.
func BenchmarkJudge(b *testing.B) {
	kinds := []string{
		"{latency: {match: {service: '%s', span_kind: [server, client, producer]}, threshold: 2s}}",
		"{availability: {match: {service: '%s'}}}",
	}
	named := func(i int) string { return fmt.Sprintf(kinds[i%2], fmt.Sprintf("service-%d", i)) }
	tenth := func(i int) string { return fmt.Sprintf(kinds[i%2], fmt.Sprintf("=~service-0*%d", i%10)) }
	for _, measures := range []int{0, 10, 100, 1000} {
		b.Run(fmt.Sprintf("measures=%d/matching=%d", measures, min(measures, 1)), func(b *testing.B) {
			benchmarkJudge(b, sli.Default(), newLoad(1000), measures, named)
		})
	}
	for _, measures := range []int{100, 1000} {
		b.Run(fmt.Sprintf("measures=%d/matching=%d", measures, measures/10), func(b *testing.B) {
			benchmarkJudge(b, sli.Default(), newLoad(1000), measures, tenth)
		})
	}
	b.Run("outage", func(b *testing.B) {
		benchmarkJudge(b, sli.Default(), newLoad(1000), 10, func(i int) string {
			return fmt.Sprintf("{latency: {match: {service: service-%d}, threshold: 1us}}", i)
		})
	})
	b.Run("scattered", func(b *testing.B) {
		l := newLoad(1000)
		l.spread = time.Hour
		benchmarkJudge(b, sli.Default(), l, 10, named)
	})
	b.Run("bent", func(b *testing.B) {
		cfg := sli.Default()
		cfg.Limits.OperationsPerService = 10
		benchmarkJudge(b, cfg, newLoad(1000), 10, named)
	})
}

func benchmarkJudge(b *testing.B, cfg sli.Config, l *load, measures int, text func(i int) string) {
	cfg.Deduplicate = 0
	for i := range measures {
		cfg.Measures = append(cfg.Measures, sli.Measure{Indicator: indicator(b, text(i))})
	}
	r := sli.New(cfg, 1, zerolog.Nop())
	const pages, size = 25, 1000
	var all [][]source.Span
	for range pages {
		all = append(all, l.page(size))
	}
	count := func() {
		for range 8 {
			for _, page := range all {
				r.Count(0, page)
			}
		}
	}
	for range 2 {
		count()
		step(b, r, start)
	}
	var before, after runtime.MemStats
	var allocs, events uint64
	var busy time.Duration
	b.ResetTimer()
	for range b.N {
		runtime.ReadMemStats(&before)
		began := time.Now()
		count()
		busy += time.Since(began)
		runtime.ReadMemStats(&after)
		allocs += after.Mallocs - before.Mallocs
		for m := range r.Minutes() {
			if m.Measure != sli.Platform {
				events += m.Events
			}
		}
		r.Discard()
	}
	spans := float64(b.N * 8 * pages * size)
	b.ReportMetric(float64(busy.Nanoseconds())/spans, "ns/span")
	b.ReportMetric(float64(allocs)/spans, "allocs/span")
	b.ReportMetric(float64(events)/spans, "events/span")
	b.ReportMetric(0, "ns/op")
}
