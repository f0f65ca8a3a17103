package main_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/slo"
)

// readers are daemons that share the reading; a single one reads all.
type readers []*daemon

func startReaders(t *testing.T, n int, config string, addresses ...string) readers {
	t.Helper()
	var all readers
	for i := 1; i <= n; i++ {
		d := newDaemon(t, config)
		d.args = []string{fmt.Sprintf("--shard=%d/%d", i, n)}
		if len(addresses) > 0 {
			d.address = addresses[i-1]
		}
		d.start()
		all = append(all, d)
	}
	return all
}

func (r readers) settled(within time.Duration) {
	for _, d := range r {
		d.settled(within)
	}
}

// scrape returns the series of all readers, once their windows end in the same minute.
func (r readers) scrape(t *testing.T) (families map[string]*dto.MetricFamily, clock int64) {
	t.Helper()
	testenv.Eventually(t, time.Minute, func() error {
		families, clock = map[string]*dto.MetricFamily{}, 0
		for _, d := range r {
			own, err := scrape(d.url)
			if err != nil {
				return err
			}
			at := int64(sum(own, "traceslo_slo_clock_timestamp_seconds")) / 60
			if clock != 0 && at != clock {
				return errors.New("their clocks show different minutes")
			}
			clock = at
			for name, family := range own {
				if families[name] == nil {
					families[name] = &dto.MetricFamily{}
				}
				families[name].Metric = append(families[name].Metric, family.GetMetric()...)
			}
		}
		return nil
	})
	return families, clock
}

// compare compares all that the readers say together with what was stored.
func (r readers) compare(t *testing.T, p *platform, tr *truth) {
	t.Helper()
	families, clock := r.scrape(t)
	tr.compare(t, families)
	for name, judge := range agreed {
		want, got := map[string]slo.Count{}, map[string]slo.Count{}
		for label, length := range map[string]time.Duration{"80m": 80 * time.Minute, "100m": 100 * time.Minute, "3h": 3 * time.Hour} {
			want[label] = p.recount(judge, clock-int64(length/time.Minute), clock)
			got[label] = slo.Count{Events: uint64(sum(families, slo.WindowEvents, "slo", name, "window", label)), Bad: uint64(sum(families, slo.WindowBadEvents, "slo", name, "window", label))}
		}
		want["all"] = p.recount(judge, 0, 1<<40)
		got["all"] = slo.Count{Events: uint64(sum(families, slo.EventsMetric, "slo", name)), Bad: uint64(sum(families, slo.BadEventsMetric, "slo", name))}
		if want["all"].Bad < 100 {
			t.Errorf("%s: %+v tells little", name, want["all"])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s by %d readers (-recount +sums):\n%s", name, len(r), diff)
		}
	}
}

// agreed judges the objectives of agreeObjectives by hand.
var agreed = map[string]judgement{
	"fast":        func(s stored) (bool, bool) { return serves(s), s.duration > 300_000 },
	"up":          func(s stored) (bool, bool) { return serves(s), s.failed },
	"fast-and-up": func(s stored) (bool, bool) { return serves(s), s.failed || s.duration > 300_000 },
}

// TestReadersShareTheReading has one daemon, two and four read the same spans
// while they are written, and one of each set is killed meanwhile. What the
// sets say must add up to what was stored, and Prometheus' rules must record of
// two and four what they record of one.
func TestReadersShareTheReading(t *testing.T) {
	c := testenv.SharedCluster(t, testenv.Elasticsearch, "8.19.7")
	p := newPlatform(t, c, c.Prefix(t))
	// One that reads all takes its last span for the end, where these end an hour ago.
	config := strings.Replace(fmt.Sprintf(agreeSource, c.URL, p.prefix), "source:", "source:\n  silence: 0s", 1) + agreeObjectives
	base, tr := time.Now().Add(-2*time.Hour), newTruth()
	tr.bounds = append(tr.bounds, 0.3) // of the objective
	slices.Sort(tr.bounds)
	// All of them begin with what is stored first.
	var first []stored
	for range 30 {
		s := p.request("api-gateway", base, false)
		first = append(first, s)
		tr.add(s)
	}
	if err := p.store(first, nil); err != nil {
		t.Fatal(err)
	}
	// The two add themselves up, the four do not.
	addresses := []string{fmt.Sprintf("127.0.0.1:%d", testenv.Port(t)), fmt.Sprintf("127.0.0.1:%d", testenv.Port(t))}
	peers := fmt.Sprintf("peers: {addresses: [\"http://%s\", \"http://%s\"]}\n", addresses[0], addresses[1])
	sets := map[int]readers{1: startReaders(t, 1, config), 2: startReaders(t, 2, config+peers, addresses...), 4: startReaders(t, 4, config)}

	const writers, batches, each = 2, 20, 250
	var progress atomic.Int64
	var writing sync.WaitGroup
	for i := range writers {
		writing.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(base.UnixNano()), uint64(i)))
			for range batches {
				spans := make([]stored, each)
				for k := range spans {
					spans[k] = randomSpan(rnd, []string{"api-gateway", "ml-pipeline"}[rnd.IntN(2)], base)
				}
				if err := p.store(spans, nil); err != nil {
					t.Error(err)
					return
				}
				for _, s := range spans {
					tr.add(s)
				}
				progress.Add(each)
			}
		})
	}
	testenv.Eventually(t, 3*time.Minute, func() error {
		if at := progress.Load(); at < writers*batches*each/4 {
			return fmt.Errorf("%d spans written", at)
		}
		return nil
	})
	for _, n := range []int{2, 4} {
		d := sets[n][n-1]
		d.process.Kill()
		d.start()
	}
	if progress.Load() >= writers*batches*each {
		t.Log("the last was not killed under load")
	}
	writing.Wait()
	for _, n := range []int{1, 2, 4} {
		sets[n].settled(time.Minute)
		sets[n].compare(t, p, tr)
	}
	idle := 0
	for _, n := range []int{2, 4} {
		for i, d := range sets[n] {
			families, err := scrape(d.url)
			if err != nil {
				t.Fatal(err)
			}
			own := sum(families, "traceslo_source_spans_total", "shard", fmt.Sprint(i+1))
			if all := sum(families, "traceslo_source_spans_total"); own != all || all > float64(tr.spans)*3/4 {
				t.Errorf("reader %d of %d read %v of %d spans, of which %v have its label", i+1, n, all, tr.spans, own)
			}
			if own == 0 {
				idle++
			}
			if sum(families, "traceslo_source_silent")+sum(families, "traceslo_source_catching_up") != 0 {
				t.Errorf("reader %d of %d is silent or catches up", i+1, n)
			}
		}
	}
	t.Logf("%d spans, counted exactly by 1, 2 and 4 readers, of which %d have read none since they started", tr.spans, idle)
	compareRecorded(t, sets)
	compareWholes(t, sets[1][0], sets[2], base)

	// The minutes of their ledgers add up, and no state serves another reader.
	for _, n := range []int{1, 2, 4} {
		minutes := map[string]map[int64]slo.Count{}
		for _, d := range sets[n] {
			if err := d.process.Terminate(5 * time.Second); err != nil {
				t.Fatal(err)
			}
			for name, own := range readLedger(t, d) {
				if minutes[name] == nil {
					minutes[name] = map[int64]slo.Count{}
				}
				for minute, count := range own {
					before := minutes[name][minute]
					minutes[name][minute] = slo.Count{Events: before.Events + count.Events, Bad: before.Bad + count.Bad}
				}
			}
		}
		for name, judge := range agreed {
			if diff := cmp.Diff(p.minutes(judge, 0, 1<<40), minutes[name]); diff != "" {
				t.Errorf("minutes of %s in the ledgers of %d readers (-recount +ledgers):\n%s", name, n, diff)
			}
		}
	}
	d := sets[2][1]
	out, err := exec.Command(d.binary, "serve", "--config.file="+d.config, "--storage.path="+d.storage, "--web.listen-address=127.0.0.1:0", "--shard=2/4").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the state is that of reader 2/2") || !strings.Contains(string(out), "earliest") {
		t.Errorf("the state of reader 2/2 as 2/4: %v\n%s", err, out)
	}
}

// compareRecorded has a Prometheus for each set, and compares what their rules record.
func compareRecorded(t *testing.T, sets map[int]readers) {
	t.Helper()
	monitors := map[int]*testenv.Prometheus{}
	for n, set := range sets {
		rules, err := exec.Command(set[0].binary, "rules", "--config.file="+set[0].config).Output()
		if err != nil {
			t.Fatal(err)
		}
		var targets []string
		for _, d := range set {
			targets = append(targets, fmt.Sprintf("%q", strings.TrimPrefix(d.url, "http://")))
		}
		monitors[n] = testenv.StartPrometheus(t, testenv.PrometheusOptions{Files: map[string]string{"rules.yml": string(rules)}, Config: fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: traceslo
    honor_labels: true
    static_configs: [{targets: [%s]}]
`, strings.Join(targets, ", "))})
	}
	const recorded = `{__name__=~"slo:.+"}`
	by := []string{"__name__", "slo", "service", "window", "sloth_window", "sloth_id", "shard"}
	testenv.Eventually(t, 2*time.Minute, func() error {
		want := askPrometheus(t, monitors[1], recorded, by...)
		if n := len(want); n < 3*15 {
			return fmt.Errorf("of one reader, %d series are recorded: %v", n, slices.Sorted(maps.Keys(want)))
		}
		for _, n := range []int{2, 4} {
			if diff := cmp.Diff(want, askPrometheus(t, monitors[n], recorded, by...)); diff != "" {
				return fmt.Errorf("recorded of one and of %d readers (-1 +%[1]d):\n%s", n, diff)
			}
		}
		return nil
	})
	for n, prometheus := range monitors {
		if firing := askPrometheus(t, prometheus, `ALERTS{alertstate="firing",alertname=~"Traceslo.*|SLOUnmeasured"}`, "alertname"); len(firing) > 0 {
			t.Errorf("of %d readers: %v", n, firing)
		}
	}
}

// compareWholes compares what each of two readers says of both together with
// what one says that reads all, and has the second go away and come back.
func compareWholes(t *testing.T, one *daemon, two readers, base time.Time) {
	t.Helper()
	whole := func(d *daemon) map[string]float64 {
		families, err := scrape(d.url)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, name := range []string{slo.BudgetRemaining, slo.BudgetExhaustion, slo.CoverageRatio} {
			for _, m := range families[name].GetMetric() {
				got[name+" "+labels(m)["slo"]] += m.GetGauge().GetValue()
			}
		}
		return got
	}
	type status struct {
		Readers struct {
			AddedUp bool `json:"added_up"`
			Missing []string
		}
	}
	for _, d := range two {
		testenv.Eventually(t, time.Minute, func() error {
			var s status
			if getJSON(t, d.url+"/api/v1/status", &s); !s.Readers.AddedUp || len(s.Readers.Missing) > 0 {
				return fmt.Errorf("%+v", s)
			}
			if want, got := whole(one), whole(d); len(want) < 9 || !cmp.Equal(want, got) {
				return fmt.Errorf("gauges (-one +whole):\n%s", cmp.Diff(want, got))
			}
			return nil
		})
		for _, path := range []string{
			fmt.Sprintf("/api/v1/report?format=json&period=%s..%s", base.Add(-time.Hour).UTC().Format("2006-01-02T15:04"), base.Add(75*time.Minute).UTC().Format("2006-01-02T15:04")),
			"/api/v1/objectives/up/traces",
			fmt.Sprintf("/api/v1/objectives/up/culprits?from=%s", base.Add(-time.Hour).UTC().Format(time.RFC3339)),
		} {
			var want, got map[string]any
			getJSON(t, one.url+path, &want)
			getJSON(t, d.url+path, &got)
			for _, answer := range []map[string]any{want, got} {
				for _, key := range []string{"made", "known_up_to", "measured_until", "to"} {
					delete(answer, key)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-one +whole):\n%s", path, diff)
			}
		}
	}
	first, second := two[0], two[1]
	second.process.Kill()
	testenv.Eventually(t, time.Minute, func() error {
		var s status
		getJSON(t, first.url+"/api/v1/status", &s)
		if len(s.Readers.Missing) != 1 || !strings.Contains(s.Readers.Missing[0], "Reader 2/2 is missing since ") {
			return fmt.Errorf("%+v", s)
		}
		families, err := scrape(first.url)
		if err != nil {
			return err
		}
		if up := sum(families, "traceslo_peers_up", "reader", "2/2") + 2*sum(families, "traceslo_peers_up", "reader", "1/2"); up != 2 {
			return fmt.Errorf("traceslo_peers_up adds up to %v", up)
		}
		return nil
	})
	second.start()
	// The sum outlives another configuration that judges alike.
	if err := first.process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	first.process.WaitOutput(t, "new configuration taken", 20*time.Second)
	testenv.Eventually(t, time.Minute, func() error {
		var s status
		if getJSON(t, first.url+"/api/v1/status", &s); !s.Readers.AddedUp || len(s.Readers.Missing) > 0 {
			return fmt.Errorf("%+v", s)
		}
		if want, got := whole(one), whole(first); !cmp.Equal(want, got) {
			return fmt.Errorf("gauges after a restart (-one +whole):\n%s", cmp.Diff(want, got))
		}
		return nil
	})
}
