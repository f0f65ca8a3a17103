package bench_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/source/jaeger"
)

// A meter stands between traceslo and the cluster and counts.
type meter struct {
	url                      string
	requests, sent, received atomic.Int64
}

func newMeter(t *testing.T, cluster string) *meter {
	t.Helper()
	target, err := url.Parse(cluster)
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			m.requests.Add(1)
			m.sent.Add(int64(len(r.In.RequestURI)) + max(0, r.In.ContentLength))
		},
		ModifyResponse: func(r *http.Response) error {
			r.Body = &counted{r.Body, &m.received}
			return nil
		},
	})
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

// counted is a body that counts what is read of it.
type counted struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// indices measures what a poll costs by how many daily indices there are, of
// which all but two are idle.
func (g *growth) indices() {
	g.t.Helper()
	// An index counts as idle after so long without a change.
	const shards, seconds, most, settles = 5, 20, 400, 5 * time.Minute
	const prefix = "indices"
	table := bench.Table{Head: []string{"indices", "shards", "requests a poll", "sent a poll", "received a poll", "traceslo's CPU, ms a poll", "the cluster's, ms a poll", "its memory at most"}}
	var cost lines
	today := time.Now().UTC().Truncate(24 * time.Hour)
	there := 0
	for _, n := range []int{1, 10, 50, 100, 200, most} {
		if n > max(10, g.base/100) {
			break
		}
		first := there
		store(g.t, g.cluster, prefix, jaeger.Elevated, shards, []stream{func(yield func(*jaeger.Document) error) error {
			for ; there < n; there++ {
				for i := range 10 {
					if err := yield(g.ofDay(today, there, i)); err != nil {
						return err
					}
				}
			}
			return nil
		}})
		g.cluster.Do(g.t, "GET", "/_cluster/health?wait_for_status=yellow&timeout=120s", "")
		quiet(g.t, g.cluster)
		g.t.Logf("%d indices more", there-first)

		// What the cluster does by itself, and to store.
		alone, idleFor := costs(g.t, g.cluster, func() { g.trickle(prefix, today, n, seconds) })
		m := newMeter(g.t, g.cluster.URL)
		d, refused := newDaemon(g.t, m.url, prefix, engines[0], "")
		if refused != "" {
			g.t.Fatal(refused)
		}
		d.start()
		d.settled(5 * time.Minute)
		measured := func(name string, seconds int) {
			requests, sent, received, own := m.requests.Load(), m.sent.Load(), m.received.Load(), usage(g.t, d.process).CPU
			with, took := costs(g.t, g.cluster, func() { g.trickle(prefix, today, n, seconds) })
			polls := took.Seconds() // One a second.
			u := usage(g.t, d.process)
			requests, sent, received, own = m.requests.Load()-requests, m.sent.Load()-sent, m.received.Load()-received, u.CPU-own
			cluster := max(0, with.Seconds()/polls-alone.Seconds()/idleFor.Seconds()) * 1e3
			table.Add(name, n*shards, float64(requests)/polls, bench.Bytes(int64(float64(sent)/polls)), bench.Bytes(int64(float64(received)/polls)),
				own.Seconds()*1e3/polls, cluster, bench.Bytes(u.Peak))
			if name == fmt.Sprint(n) {
				cost.add("traceslo's own", float64(n), own.Seconds()*1e3/polls)
				cost.add("the cluster's, for it", float64(n), cluster)
			}
		}
		measured(fmt.Sprint(n), seconds)
		if n == most && part("quiet") {
			g.trickle(prefix, today, n, int((settles + 30*time.Second).Seconds()))
			measured(fmt.Sprintf("%d, idle for more than 5 minutes", n), 60)
		}
		d.process.Kill()
	}
	forget(g.t, g.cluster, prefix)
	g.out.f("## Indices\n\nA poll a second for %d s over daily indices of %d shards, all but the latest two idle, into which a span is stored each second. The cluster's is what it uses more than without traceslo in the same time. Bytes are as HTTP carries them, without headers.\n\n%s\n", seconds, shards, &table)
	g.out.picture("growth-indices.svg", "CPU milliseconds a poll by indices", bench.Chart{Title: "CPU per poll", X: "indices of 5 shards", Y: "ms a poll", Series: cost.series}.SVG())
}

// ofDay is the i-th span of a day so many days before today.
func (g *growth) ofDay(today time.Time, before, i int) *jaeger.Document {
	return &jaeger.Document{TraceID: [16]byte{0: byte(before), 1: byte(before >> 8), 15: byte(i)}, SpanID: uint64(i + 1), Operation: "GET /", Service: "days",
		Start: today.AddDate(0, 0, -before).UnixMicro() + int64(i), Duration: 1000, Tags: []jaeger.Tag{jaeger.String("span.kind", "server")}}
}

// trickle stores a span a second into each of the latest two indices.
func (g *growth) trickle(prefix string, today time.Time, indices, seconds int) {
	g.t.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := range seconds {
		for day := range min(2, indices) {
			doc := g.ofDay(today, day, 100+i)
			path := fmt.Sprintf("/%s%s/_doc", jaeger.SpanIndex(prefix), today.AddDate(0, 0, -day).Format(time.DateOnly))
			g.cluster.Do(g.t, "POST", path, string(jaeger.AppendDocument(nil, doc, jaeger.Elevated)))
		}
		<-tick.C
	}
}
