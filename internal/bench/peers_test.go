package bench_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source/jaeger"
)

// A run is what one reading of all spans cost and said.
type run struct {
	own, cluster, took time.Duration
	peak               int64
	off                bench.Difference
}

// A subject is what is measured.
type subject struct {
	name string
	// once measures one reading of all spans from nothing.
	once func(t *testing.T) run
	// restarted does so with a kill -9 midway, and tells how far it was.
	restarted func(t *testing.T) (off bench.Difference, at int)
	// fresh tells how long a span takes from being stored or sent to being seen.
	fresh func(t *testing.T) []time.Duration
	does  string

	runs    []run
	refused string
}

// shardsOfPeers is Jaeger's default in the platform that traceslo was asked for.
const shardsOfPeers = 3

// flush is how often the connector hands on in what is measured of its cost. Its
// default is a minute; traceslo polls each second, which costs it more.
const flush = 5 * time.Second

// A comparison is what all subjects share.
type comparison struct {
	cluster  *testenv.Cluster
	platform *platform
}

func TestPeers(t *testing.T) {
	only(t, *peersFlag)
	out := newPage(t, "peers", "traceslo beside others", command("peers"))
	c := startCluster(t, "")
	p := newPlatform(t, *spansFlag, *overFlag, time.Now().Truncate(time.Minute))
	t.Logf("%d spans of %d operations", p.spans(), len(p.truth.Of))
	began := time.Now()
	store(t, c, "elevated", jaeger.Elevated, shardsOfPeers, p.streams(t.Context()))
	t.Logf("stored in %s", time.Since(began).Round(time.Second))
	store(t, c, "nested", jaeger.Nested, shardsOfPeers, p.streams(t.Context()))
	quiet(t, c)

	cmp := comparison{c, p}
	out.f("The same %s spans of an invented platform (`source/footanalytics`, seed 7, %d label sets, %s failed), of which is known what is to be counted. They ended within %s, which is %s a second. "+
		"They are stored once, in one index of %d shards without replicas, and read from there; or sent to a collector. Each is measured %d times in turn, from nothing; the median is told.\n\n",
		bench.Count(int64(p.spans())), len(p.truth.Of), bench.Count(int64(p.errors())), *overFlag, bench.Figure(float64(p.spans())/overFlag.Seconds()), shardsOfPeers, *roundsFlag)

	subjects := cmp.subjects(t)
	bare := floors()
	floorRuns := make([][]run, len(bare))
	for round := range *roundsFlag {
		for i, f := range bare {
			cpu, took := costs(t, c, func() { f.run(t, c, "elevated", shardsOfPeers) })
			floorRuns[i] = append(floorRuns[i], run{cluster: cpu, took: took})
		}
		for _, s := range subjects {
			if s.refused == "" {
				s.runs = append(s.runs, s.once(t))
				t.Logf("round %d, %s: %+v", round+1, s.name, s.runs[round])
			}
		}
	}
	cmp.costs(out, subjects, bare, floorRuns)
	out.write(t)
	cmp.truths(t, out, subjects)
	cmp.asPrometheusCounts(t, out)
	out.write(t)
	cmp.freshness(t, out, subjects)
	out.write(t)
	if part("spm") {
		cmp.spm(t, out)
	}
	cmp.says(out, subjects)
	out.write(t)
}

func (p *platform) errors() uint64 {
	n := uint64(0)
	for _, tally := range p.truth.Of {
		n += tally.Errors
	}
	return n
}

// subjects are those that count by themselves.
func (c comparison) subjects(t *testing.T) []*subject {
	t.Helper()
	var all []*subject
	for _, engine := range engines {
		for _, prefix := range []string{"elevated", "nested"} {
			s := &subject{name: "traceslo, read: " + engine}
			if prefix == "nested" {
				s.name += ", tags nested as Jaeger v1 stores them"
			}
			if !part(engine) {
				continue
			}
			if _, s.refused = newDaemon(t, c.cluster.URL, prefix, engine, ""); s.refused == "" {
				c.ours(s, prefix, engine)
			}
			all = append(all, s)
		}
	}
	if part("collector") {
		keys := []string{"service.name"}
		all = append(all,
			c.theirs("Jaeger v2, spanmetrics connector", toSpanMetrics, keys),
			c.theirs("Jaeger v2, spanmetrics connector, default resource keys", toSpanMetrics, nil),
			c.theirs("Jaeger v2, receiving alone (what a collector does anyway)", toNothing, nil))
	}
	return all
}

// ours measures traceslo.
func (c comparison) ours(s *subject, prefix, engine string) {
	s.does = "exact after any crash; late spans and history; histograms classic and native; needs the spans to be stored"
	s.once = func(t *testing.T) run {
		quiet(t, c.cluster)
		d, _ := newDaemon(t, c.cluster.URL, prefix, engine, "")
		var r run
		r.cluster, r.took = costs(t, c.cluster, func() {
			d.start()
			d.settled(20 * time.Minute)
		})
		u := usage(t, d.process)
		r.own, r.peak = u.CPU, u.Peak
		r.off = c.platform.truth.Differ(d.counted())
		d.process.Kill()
		return r
	}
	s.restarted = func(t *testing.T) (bench.Difference, int) {
		d, _ := newDaemon(t, c.cluster.URL, prefix, engine, "")
		d.start()
		at := 0
		d.await(20*time.Minute, func(r reading) bool { at = r.Spans; return at >= c.platform.spans()/4 })
		d.process.Kill()
		d.start()
		d.settled(20 * time.Minute)
		defer d.process.Kill()
		return c.platform.truth.Differ(d.counted()), at
	}
	s.fresh = func(t *testing.T) []time.Duration {
		d, _ := newDaemon(t, c.cluster.URL, "fresh", engine, "")
		layout := jaeger.Elevated
		if prefix == "nested" {
			layout = jaeger.Nested
		}
		store(t, c.cluster, "fresh", layout, 1, []stream{fresh(0)})
		defer forget(t, c.cluster, "fresh")
		d.start()
		defer d.process.Kill()
		d.settled(time.Minute)
		return samples(t, func(i int) {
			day := time.Now().UTC().Format(time.DateOnly)
			_ = fresh(i)(func(doc *jaeger.Document) error {
				c.cluster.Do(t, "POST", "/"+jaeger.SpanIndex("fresh")+day+"/_doc", string(jaeger.AppendDocument(nil, doc, layout)))
				return nil
			})
		}, func(i int) bool { return d.counted().Spans == uint64(i+1) })
	}
}

// theirs measures a collector.
func (c comparison) theirs(name, exporter string, keys []string) *subject {
	s := &subject{name: name, does: "counts what passes by; a restart begins at 0; no history; needs no storage"}
	if exporter == toNothing {
		s.does = "counts nothing; for the difference to the row above"
	}
	s.once = func(t *testing.T) run {
		d := newCollector(t, exporter, flush, keys...)
		d.start()
		began := time.Now()
		d.send(c.platform.streams(t.Context()))
		r := run{took: time.Since(began)}
		d.flushed()
		u := usage(t, d.process)
		r.own, r.peak = u.CPU, u.Peak
		if exporter != toNothing {
			r.off = c.platform.truth.Differ(d.counted())
		}
		d.process.Kill()
		return r
	}
	if exporter == toNothing {
		return s
	}
	s.restarted = func(t *testing.T) (bench.Difference, int) {
		d := newCollector(t, exporter, flush, keys...)
		d.start()
		streams := c.platform.streams(t.Context())
		d.send(streams[:len(streams)/2])
		d.flushed()
		at := d.counted().Spans
		d.process.Kill()
		d.start()
		d.send(streams[len(streams)/2:])
		d.flushed()
		defer d.process.Kill()
		return c.platform.truth.Differ(d.counted()), int(at)
	}
	s.fresh = func(t *testing.T) []time.Duration {
		d := newCollector(t, exporter, time.Second, keys...)
		d.start()
		defer d.process.Kill()
		return samples(t, func(i int) { d.send([]stream{fresh(i)}) }, func(i int) bool { return d.counted().Spans == uint64(i) })
	}
	return s
}

// fresh is one span of now.
func fresh(i int) stream {
	return func(yield func(*jaeger.Document) error) error {
		return yield(&jaeger.Document{TraceID: [16]byte{15: 1}, SpanID: uint64(i + 1), Operation: "GET /", Start: time.Now().UnixMicro(), Duration: int64(i + 1),
			Service: "fresh", Tags: []jaeger.Tag{jaeger.String("span.kind", "server")}})
	}
}

// samples measures how long each of some spans takes until it is seen. Between
// two of them it waits for a random time, so that no clock is met in step.
func samples(t *testing.T, put func(i int), seen func(i int) bool) []time.Duration {
	t.Helper()
	var took []time.Duration
	for i := 1; i <= *samplesFlag; i++ {
		time.Sleep(rand.N(time.Second))
		put(i)
		began := time.Now()
		for !seen(i) {
			if time.Since(began) > time.Minute {
				t.Fatalf("span %d is not seen within a minute", i)
			}
			time.Sleep(5 * time.Millisecond)
		}
		took = append(took, time.Since(began))
	}
	return took
}

// middle returns the run with the median of a quantity.
func middle[T int64 | float64](runs []run, of func(run) T) T {
	var all []T
	for _, r := range runs {
		all = append(all, of(r))
	}
	return bench.Quantile(all, 0.5)
}

func (c comparison) costs(out *page, subjects []*subject, bare []floor, floorRuns [][]run) {
	n := c.platform.spans()
	own := func(r run) float64 { return bench.PerMillion(r.own, n) }
	cluster := func(r run) float64 { return bench.PerMillion(r.cluster, n) }
	both := func(r run) float64 { return own(r) + cluster(r) }
	spread := func(runs []run) string {
		var all []float64
		for _, r := range runs {
			all = append(all, both(r))
		}
		return bench.Figure(bench.Quantile(all, 0)) + " – " + bench.Figure(bench.Quantile(all, 1))
	}
	table := bench.Table{Head: []string{"what counts", "its own CPU, s per million spans", "the cluster's CPU, s per million spans", "both, lowest – highest", "its memory at most", "took"}}
	bars := bench.Bars{Title: "CPU seconds per million spans", Unit: "CPU seconds", Parts: []string{"the process itself", "the cluster, for it"}}
	took := func(r run) float64 { return r.took.Seconds() }
	for _, s := range subjects {
		if s.refused != "" {
			table.Add(s.name, "not in this build", "", "", "", "")
			continue
		}
		table.Add(s.name, middle(s.runs, own), middle(s.runs, cluster), spread(s.runs), bench.Bytes(middle(s.runs, func(r run) int64 { return r.peak })), bench.Figure(middle(s.runs, took))+" s")
		bars.Bars = append(bars.Bars, bench.Bar{Name: s.name, Values: []float64{middle(s.runs, own), middle(s.runs, cluster)}})
	}
	for i, f := range bare {
		table.Add(f.name+", no reader at all", 0.0, middle(floorRuns[i], cluster), spread(floorRuns[i]), "", bench.Figure(middle(floorRuns[i], took))+" s")
		bars.Bars = append(bars.Bars, bench.Bar{Name: f.name + ", no reader at all", Values: []float64{0, middle(floorRuns[i], cluster)}})
	}
	out.f("## What it costs\n\n%s\n", &table)
	out.picture("peers.svg", "CPU seconds per million spans of each, its own and the cluster's", bars.SVG())
	out.f("CPU is that of whole processes, from their start to the last span counted and handed on: reading, decoding, counting, a commit with its sync, and starting up. traceslo polls each second, the connector hands on each 5 s (`metrics_flush_interval`; its default is 60 s). " +
		"The cluster's is what it used in that time. To have a collector receive spans and to store them is not counted as traceslo's or as the floor's; " +
		"what receiving alone costs is a row of its own. The raw aggregation counts calls, failures and 14 buckets by service, operation and kind in one request; " +
		"raw doc values and raw `_source` page through all documents by sequence number and throw them away.\n\n")
}

func (c comparison) truths(t *testing.T, out *page, subjects []*subject) {
	t.Helper()
	table := bench.Table{Head: []string{"what counts", "calls off", "errors off", "bucket counts off", "killed with -9 at", "then calls off", "errors off", "bucket counts off"}}
	of := c.platform.truth.Spans
	for _, s := range subjects {
		if s.refused != "" || s.restarted == nil {
			continue
		}
		worst := bench.Difference{}
		for _, r := range s.runs {
			worst = bench.Difference{Calls: max(worst.Calls, r.off.Calls), Errors: max(worst.Errors, r.off.Errors), Buckets: max(worst.Buckets, r.off.Buckets)}
		}
		after, at := s.restarted(t)
		t.Logf("%s: %+v, after a kill at %d %+v", s.name, worst, at, after)
		table.Add(s.name, bench.Part(worst.Calls, of), bench.Part(worst.Errors, c.platform.errors()), bench.Part(worst.Buckets, of),
			bench.Count(int64(at))+" spans", bench.Part(after.Calls, of), bench.Part(after.Errors, c.platform.errors()), bench.Part(after.Buckets, of))
	}
	out.f("## Whether it is true\n\nThe sum, over all label sets, of what `/metrics` says too much or too little; of the rounds the worst. "+
		"Then the process is killed midway and started again, and what `/metrics` says at the end is compared with all spans.\n\n%s\n", &table)
	out.f("With its default resource keys the connector keeps a stream for each set of resource attributes; where they differ in what the exporter does not show, as in the host's name, " +
		"series of the same labels overwrite each other. `resource_metrics_key_attributes: [service.name]` is the cure that its documentation names. A collector that begins at 0 again is no fault to Prometheus by itself, which sees a reset:\n\n")
}

func (c comparison) freshness(t *testing.T, out *page, subjects []*subject) {
	t.Helper()
	table := bench.Table{Head: []string{"what counts", "p50", "p99", "interval"}}
	for _, s := range subjects {
		if s.refused != "" || s.fresh == nil || strings.Contains(s.name, ", tags nested") || strings.Contains(s.name, ", default") {
			continue
		}
		took := s.fresh(t)
		interval := "poll_interval: 1s (the default is 5s)"
		if strings.HasPrefix(s.name, "Jaeger") {
			interval = "metrics_flush_interval: 1s (the default is 60s)"
		}
		table.Add(s.name, fmt.Sprintf("%.2f s", bench.Quantile(took, 0.5).Seconds()), fmt.Sprintf("%.2f s", bench.Quantile(took, 0.99).Seconds()), interval)
	}
	out.f("## How fresh\n\nFrom the moment at which the cluster, or the collector, acknowledges a span to the moment at which `/metrics` holds it; %d spans, one at a time, at random moments.\n\n%s\n", *samplesFlag, &table)
}

func (c comparison) says(out *page, subjects []*subject) {
	table := bench.Table{Head: []string{"what counts", "what it does, and does not"}}
	seen := map[string]bool{}
	for _, s := range subjects {
		if s.refused == "" && !seen[s.does] {
			seen[s.does] = true
			table.Add(s.name, s.does)
		}
	}
	table.Add("Jaeger's SPM on Elasticsearch", "answers its page when somebody looks; no `/metrics`, no alerts, no history beyond the indices")
	table.Add("the raw requests", "no reader: nothing is kept, deduplicated or shown")
	out.f("## What is compared\n\n%s\n", &table)
}
