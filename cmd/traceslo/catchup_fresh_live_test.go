package main_test

import (
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/testenv"
)

// TestCatchingUpStarvesNoFreshSpan stores spans of now while a daemon reads
// those of yesterday through a slow way: each is counted long before they are.
func TestCatchingUpStarvesNoFreshSpan(t *testing.T) {
	t.Parallel() // It waits more than it works.
	c := testenv.SharedCluster(t, testenv.Elasticsearch, "8.19.7")
	prefix := c.Prefix(t)
	tr, rnd, now := newTruth(), rand.New(rand.NewPCG(1, 1)), time.Now().UTC()
	index := func(day time.Time) string { return prefix + "-jaeger-span-" + day.Format("2006-01-02") }
	c.Do(t, "PUT", "/_index_template/"+prefix, fmt.Sprintf(`{"index_patterns":["%s*"],"template":{"settings":{"number_of_shards":1,"number_of_replicas":0}}}`, prefix))
	write := func(n int, service string, at time.Time) {
		t.Helper()
		for n > 0 {
			some := min(n, 10_000)
			var bulk strings.Builder
			for range some {
				span := randomSpan(rnd, service, at)
				tr.add(span)
				bulk.WriteString("{\"index\":{}}\n")
				bulk.Write(span.document(false))
				bulk.WriteString("\n")
			}
			c.Do(t, "POST", "/"+index(at)+"/_bulk?filter_path=errors", bulk.String())
			n -= some
		}
	}
	const backlog = 120_000
	yesterday := now.AddDate(0, 0, -1)
	write(backlog, "old", yesterday)

	cluster, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	slow := &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(cluster) }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, index(yesterday)+"/_") && strings.HasSuffix(r.URL.Path, "search") {
			<-time.After(300 * time.Millisecond)
		}
		slow.ServeHTTP(w, r)
	}))
	defer front.Close()
	d := newDaemon(t, fmt.Sprintf(exactConfig, front.URL, prefix))
	d.start()

	amid := 0
	for i := 1; ; i++ {
		write(1, "fresh", now)
		var left, caughtUp float64
		testenv.Eventually(t, time.Minute, func() error {
			families, err := scrape(d.url)
			if err != nil {
				return err
			}
			if got := sum(families, "jaeger_traces_total", "service", "fresh"); got != float64(i) {
				return fmt.Errorf("%v of %d fresh spans are counted\n%s", got, i, d.process.Tail())
			}
			left, caughtUp = sum(families, "traceslo_source_backlog_spans"), sum(families, "traceslo_source_catch_up_read_spans")
			return nil
		})
		if caughtUp == 0 && left == 0 {
			break
		}
		if left > 10_000 {
			amid++
			t.Logf("fresh span %d is counted while %v spans are to be read, and %v are", i, left, caughtUp)
		}
	}
	if amid < 2 {
		t.Errorf("%d fresh spans were counted before the backlog was nearly read", amid)
	}
	d.settled(time.Minute)
	d.compare(tr)
}
