package bench_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/internal/testenv"
)

// engines are the ways in which traceslo reads, as its key read has them.
var engines = []string{"documents", "aggregations"}

// A daemon is traceslo, as the binary that users have.
type daemon struct {
	t                       *testing.T
	binary, config, storage string
	address, url            string
	process                 *testenv.Process
}

// newDaemon returns a daemon that reads the spans under a prefix with an engine,
// from the earliest on, with the text of further keys; or nil and why if this
// build refuses that.
func newDaemon(t *testing.T, url, prefix, engine, further string) (d *daemon, refused string) {
	t.Helper()
	deduplicate := "10m"
	if engine == "aggregations" {
		deduplicate = "0"
	}
	dir := t.TempDir()
	d = &daemon{t: t, binary: testenv.Binary(t, "./cmd/traceslo"), config: filepath.Join(dir, "traceslo.yaml"), storage: filepath.Join(dir, "data"),
		address: fmt.Sprintf("127.0.0.1:%d", testenv.Port(t))}
	d.url = "http://" + d.address
	config := fmt.Sprintf("source:\n  silence: 0\n  elasticsearch: {addresses: [%q], index_prefix: %q, start: earliest, poll_interval: 1s, read: %s}\n", url, prefix, engine)
	if !strings.Contains(further, "\nsli:") {
		config += fmt.Sprintf("sli: {new_series_hold: 0, deduplicate: %s}\n", deduplicate)
	}
	config += strings.ReplaceAll(further, "DEDUPLICATE", deduplicate)
	if err := os.WriteFile(d.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), d.binary, "check", "--config.file="+d.config).CombinedOutput()
	if err != nil {
		return nil, strings.TrimSpace(string(out))
	}
	return d, ""
}

// start starts the daemon and returns when it listens.
func (d *daemon) start() {
	d.t.Helper()
	d.process = testenv.StartProcess(d.t, testenv.Command{Path: d.binary, Args: []string{"serve", "--config.file=" + d.config,
		"--storage.path=" + d.storage, "--web.listen-address=" + d.address, "--log.format=json"}})
	d.process.WaitHTTP(d.t, d.url+"/-/ready", time.Minute)
}

// A reading is what the daemon says of how far it is.
type reading struct {
	State         string     `json:"state"`
	CompleteUntil *time.Time `json:"complete_until"`
	Spans         int        `json:"spans"`
}

// reading asks how far the daemon is, which costs it a millisecond.
func (d *daemon) reading() reading {
	d.t.Helper()
	var status struct{ Reading reading }
	if err := json.Unmarshal(get(d.t, d.url+"/api/v1/status"), &status); err != nil {
		d.t.Fatal(err)
	}
	return status.Reading
}

// await asks until done holds.
func (d *daemon) await(within time.Duration, done func(reading) bool) {
	d.t.Helper()
	deadline := time.Now().Add(within)
	for !done(d.reading()) {
		if time.Now().After(deadline) {
			d.t.Fatalf("not within %s; the daemon stands at %+v\n%s", within, d.reading(), d.process.Tail())
		}
		time.Sleep(250 * time.Millisecond)
	}
}

// settled waits until all is counted that was stored before now.
func (d *daemon) settled(within time.Duration) {
	d.t.Helper()
	now := time.Now()
	d.await(within, func(r reading) bool { return r.CompleteUntil != nil && r.CompleteUntil.After(now) })
}

// counted returns what /metrics says.
func (d *daemon) counted() *bench.Truth {
	d.t.Helper()
	families := scrape(d.t, d.url+"/metrics", expfmt.NewFormat(expfmt.TypeProtoDelim))
	c := bench.NewTruth()
	addCounter(families["jaeger_traces_total"], func(l map[string]string, v uint64) { c.At(ourKey(l)).Calls += v; c.Spans += v })
	addCounter(families["jaeger_trace_errors_total"], func(l map[string]string, v uint64) { c.At(ourKey(l)).Errors += v })
	addBuckets(d.t, c, families["jaeger_trace_duration_seconds"], 1e6, ourKey)
	return c
}

func ourKey(l map[string]string) bench.Key {
	return bench.Key{Service: l["service"], Operation: l["operation"], Kind: l["span_kind"]}
}

func addCounter(family *dto.MetricFamily, add func(labels map[string]string, v uint64)) {
	for _, m := range family.GetMetric() {
		add(labels(m), uint64(math.Round(m.GetCounter().GetValue())))
	}
}

// addBuckets adds the classic buckets of a family, whose bounds are so many
// microseconds each.
func addBuckets(t *testing.T, c *bench.Truth, family *dto.MetricFamily, unit float64, key func(map[string]string) bench.Key) {
	t.Helper()
	for _, m := range family.GetMetric() {
		tally, below := c.At(key(labels(m))), uint64(0)
		at := 0
		for _, b := range m.GetHistogram().GetBucket() {
			if math.IsInf(b.GetUpperBound(), 1) {
				continue
			}
			if at >= len(c.Bounds) || int64(math.Round(b.GetUpperBound()*unit)) != c.Bounds[at] {
				t.Fatalf("%s has the bucket %v where others are meant", family.GetName(), b.GetUpperBound())
			}
			tally.Buckets[at] += b.GetCumulativeCount() - below
			below = b.GetCumulativeCount()
			at++
		}
		tally.Buckets[len(c.Bounds)] += m.GetHistogram().GetSampleCount() - below
	}
}

func labels(m *dto.Metric) map[string]string {
	out := map[string]string{}
	for _, pair := range m.GetLabel() {
		out[pair.GetName()] = pair.GetValue()
	}
	return out
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s: %.500s", url, response.Status, body)
	}
	return body
}

// scrape reads metrics in a format.
func scrape(t *testing.T, url string, format expfmt.Format) map[string]*dto.MetricFamily {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", string(format))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	decoder := expfmt.NewDecoder(response.Body, expfmt.ResponseFormat(response.Header))
	families := map[string]*dto.MetricFamily{}
	for {
		family := &dto.MetricFamily{}
		if err := decoder.Decode(family); errors.Is(err, io.EOF) {
			return families
		} else if err != nil {
			t.Fatal(err)
		}
		families[family.GetName()] = family
	}
}
