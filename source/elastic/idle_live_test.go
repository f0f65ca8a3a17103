package elastic_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
)

// BenchmarkLiveIdlePoll is a poll of 400 daily indices of five shards, of which
// two are written to now and then: how many requests and bytes it takes, and
// how much of the processors, here and in the cluster; while all are asked how
// far they are, and while quiet ones are not.
func BenchmarkLiveIdlePoll(b *testing.B) {
	c := testenv.StartCluster(b, testenv.ClusterOptions{Flavor: testenv.Elasticsearch, Version: "8.19.7", HeapMiB: 1024})
	c.Do(b, "PUT", "/_cluster/settings", `{"persistent":{"cluster.max_shards_per_node":3000}}`)
	var busy []string
	for day := range 400 {
		name := "idle-jaeger-span-" + time.Date(2025, 10, 25, 0, 0, 0, 0, time.UTC).AddDate(0, 0, day).Format(time.DateOnly)
		c.Do(b, "PUT", "/"+name+"?wait_for_active_shards=0", `{"settings":{"number_of_shards":5,"number_of_replicas":0},`+mapping+`}`)
		c.Do(b, "POST", "/"+name+"/_bulk", strings.Repeat("{\"index\":{}}\n{\"duration\":1}\n", 20))
		if day >= 398 {
			busy = append(busy, name)
		}
	}
	for _, test := range []struct {
		name  string
		least int
	}{{"all asked", 1 << 30}, {"quiet not asked", 100}} {
		b.Run(test.name, func(b *testing.B) { benchmarkIdle(b, c, busy, test.least) })
	}
}

func benchmarkIdle(b *testing.B, c *testenv.Cluster, busy []string, least int) {
	var requests, bytes atomic.Int64
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &counted{conn, &bytes}, err
	}
	o := elastic.Options{Config: elastic.Default(), Log: zerolog.Nop(), Observe: func(string, string, time.Duration) { requests.Add(1) }}
	o.Config.Addresses, o.Config.IndexPrefix = []string{c.URL}, "idle"
	s, err := elastic.NewWithDial(o, dial)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	s.SetQuiet(time.Second, least)
	store, err := state.Open(filepath.Join(b.TempDir(), state.FileName))
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	var positions *source.Positions
	if err := store.View(func(tx *state.Tx) error { positions, err = source.LoadPositions(tx); return err }); err != nil {
		b.Fatal(err)
	}
	feed, err := source.NewFeed(source.FeedOptions{Source: s, Counter: forgetful{store}, Positions: positions, Readers: 2, Poll: 5 * time.Second,
		Log: zerolog.Nop(), Metrics: source.NewMetrics(prometheus.NewRegistry(), nil, nil)})
	if err != nil {
		b.Fatal(err)
	}
	step := func() {
		if _, err := feed.Step(b.Context(), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	for range 4 {
		// Those that are written to are not quiet.
		for _, name := range busy {
			c.Do(b, "POST", "/"+name+"/_doc", `{"duration":1}`)
		}
		step()
		<-time.After(500 * time.Millisecond)
	}
	for range 100 {
		step() // warms up what the cluster compiles as it runs
	}
	theirs := clusterCPU(b, c)
	requests.Store(0)
	bytes.Store(0)
	ours := processCPU()
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
	n := float64(b.N)
	b.ReportMetric(float64(processCPU()-ours)/1e6/n, "our-cpu-ms/poll")
	b.ReportMetric(float64(requests.Load())/n, "requests/poll")
	b.ReportMetric(float64(bytes.Load())/n, "B/poll")
	b.ReportMetric(float64(clusterCPU(b, c)-theirs)/1e6/n, "cluster-cpu-ms/poll")
}

// counted counts what goes over a connection, both ways.
type counted struct {
	net.Conn
	bytes *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.bytes.Add(int64(n))
	return n, err
}

// forgetful is a Counter that keeps positions and no counts.
type forgetful struct{ store *state.Store }

func (forgetful) Count(int, []source.Span) {}

func (forgetful) CountGroups(int, []source.Group, []source.Span) {}

func (forgetful) Discard() {}

func (f forgetful) Commit(s source.Step) error { return f.store.Update(s.Save) }

// processCPU is what this process has used of the processors.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// clusterCPU is what the cluster's nodes have used of them, which they tell
// anew once a second.
func clusterCPU(b *testing.B, c *testenv.Cluster) time.Duration {
	b.Helper()
	<-time.After(1100 * time.Millisecond)
	var answer struct {
		Nodes map[string]struct {
			Process struct {
				CPU struct {
					Millis int64 `json:"total_in_millis"`
				}
			}
		}
	}
	if err := json.Unmarshal(c.Do(b, "GET", "/_nodes/stats/process", ""), &answer); err != nil {
		b.Fatal(err)
	}
	total := int64(0)
	for _, node := range answer.Nodes {
		total += node.Process.CPU.Millis
	}
	if total == 0 {
		b.Fatal(fmt.Errorf("no node tells its CPU: %+v", answer))
	}
	return time.Duration(total) * time.Millisecond
}
