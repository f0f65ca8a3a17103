package bench_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source/jaeger"
)

// A growth is one quantity that grows: for each of its sizes it adds a row to the
// table and points to the pictures.
type growth struct {
	t       *testing.T
	cluster *testenv.Cluster
	out     *page
	// base is how many spans a measurement takes.
	base int
}

func TestGrowth(t *testing.T) {
	only(t, *growthFlag)
	g := &growth{t: t, cluster: startCluster(t, ""), base: *spansFlag / 5}
	g.out = newPage(t, "growth", "What grows with what", command("growth"))
	g.out.f("Each figure is of one run over %s made-up spans of 4 tags, unless its section says otherwise; CPU is that of whole processes. `both` is traceslo's and the cluster's together.\n\n", bench.Count(int64(g.base)))
	// The cluster compiles itself as it runs: the first spans pay for all.
	streams, truth := synthetic(0, g.base, 100)
	store(t, g.cluster, "warm", jaeger.Elevated, shardsOfPeers, streams)
	for _, engine := range g.present() {
		for range 2 {
			d, _ := g.once("warm", engine, "", truth)
			d.process.Kill()
		}
	}
	forget(t, g.cluster, "warm")
	for _, p := range []struct {
		name    string
		measure func()
	}{{"spans", g.spans}, {"operations", g.operations}, {"objectives", g.objectives}, {"shards", g.shards}, {"indices", g.indices}} {
		if part(p.name) {
			p.measure()
			g.out.write(t)
		}
	}
}

// present are the engines that this build has.
func (g *growth) present() []string {
	g.t.Helper()
	return slices.DeleteFunc(slices.Clone(engines), func(engine string) bool {
		_, refused := newDaemon(g.t, g.cluster.URL, "none", engine, "")
		return refused != ""
	})
}

// A made span is what there is to know of a span that was made by its number.
type made struct {
	key      bench.Key
	failed   bool
	duration int64
}

// makeSpan makes the i-th span of so many operations, at most 500 a service.
func makeSpan(i, operations int) made {
	random := uint64(i+1) * 0x9e3779b97f4a7c15
	random ^= random >> 29
	op := int(random % uint64(operations))
	duration := int64(1000) << (random >> 40 % 12) // From 1 ms to 2 s.
	return made{bench.Key{Service: fmt.Sprintf("service-%d", op/500), Operation: fmt.Sprintf("GET /operation/%d", op), Kind: "server"},
		random>>20%200 == 0, duration + int64(random>>52)}
}

// synthetic returns streams of spans from one number to another, and counts them.
func synthetic(from, to, operations int) ([]stream, *bench.Truth) {
	truth := bench.NewTruth()
	for i := from; i < to; i++ {
		s := makeSpan(i, operations)
		truth.Add(s.key, s.failed, s.duration)
	}
	const piece = 10_000
	now := time.Now().UnixMicro()
	var streams []stream
	for at := from; at < to; at += piece {
		streams = append(streams, func(yield func(*jaeger.Document) error) error {
			for i := at; i < min(at+piece, to); i++ {
				s := makeSpan(i, operations)
				doc := jaeger.Document{TraceID: [16]byte{0: byte(i), 1: byte(i >> 8), 2: byte(i >> 16), 15: 1}, SpanID: uint64(i + 1), Operation: s.key.Operation, Service: s.key.Service,
					Start: now - s.duration - int64(i%60_000_000), Duration: s.duration,
					Tags:        []jaeger.Tag{jaeger.String("span.kind", "server"), jaeger.String("http.request.method", "GET"), jaeger.Int("http.response.status_code", 200), jaeger.String("url.path", s.key.Operation)},
					ProcessTags: []jaeger.Tag{jaeger.String("service.version", "1.4.2"), jaeger.String("telemetry.sdk.language", "go")}}
				if s.failed {
					doc.Tags = append(doc.Tags, jaeger.Bool("error", true), jaeger.String("error.type", "timeout"))
				}
				if err := yield(&doc); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return streams, truth
}

// roomy lets all operations in.
const roomy = `
sli: {new_series_hold: 0, deduplicate: DEDUPLICATE, limits: {series: 60000, operations_per_service: 1000}}
`

// once reads all under a prefix and returns what it cost; the daemon still runs.
func (g *growth) once(prefix, engine, further string, truth *bench.Truth) (*daemon, run) {
	g.t.Helper()
	quiet(g.t, g.cluster)
	d, refused := newDaemon(g.t, g.cluster.URL, prefix, engine, further)
	if refused != "" {
		g.t.Fatal(refused)
	}
	var r run
	r.cluster, r.took = costs(g.t, g.cluster, func() {
		d.start()
		d.settled(20 * time.Minute)
	})
	u := usage(g.t, d.process)
	r.own, r.peak = u.CPU, u.Peak
	if truth != nil {
		r.off = truth.Differ(d.counted())
		if r.off != (bench.Difference{}) {
			g.t.Errorf("%s under %s: off by %+v", engine, prefix, r.off)
		}
	}
	return d, r
}

// lines collects points by the name of their series, in the order in which they come.
type lines struct{ series []bench.Series }

func (l *lines) add(name string, x, y float64) {
	for i := range l.series {
		if l.series[i].Name == name {
			l.series[i].Points = append(l.series[i].Points, bench.Point{X: x, Y: y})
			return
		}
	}
	l.series = append(l.series, bench.Series{Name: name, Points: []bench.Point{{X: x, Y: y}}})
}

// spans measures what a span costs by how many of them a poll finds.
func (g *growth) spans() {
	g.t.Helper()
	const operations, polls = 100, 3
	table := bench.Table{Head: []string{"spans a poll", "what counts", "its own CPU, ms a poll", "the cluster's, ms a poll", "both, µs a span"}}
	var cost lines
	for _, engine := range g.present() {
		prefix := "spans-" + engine
		at := 1
		streams, _ := synthetic(0, at, operations)
		store(g.t, g.cluster, prefix, jaeger.Elevated, shardsOfPeers, streams)
		d, _ := g.once(prefix, engine, "", nil)
		for _, n := range g.polled() {
			var own, cluster time.Duration
			for range polls {
				g.pause(d, true)
				streams, _ := synthetic(at, at+n, operations)
				store(g.t, g.cluster, prefix, jaeger.Elevated, shardsOfPeers, streams)
				at += n
				quiet(g.t, g.cluster)
				before := usage(g.t, d.process).CPU
				cpu, _ := costs(g.t, g.cluster, func() {
					g.pause(d, false)
					time.Sleep(2 * time.Second) // To ask would cost more than to poll.
					d.settled(10 * time.Minute)
				})
				cluster += cpu
				own += usage(g.t, d.process).CPU - before
			}
			g.row(&table, &cost, "traceslo, read: "+engine, n, polls, own, cluster)
		}
		if got := d.counted().Spans; got != uint64(at) {
			g.t.Errorf("%s counted %d of %d spans", engine, got, at)
		}
		d.process.Kill()
		forget(g.t, g.cluster, prefix)
	}
	for _, exporter := range []string{toSpanMetrics, toNothing} {
		d := newCollector(g.t, exporter, time.Second, "service.name")
		d.start()
		for _, n := range g.polled() {
			before := usage(g.t, d.process).CPU
			for range polls {
				streams, _ := synthetic(0, n, operations)
				d.send(streams)
				time.Sleep(time.Second)
			}
			name := "spanmetrics connector"
			if exporter == toNothing {
				name = "a collector that receives alone"
			}
			g.row(&table, &cost, name, n, polls, usage(g.t, d.process).CPU-before, 0)
		}
		d.process.Kill()
	}
	g.out.f("## Spans a second\n\nWith a poll interval of 1 s, the spans of a poll are those of a second. They are stored while traceslo is stopped with SIGSTOP, so that storing is not counted; %d polls of each size, over %d operations and %d shards. "+
		"A poll of few spans is of two seconds in truth, with what traceslo does when idle. The connector hands on each second.\n\n%s\n", polls, operations, shardsOfPeers, &table)
	g.out.picture("growth-spans.svg", "CPU microseconds a span by spans a poll", bench.Chart{Title: "CPU per span, the cluster's included", X: "spans a poll (a second)", Y: "µs a span", LogX: true, LogY: true, Series: cost.series}.SVG())
}

// polled are the sizes of polls.
func (g *growth) polled() []int {
	sizes := []int{100, 1000, 10_000, 50_000, 100_000}
	return slices.DeleteFunc(sizes, func(n int) bool { return n > g.base })
}

func (g *growth) row(table *bench.Table, cost *lines, name string, n, polls int, own, cluster time.Duration) {
	table.Add(bench.Count(int64(n)), name, own.Seconds()*1e3/float64(polls), cluster.Seconds()*1e3/float64(polls), bench.PerMillion(own+cluster, n*polls))
	cost.add(name, float64(n), bench.PerMillion(own+cluster, n*polls))
}

// pause stops the daemon where it stands, or lets it go on.
func (g *growth) pause(d *daemon, stop bool) {
	g.t.Helper()
	signal := syscall.SIGCONT
	if stop {
		signal = syscall.SIGSTOP
	}
	if err := d.process.Signal(signal); err != nil {
		g.t.Fatal(err)
	}
}

// exposed scrapes once and returns how long the whole answer took, and its size.
func exposed(t *testing.T, url string, format expfmt.Format) (took time.Duration, plain, zipped int64) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", string(format))
	request.Header.Set("Accept-Encoding", "gzip")
	began := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	took = time.Since(began)
	if response.Header.Get("Content-Encoding") != "gzip" {
		return took, int64(len(body)), int64(len(body))
	}
	z, err := gzip.NewReader(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	plain, err = io.Copy(io.Discard, z)
	if err != nil {
		t.Fatal(err)
	}
	return took, plain, int64(len(body))
}

// operations measures what more operations cost.
func (g *growth) operations() {
	g.t.Helper()
	table := bench.Table{Head: []string{"operations", "what counts", "its own CPU, s per million spans", "the cluster's", "its memory at most", "a scrape as protobuf, gzip", "a scrape as text, gzip"}}
	var cost, peak, scraped lines
	add := func(n int, name string, spans int, r run, metrics string) {
		took, _, zipped := exposed(g.t, metrics, expfmt.NewFormat(expfmt.TypeProtoDelim))
		textTook, textPlain, textZipped := exposed(g.t, metrics, expfmt.NewFormat(expfmt.TypeTextPlain))
		table.Add(bench.Count(int64(n)), name, bench.PerMillion(r.own, spans), bench.PerMillion(r.cluster, spans), bench.Bytes(r.peak),
			fmt.Sprintf("%.2f s, %s", took.Seconds(), bench.Bytes(zipped)), fmt.Sprintf("%.2f s, %s (%s plain)", textTook.Seconds(), bench.Bytes(textZipped), bench.Bytes(textPlain)))
		cost.add(name, float64(n), bench.PerMillion(r.own+r.cluster, spans))
		peak.add(name, float64(n), float64(r.peak)/1e6)
		scraped.add(name, float64(n), took.Seconds())
	}
	for _, n := range []int{10, 100, 1000, 10_000, 50_000} {
		spans := max(g.base, n)
		streams, truth := synthetic(0, spans, n)
		prefix := fmt.Sprint("operations-", n)
		store(g.t, g.cluster, prefix, jaeger.Elevated, shardsOfPeers, streams)
		for _, engine := range g.present() {
			d, r := g.once(prefix, engine, roomy, truth)
			add(n, "traceslo, read: "+engine, spans, r, d.url+"/metrics")
			d.process.Kill()
		}
		forget(g.t, g.cluster, prefix)
		d := newCollector(g.t, toSpanMetrics, flush, "service.name")
		d.start()
		d.send(streams)
		d.flushed()
		u := usage(g.t, d.process)
		add(n, "spanmetrics connector", spans, run{own: u.CPU, peak: u.Peak}, "http://"+d.metrics+"/metrics")
		d.process.Kill()
	}
	g.out.f("## Operations\n\nHistograms of 13 bounds; traceslo's are native besides, which protobuf carries. The limits are raised so that none is met. At least as many spans are read as there are operations. The connector hands on each 5 s. All of traceslo's counts are held against the truth.\n\n%s\n", &table)
	g.out.picture("growth-operations.svg", "CPU microseconds a span by operations", bench.Chart{Title: "CPU per span, the cluster's included", X: "operations", Y: "µs a span", LogX: true, LogY: true, Series: cost.series}.SVG())
	g.out.picture("growth-memory.svg", "Memory by operations", bench.Chart{Title: "Memory at most", X: "operations", Y: "MB", LogX: true, LogY: true, Series: peak.series}.SVG())
	g.out.picture("growth-scrape.svg", "Time of a scrape by operations", bench.Chart{Title: "A scrape as protobuf, gzip", X: "operations", Y: "s", LogX: true, LogY: true, Series: scraped.series}.SVG())
}

// objectives measures what more objectives cost.
func (g *growth) objectives() {
	g.t.Helper()
	const operations = 1000
	streams, truth := synthetic(0, g.base, operations)
	store(g.t, g.cluster, "objectives", jaeger.Elevated, shardsOfPeers, streams)
	defer forget(g.t, g.cluster, "objectives")
	table := bench.Table{Head: []string{"objectives", "engine", "its own CPU, s per million spans", "the cluster's", "its memory at most"}}
	var cost lines
	for _, n := range []int{0, 10, 100, 1000} {
		var slos strings.Builder
		if n > 0 {
			slos.WriteString("slos:\n")
		}
		for i := range n {
			s := makeSpan(i, operations).key
			fmt.Fprintf(&slos, "  - {name: slo-%d, service: %s, sli: {availability: {match: {service: %s, operation: %q}}}, objective: 99%%, window: 30d}\n", i, s.Service, s.Service, s.Operation)
		}
		for _, engine := range g.present() {
			d, r := g.once("objectives", engine, slos.String(), truth)
			d.process.Kill()
			table.Add(bench.Count(int64(n)), "`"+engine+"`", bench.PerMillion(r.own, g.base), bench.PerMillion(r.cluster, g.base), bench.Bytes(r.peak))
			cost.add("traceslo's own, read: "+engine, float64(n), bench.PerMillion(r.own, g.base))
		}
	}
	g.out.f("## Objectives\n\nEach of one operation, of %s; the ledgers are kept and written.\n\n%s\n", bench.Count(operations), &table)
	g.out.picture("growth-objectives.svg", "traceslo's own CPU a span by objectives", bench.Chart{Title: "traceslo's own CPU per span", X: "objectives", Y: "µs a span", Series: cost.series}.SVG())
}

// shards measures what more shards cost.
func (g *growth) shards() {
	g.t.Helper()
	streams, truth := synthetic(0, g.base, 100)
	table := bench.Table{Head: []string{"shards", "engine", "its own CPU, s per million spans", "the cluster's", "took"}}
	var cost lines
	for _, n := range []int{1, 2, 5, 10, 20} {
		prefix := fmt.Sprint("shards-", n)
		store(g.t, g.cluster, prefix, jaeger.Elevated, n, streams)
		for _, engine := range g.present() {
			d, r := g.once(prefix, engine, "", truth)
			d.process.Kill()
			table.Add(n, "`"+engine+"`", bench.PerMillion(r.own, g.base), bench.PerMillion(r.cluster, g.base), fmt.Sprintf("%.1f s", r.took.Seconds()))
			cost.add("traceslo, read: "+engine, float64(n), bench.PerMillion(r.own+r.cluster, g.base))
		}
		forget(g.t, g.cluster, prefix)
	}
	g.out.f("## Shards\n\nOf one index.\n\n%s\n", &table)
	g.out.picture("growth-shards.svg", "CPU microseconds a span by shards", bench.Chart{Title: "CPU per span, the cluster's included", X: "shards", Y: "µs a span", Series: cost.series}.SVG())
}
