package main_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source/footanalytics"
)

// A platform stores spans in the indices of their days and remembers them: what
// counts of them is counted again from memory.
type platform struct {
	t      testing.TB
	bulk   *footanalytics.Bulk
	prefix string

	mu    sync.Mutex // guards all below
	rnd   *rand.Rand
	spans []stored
}

func newPlatform(t testing.TB, c *testenv.Cluster, prefix string) *platform {
	t.Helper()
	spanTemplate(t, c, prefix, 0)
	bulk, err := footanalytics.NewBulk(c.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return &platform{t: t, bulk: bulk, prefix: prefix, rnd: rand.New(rand.NewPCG(seed, 0))}
}

// item returns a span as a document of either layout. The nth of a span is a
// document of its own; a request that is repeated stores none anew.
func (p *platform) item(s stored, nth int) footanalytics.Item {
	return footanalytics.Item{
		Index:  p.prefix + "-jaeger-span-" + time.UnixMicro(s.start).UTC().Format("2006-01-02"),
		ID:     fmt.Sprintf("%016x-%d", s.spanID, nth),
		Source: s.document(p.rnd.IntN(2) == 0),
	}
}

// store stores spans, and one in fifty of those in resend once more. It may be
// called by several goroutines.
func (p *platform) store(spans []stored, resend []stored) error {
	p.mu.Lock()
	var items []footanalytics.Item
	for _, s := range spans {
		items = append(items, p.item(s, 0))
	}
	for _, s := range resend {
		if p.rnd.IntN(50) == 0 {
			items = append(items, p.item(s, 1))
		}
	}
	p.mu.Unlock()
	if _, err := p.bulk.Write(p.t.Context(), items); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spans = append(p.spans, spans...)
	return nil
}

// request returns a span of a service that ended at a time.
func (p *platform) request(service string, end time.Time, failed bool) stored {
	const took = 20_000
	p.mu.Lock()
	defer p.mu.Unlock()
	s := stored{service: service, operation: "GET /", kind: "server", start: end.UnixMicro() - took, duration: took, failed: failed,
		traceID: p.rnd.Uint64(), spanID: p.rnd.Uint64()}
	if failed {
		s.errorType = "TimeoutError"
	}
	return s
}

// spread stores n requests to a service, evenly between two times, of which those fail that
// end while the outage lasts.
func (p *platform) spread(service string, n int, from, to time.Time, outage slo.Interval) {
	p.t.Helper()
	spans := make([]stored, n)
	for i := range spans {
		end := from.Add(to.Sub(from) / time.Duration(n) * time.Duration(i))
		spans[i] = p.request(service, end, !end.Before(outage.From) && end.Before(outage.To))
	}
	if err := p.store(spans, nil); err != nil {
		p.t.Fatal(err)
	}
}

// A judgement says by hand what an objective says in YAML: whether a span is an event, and a bad one.
type judgement func(stored) (event, bad bool)

func failures(service string) judgement {
	return func(s stored) (bool, bool) { return s.service == service && s.kind == "server", s.failed }
}

// recount counts the events of the minutes [from, to], by the minute in which they ended.
func (p *platform) recount(judge judgement, from, to int64) (n slo.Count) {
	for _, m := range p.minutes(judge, from, to) {
		n.Events += m.Events
		n.Bad += m.Bad
	}
	return n
}

func (p *platform) minutes(judge judgement, from, to int64) map[int64]slo.Count {
	minutes := map[int64]slo.Count{}
	for _, s := range p.spans {
		minute := (s.start + s.duration) / 60_000_000
		event, bad := judge(s)
		if !event || minute < from || minute > to {
			continue
		}
		n := minutes[minute]
		n.Events++
		if bad {
			n.Bad++
		}
		minutes[minute] = n
	}
	return minutes
}

// compareWindows compares all windows of an objective with a recount up to the
// ledger's clock: a window holds the running minute and as many before it as its length says.
func (p *platform) compareWindows(families map[string]*dto.MetricFamily, name string, judge judgement, windows map[string]time.Duration) {
	p.t.Helper()
	clock := int64(sum(families, "traceslo_slo_clock_timestamp_seconds")) / 60
	got, want := map[string]slo.Count{}, map[string]slo.Count{}
	for label, length := range windows {
		want[label] = p.recount(judge, clock-int64(length/time.Minute), clock)
	}
	for _, m := range families[slo.WindowEvents].GetMetric() {
		if l := labels(m); l["slo"] == name {
			got[l["window"]] = slo.Count{Events: uint64(m.GetGauge().GetValue()),
				Bad: uint64(sum(families, slo.WindowBadEvents, "slo", name, "window", l["window"]))}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Errorf("windows of %s up to minute %d (-recount +gauges):\n%s", name, clock, diff)
	}
}

const agreeSource = `
source:
  elasticsearch: {addresses: [%s], index_prefix: %s, start: earliest, poll_interval: 1s}
sli:
  new_series_hold: 0s
`

// The bounds that tell good from bad are none of sli.buckets.
const agreeObjectives = `
slos:
  - name: fast
    service: api-gateway
    sli: {latency: {match: {service: api-gateway, span_kind: [server, consumer]}, threshold: 300ms}}
    objective: 90%
    window: 3h
    alerting: {tiers: [{severity: page, long: 100m, short: 80m, burn_rate: 1.5}]}
  - name: up
    service: api-gateway
    sli: {availability: {match: {service: api-gateway, span_kind: [server, consumer]}}}
    objective: 90%
    window: 3h
    alerting: {tiers: [{severity: page, long: 100m, short: 80m, burn_rate: 1.5}]}
  - name: fast-and-up
    service: api-gateway
    sli: {success_within: {match: {service: api-gateway, span_kind: [server, consumer]}, threshold: 300ms}}
    objective: 90%
    window: 3h
    alerting: {tiers: [{severity: page, long: 100m, short: 80m, burn_rate: 1.5}]}
`

// The same in the words of Elasticsearch, for both layouts.
const (
	tagQuery    = `{"bool":{"should":[{"term":{"tag.%[1]s":%[3]q}},{"nested":{"path":"tags","query":{"bool":{"filter":[{"term":{"tags.key":%[2]q}},{"term":{"tags.value":%[3]q}}]}}}}]}}`
	slowQuery   = `{"range":{"duration":{"gt":300000}}}`
	eitherQuery = `{"bool":{"should":[%s,%s]}}`
)

func serves(s stored) bool {
	return s.service == "api-gateway" && (s.kind == "server" || s.kind == "consumer")
}

// TestAnObjectiveAgreesEverywhere stores spans, 2 % of them twice, while the
// daemon is killed again and again. What an objective's counters, its windows, the ledger's minutes,
// the histogram's bucket at its threshold, the store itself and a recount say must be one number.
func TestAnObjectiveAgreesEverywhere(t *testing.T) {
	failed := fmt.Sprintf(tagQuery, "error", "error", "true")
	events := fmt.Sprintf(`{"term":{"process.serviceName":"api-gateway"}},`+eitherQuery,
		fmt.Sprintf(tagQuery, "span@kind", "span.kind", "server"), fmt.Sprintf(tagQuery, "span@kind", "span.kind", "consumer"))
	objectives := []struct {
		name  string
		judge judgement
		bad   string
	}{
		{"fast", func(s stored) (bool, bool) { return serves(s), s.duration > 300_000 }, slowQuery},
		{"up", func(s stored) (bool, bool) { return serves(s), s.failed }, failed},
		{"fast-and-up", func(s stored) (bool, bool) { return serves(s), s.failed || s.duration > 300_000 }, fmt.Sprintf(eitherQuery, slowQuery, failed)},
	}
	for flavor, version := range map[string]string{testenv.Elasticsearch: "8.19.7", testenv.OpenSearch: "2.19.0"} {
		t.Run(flavor, func(t *testing.T) {
			c := testenv.SharedCluster(t, flavor, version)
			p := newPlatform(t, c, c.Prefix(t))
			d := newDaemon(t, fmt.Sprintf(agreeSource, c.URL, p.prefix)+agreeObjectives)
			d.start()
			p.loadUnderKills(d, time.Now().Add(-2*time.Hour))
			d.settled(2 * time.Minute)

			c.Do(t, "POST", "/"+p.prefix+"*/_refresh", "")
			var documents struct{ Count int }
			if err := json.Unmarshal(c.Do(t, "GET", "/"+p.prefix+"*/_count", ""), &documents); err != nil {
				t.Fatal(err)
			}
			if documents.Count <= len(p.spans) {
				t.Errorf("%d documents for %d spans: none is stored twice", documents.Count, len(p.spans))
			}
			families, err := scrape(d.url)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.process.Terminate(5 * time.Second); err != nil {
				t.Fatal(err)
			}
			history := readLedger(t, d)
			for _, o := range objectives {
				want := p.recount(o.judge, 0, 1<<40)
				if want.Bad < 100 || want.Bad == want.Events {
					t.Errorf("%s: %+v tells little", o.name, want)
				}
				for where, got := range map[string]slo.Count{
					"counters": {Events: uint64(sum(families, slo.EventsMetric, "slo", o.name)), Bad: uint64(sum(families, slo.BadEventsMetric, "slo", o.name))},
					flavor:     {Events: unique(t, c, p.prefix, events), Bad: unique(t, c, p.prefix, events+","+o.bad)},
				} {
					if got != want {
						t.Errorf("%s: the %s say %+v, a recount %+v", o.name, where, got, want)
					}
				}
				p.compareWindows(families, o.name, o.judge, map[string]time.Duration{"80m": 80 * time.Minute, "100m": 100 * time.Minute, "3h": 3 * time.Hour})
				if diff := cmp.Diff(p.minutes(o.judge, 0, 1<<40), history[o.name]); diff != "" {
					t.Errorf("%s: minutes (-recount +ledger):\n%s", o.name, diff)
				}
			}
			want := p.recount(objectives[0].judge, 0, 1<<40)
			if got := bucket(families, 0.3); got != want {
				t.Errorf("the histogram's bucket at the threshold says %+v, a recount %+v", got, want)
			}
			t.Logf("%d spans in %d documents: %+v everywhere", len(p.spans), documents.Count, want)
		})
	}
}

// loadUnderKills stores spans by two writers at once, from base on, while the daemon is killed.
func (p *platform) loadUnderKills(d *daemon, base time.Time) {
	p.t.Helper()
	const writers, batches, each, kills = 2, 48, 250, 5
	var progress atomic.Int64
	var writing sync.WaitGroup
	for i := range writers {
		writing.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(base.UnixNano()), uint64(i)))
			var last []stored
			for range batches {
				spans := make([]stored, each)
				for k := range spans {
					spans[k] = randomSpan(rnd, []string{"api-gateway", "ml-pipeline"}[rnd.IntN(2)], base)
					if rnd.IntN(20) == 0 {
						spans[k].duration = 300_000 + rnd.Int64N(2)
					}
				}
				if err := p.store(spans, last); err != nil {
					p.t.Error(err)
					return
				}
				last = spans
				progress.Add(each)
			}
		})
	}
	for i := range int64(kills) {
		testenv.Eventually(p.t, 3*time.Minute, func() error {
			if at := progress.Load(); at < (i+1)*writers*batches*each/(kills+2) {
				return fmt.Errorf("%d spans written before kill %d", at, i)
			}
			return nil
		})
		d.process.Kill()
		d.start()
	}
	if progress.Load() == writers*batches*each {
		p.t.Log("the last kill was not under load")
	}
	writing.Wait()
}

// bucket returns how many spans that are events took longer than a bound, by the classic histogram alone.
func bucket(families map[string]*dto.MetricFamily, bound float64) (n slo.Count) {
	for _, m := range families["jaeger_trace_duration_seconds"].GetMetric() {
		l := labels(m)
		if !serves(stored{service: l["service"], kind: l["span_kind"]}) {
			continue
		}
		n.Events += m.GetHistogram().GetSampleCount()
		at := slices.IndexFunc(m.GetHistogram().GetBucket(), func(b *dto.Bucket) bool { return b.GetUpperBound() == bound })
		if at >= 0 {
			n.Bad += m.GetHistogram().GetSampleCount() - m.GetHistogram().GetBucket()[at].GetCumulativeCount()
		}
	}
	return n
}

// unique has the store count the spans that fulfil all filters, and those that are stored twice once.
func unique(t *testing.T, c *testenv.Cluster, prefix, filters string) uint64 {
	t.Helper()
	n, after := uint64(0), ""
	for {
		var answer struct {
			Aggregations struct {
				Spans struct {
					AfterKey json.RawMessage `json:"after_key"`
					Buckets  []struct{}
				}
			}
		}
		body := c.Do(t, "POST", "/"+prefix+"-jaeger-span-*/_search", fmt.Sprintf(`{"size":0,"query":{"bool":{"filter":[%s]}},"aggs":{"spans":{"composite":{"size":5000%s,
			"sources":[{"trace":{"terms":{"field":"traceID"}}},{"span":{"terms":{"field":"spanID"}}}]}}}}`, filters, after))
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		n += uint64(len(answer.Aggregations.Spans.Buckets))
		if len(answer.Aggregations.Spans.AfterKey) == 0 {
			return n
		}
		after = fmt.Sprintf(`,"after":%s`, answer.Aggregations.Spans.AfterKey)
	}
}
