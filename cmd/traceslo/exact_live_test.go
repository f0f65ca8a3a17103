package main_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source/footanalytics"
)

// A daemon is a traceslo that a test starts and kills, again and again over one state.
type daemon struct {
	t       testing.TB
	binary  string
	config  string
	storage string
	// address is where it listens; "" for a port that it chooses.
	address string
	// args are further flags.
	args    []string
	url     string
	process *testenv.Process
}

// newDaemon prepares a daemon with that configuration; start starts it.
func newDaemon(t testing.TB, config string) *daemon {
	t.Helper()
	dir := t.TempDir()
	d := &daemon{t: t, binary: testenv.Binary(t, "./cmd/traceslo"), config: filepath.Join(dir, "traceslo.yaml"), storage: filepath.Join(dir, "data")}
	if err := os.WriteFile(d.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

// start starts the daemon and returns when it listens.
func (d *daemon) start() {
	d.t.Helper()
	d.process = testenv.StartProcess(d.t, testenv.Command{Path: d.binary, Args: append([]string{"serve", "--config.file=" + d.config,
		"--storage.path=" + d.storage, "--web.listen-address=" + cmp.Or(d.address, "127.0.0.1:0"), "--log.format=json"}, d.args...)})
	const said = `"message":"Listening on"`
	d.process.WaitOutput(d.t, said, 20*time.Second)
	for line := range strings.Lines(d.process.Stderr()) {
		if strings.Contains(line, said) {
			var event struct{ Address string }
			if err := json.Unmarshal([]byte(line), &event); err != nil {
				d.t.Fatal(err)
			}
			d.url = "http://" + event.Address
		}
	}
	d.process.WaitHTTP(d.t, d.url+"/-/ready", 20*time.Second)
}

// settled waits until the daemon has read everything that was stored before
// now, and returns its metrics.
func (d *daemon) settled(within time.Duration) {
	d.t.Helper()
	now := float64(time.Now().UnixMilli()) / 1e3
	testenv.Eventually(d.t, within, func() error {
		families, err := scrape(d.url)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, d.process.Tail())
		}
		if at := sum(families, "traceslo_source_last_complete_read_timestamp_seconds"); at < now {
			return fmt.Errorf("read completely up to %.1f s ago, backlog %v\n%s", now-at, sum(families, "traceslo_source_backlog_spans"), d.process.Tail())
		}
		return nil
	})
}

func (d *daemon) compare(tr *truth) {
	d.t.Helper()
	families, err := scrape(d.url)
	if err != nil {
		d.t.Fatal(err)
	}
	tr.compare(d.t, families)
	if d.t.Failed() {
		d.t.Logf("the daemon said:\n%s", d.process.Tail())
	}
}

// load stores spans in an index or through an alias, in batches, 2 % of them
// twice, and adds each to the truth once it is acknowledged. A batch whose fate
// is unknown is stored again: that, too, may store spans twice.
func load(ctx context.Context, bulk *footanalytics.Bulk, tr *truth, rnd *rand.Rand, n int, service string, at time.Time, index func() string, progress *atomic.Int64) error {
	var last []footanalytics.Item
	for n > 0 {
		var items []footanalytics.Item
		var spans []stored
		for range min(n, 100+rnd.IntN(400)) {
			span := randomSpan(rnd, service, at)
			spans = append(spans, span)
			items = append(items, footanalytics.Item{Index: index(), Source: span.document(rnd.IntN(2) == 0)})
		}
		for _, item := range last {
			if rnd.IntN(50) == 0 {
				items = append(items, footanalytics.Item{Index: index(), Source: item.Source})
			}
		}
		todo := items
		for len(todo) > 0 {
			fates, err := bulk.Write(ctx, todo)
			var again []footanalytics.Item
			for i, fate := range fates {
				if fate != footanalytics.Stored {
					again = append(again, todo[i])
				}
			}
			if len(again) > 0 && ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			todo = again
		}
		for _, span := range spans {
			tr.add(span)
		}
		last = items[:len(spans)]
		n -= len(spans)
		progress.Add(int64(len(spans)))
	}
	return nil
}

// spanTemplate makes every span index of a prefix one of three shards, with
// Jaeger's types for what is searched.
func spanTemplate(t testing.TB, c *testenv.Cluster, prefix string, replicas int) {
	t.Helper()
	properties := `{"traceID":{"type":"keyword"},"spanID":{"type":"keyword"},"operationName":{"type":"keyword","ignore_above":256},
		"startTime":{"type":"long"},"startTimeMillis":{"type":"date","format":"epoch_millis"},"duration":{"type":"long"},
		"tags":{"type":"nested","dynamic":false,"properties":{"key":{"type":"keyword"},"value":{"type":"keyword"},"type":{"type":"keyword"}}},
		"logs":{"type":"nested","dynamic":false},"references":{"type":"nested","dynamic":false},"process":{"type":"object","properties":{"serviceName":{"type":"keyword"},"tags":{"type":"nested","dynamic":false}}}}`
	c.Do(t, "PUT", "/_index_template/"+prefix, fmt.Sprintf(`{"index_patterns":["%s*"],"template":{"settings":{"number_of_shards":3,"number_of_replicas":%d},"mappings":{"properties":%s}}}`, prefix, replicas, properties))
}

const exactConfig = `
source:
  elasticsearch:
    addresses: [%s]
    index_prefix: %s
    start: earliest
    poll_interval: 1s
sli:
  new_series_hold: 0s
`

// TestExactOnEveryVersion stores 100,000 spans of both layouts by several
// writers at once into several kinds of indices, 2 % of them twice, while the
// daemon is killed again and again. Every counter must equal the truth.
func TestExactOnEveryVersion(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		const kills, each = 24, 16_100
		prefix := c.Prefix(t)
		spanTemplate(t, c, prefix, 0)
		base := prefix + "-jaeger-span-"
		now := time.Now().UTC()
		today, yesterday := now.Format("2006-01-02"), now.AddDate(0, 0, -1).Format("2006-01-02")
		c.Do(t, "PUT", "/"+base+"000001", `{"aliases":{"`+base+`write":{"is_write_index":true}}}`)

		bulk, err := footanalytics.NewBulk(c.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		tr := newTruth()
		d := newDaemon(t, fmt.Sprintf(exactConfig, c.URL, prefix))
		d.start()

		// The first index of its name is read to its end before it is deleted.
		var progress, ignored atomic.Int64
		again := base + "2026-11-01"
		rnd := rand.New(rand.NewPCG(uint64(now.UnixNano()), 0))
		t.Logf("seed %d", now.UnixNano())
		if err := load(t.Context(), bulk, tr, rnd, 3_500, "made-again", now, func() string { return again }, &ignored); err != nil {
			t.Fatal(err)
		}
		d.settled(time.Minute)

		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		var writers sync.WaitGroup
		write := func(i int, service string, index func(rnd *rand.Rand) string) {
			writers.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(now.UnixNano()), uint64(i)))
				if err := load(ctx, bulk, tr, rnd, each, service, now, func() string { return index(rnd) }, &progress); err != nil {
					t.Errorf("writer %d: %v", i, err)
				}
			})
		}
		write(1, "api-gateway", func(*rand.Rand) string { return base + today })
		write(2, "api-gateway", func(rnd *rand.Rand) string { return base + []string{today, yesterday}[rnd.IntN(2)] })
		write(3, "ml-pipeline", func(rnd *rand.Rand) string { return fmt.Sprintf("%s%s-%02d", base, today, rnd.IntN(4)) })
		write(4, "video-ingestion", func(*rand.Rand) string { return base + "write" })
		write(5, "video-ingestion", func(rnd *rand.Rand) string { return base + []string{"write", yesterday}[rnd.IntN(2)] })
		var deleted sync.Once
		write(6, "made-again", func(*rand.Rand) string {
			deleted.Do(func() { c.Do(t, "DELETE", "/"+again, "") })
			return again
		})

		total := int64(6 * each)
		var moments []int64
		for i := range int64(kills) {
			moments = append(moments, i*total/kills+rnd.Int64N(total/kills))
		}
		rolled := false
		for i, moment := range moments {
			testenv.Eventually(t, 3*time.Minute, func() error {
				if at := progress.Load(); at < moment {
					return fmt.Errorf("%d of %d spans written before kill %d", at, moment, i)
				}
				return nil
			})
			if !rolled && i >= kills/2 {
				rolled = true
				c.Do(t, "POST", "/"+base+"write/_rollover", "")
			}
			d.process.Kill()
			d.start()
		}
		writers.Wait()
		d.settled(2 * time.Minute)
		d.compare(tr)

		families, err := scrape(d.url)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d spans counted exactly, %d kills, %d indices", tr.spans, kills, int(sum(families, "traceslo_source_indices", "state", "followed")))
		if tr.spans < 100_000 {
			t.Errorf("only %d spans were written", tr.spans)
		}
		d.settled(time.Minute)
		d.compare(tr)
		if err := d.process.Terminate(2 * time.Second); err != nil {
			t.Errorf("SIGTERM: %v", err)
		}
		d.start()
		d.compare(tr)
	})
}

// TestExactWhileNodesDie kills the node with the most primaries twice under load.
func TestExactWhileNodesDie(t *testing.T) {
	c := testenv.StartCluster(t, testenv.ClusterOptions{Flavor: "elasticsearch", Version: "8.15.0", Nodes: 3})
	prefix := c.Prefix(t)
	spanTemplate(t, c, prefix, 1)
	base := prefix + "-jaeger-span-"
	now := time.Now().UTC()
	today := base + now.Format("2006-01-02")
	c.Do(t, "PUT", "/"+today, "")
	c.Do(t, "GET", "/_cluster/health/"+today+"?wait_for_status=green&timeout=60s", "")

	var urls []string
	for _, n := range c.Nodes() {
		urls = append(urls, n.URL)
	}
	d := newDaemon(t, fmt.Sprintf(exactConfig, strings.Join(urls, ", "), prefix))
	d.start()

	tr := newTruth()
	const rounds, writers, each = 2, 5, 3_000
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	for round := range rounds {
		var progress atomic.Int64
		var writing sync.WaitGroup
		for i := range writers {
			writing.Go(func() {
				// Each writer knows one node; when that dies it goes to the next.
				bulk, err := footanalytics.NewBulk(urls[0], &http.Client{Timeout: 30 * time.Second, Transport: &failover{urls: urls, at: i}})
				if err != nil {
					t.Error(err)
					return
				}
				rnd := rand.New(rand.NewPCG(uint64(now.UnixNano()), uint64(round*writers+i)))
				if err := load(ctx, bulk, tr, rnd, each, "api-gateway", now, func() string { return today }, &progress); err != nil {
					t.Errorf("writer %d: %v", i, err)
				}
			})
		}
		testenv.Eventually(t, 3*time.Minute, func() error {
			if at := progress.Load(); at < writers*each/4 {
				return fmt.Errorf("%d spans written", at)
			}
			return nil
		})
		victim := mostPrimaries(t, c, today)
		victim.Kill()
		at := progress.Load()
		t.Logf("killed node %s after %d of %d spans of round %d", victim.URL, at, writers*each, round)
		if at >= writers*each {
			t.Error("the node was not killed under load")
		}
		c.Restart(t, victim)
		writing.Wait()
		// The next victim must not hold the last copy of a shard.
		testenv.Eventually(t, 3*time.Minute, func() error {
			answer := c.Do(t, "GET", "/_cluster/health/"+today+"?filter_path=status", "")
			if !strings.Contains(string(answer), "green") {
				return errors.New(string(answer))
			}
			return nil
		})
	}
	d.settled(2 * time.Minute)
	d.compare(tr)
	t.Logf("%d spans counted exactly over two killed nodes", tr.spans)
}

// failover sends each request to one of several nodes, and to the next one
// after a request that was not answered.
type failover struct {
	urls []string
	at   int
}

// RoundTrip implements http.RoundTripper.
func (f *failover) RoundTrip(request *http.Request) (*http.Response, error) {
	node, err := url.Parse(f.urls[f.at%len(f.urls)])
	if err != nil {
		return nil, err
	}
	request.URL.Host = node.Host
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		f.at++
	}
	return response, err
}

// mostPrimaries returns the node that holds the most primaries of an index.
func mostPrimaries(t *testing.T, c *testenv.Cluster, index string) *testenv.Node {
	t.Helper()
	var shards []struct{ Prirep, Node string }
	var nodes []struct{ Name, HTTP string }
	for path, into := range map[string]any{"/_cat/shards/" + index + "?format=json&h=prirep,node": &shards, "/_cat/nodes?format=json&h=name,http": &nodes} {
		if err := json.Unmarshal(c.Do(t, "GET", path, ""), into); err != nil {
			t.Fatal(err)
		}
	}
	primaries := map[string]int{}
	for _, shard := range shards {
		if shard.Prirep == "p" {
			primaries[shard.Node]++
		}
	}
	slices.SortFunc(nodes, func(a, b struct{ Name, HTTP string }) int { return primaries[b.Name] - primaries[a.Name] })
	for _, node := range c.Nodes() {
		if strings.HasSuffix(node.URL, nodes[0].HTTP) {
			return node
		}
	}
	t.Fatalf("node %+v is none of ours", nodes[0])
	return nil
}
