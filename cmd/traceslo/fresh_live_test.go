package main_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/testenv"
)

// BenchmarkStoredToScrapeable measures how long it takes from the moment at
// which Elasticsearch acknowledges a span to the moment at which /metrics holds
// it, with a poll interval of one second.
func BenchmarkStoredToScrapeable(b *testing.B) {
	c := testenv.SharedCluster(b, testenv.Elasticsearch, "8.19.7")
	prefix := c.Prefix(b)
	spanTemplate(b, c, prefix, 0)
	d := newDaemon(b, fmt.Sprintf(exactConfig, c.URL, prefix))
	d.start()
	index := prefix + "-jaeger-span-" + time.Now().UTC().Format("2006-01-02")
	var took []time.Duration
	for b.Loop() {
		n := len(took) + 1
		span := stored{service: "api-gateway", operation: "GET /", kind: "server", start: time.Now().UnixMicro(), duration: int64(n), traceID: 1, spanID: uint64(n)}
		c.Do(b, "POST", "/"+index+"/_doc", string(span.document(false)))
		began := time.Now()
		testenv.Eventually(b, time.Minute, func() error {
			families, err := scrape(d.url)
			if err != nil {
				return err
			}
			if got := sum(families, "jaeger_traces_total"); got != float64(n) {
				return fmt.Errorf("%v of %d spans", got, n)
			}
			return nil
		})
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	for _, q := range []int{50, 99} {
		b.ReportMetric(took[(len(took)-1)*q/100].Seconds(), fmt.Sprintf("p%d-s", q))
	}
}
