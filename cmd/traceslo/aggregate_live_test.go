package main_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source/footanalytics"
	"github.com/traceslo/traceslo/source/jaeger"
)

// alikeSpan returns a span of a small platform that started within some minutes
// from base on, one in fifty an hour before: so many are alike that they are
// worth counting.
func alikeSpan(rnd *rand.Rand, base time.Time) stored {
	s := randomSpan(rnd, []string{"api-gateway", "ml-pipeline"}[rnd.IntN(2)], base)
	s.operation = fmt.Sprintf("operation-%d", rnd.IntN(3))
	s.kind = []string{"server", "server", "client", "unspecified"}[rnd.IntN(4)]
	s.start = base.UnixMicro() + rnd.Int64N(150_000_000)
	s.duration = []int64{0, 5_000, 5_001, 120_000, 299_999, 300_000, 300_001, 40_000_000}[rnd.IntN(8)] + rnd.Int64N(2)*rnd.Int64N(20)
	switch rnd.IntN(50) {
	case 0:
		s.start -= 3_600_000_000
	case 1: // ends with a minute, or begins the next
		s.start = (s.start/60_000_000+1)*60_000_000 - s.duration - rnd.Int64N(2)
	}
	return s
}

// TestCountingInTheClusterSaysWhatReadingDoes has one daemon read documents and
// one have them counted, while spans of both layouts are stored into indices
// that follow each other, and the second is killed again and again. Both must say
// what was stored: counters, both histograms, and every minute of the ledger.
func TestCountingInTheClusterSaysWhatReadingDoes(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		prefix := c.Prefix(t)
		c.Do(t, "PUT", jaeger.Template{Prefix: prefix, Shards: 2}.Path(), string(jaeger.Template{Prefix: prefix, Shards: 2}.Body()))
		bulk, err := footanalytics.NewBulk(c.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		tr, p := newTruth(), &platform{t: t}
		tr.bounds = append(tr.bounds[:6:6], append([]float64{.3}, tr.bounds[6:]...)...)

		config := strings.Replace(fmt.Sprintf(agreeSource, c.URL, prefix)+agreeObjectives, "sli:\n", "sli:\n  deduplicate: 0s\n", 1)
		reading := newDaemon(t, config)
		counting := newDaemon(t, strings.Replace(config, "{addresses", "{read: aggregations, addresses", 1))
		reading.start()
		counting.start()

		base := time.Now().Add(-90 * time.Minute).Truncate(time.Minute)
		var progress atomic.Int64
		store := func(rnd *rand.Rand, index string, n int) {
			var items []footanalytics.Item
			var spans []stored
			for range n {
				s := alikeSpan(rnd, base)
				spans = append(spans, s)
				// An id, so that a request that is repeated stores nothing twice.
				items = append(items, footanalytics.Item{Index: prefix + "-jaeger-span-" + index, ID: fmt.Sprintf("%016x", s.spanID), Source: s.document(rnd.IntN(3) == 0)})
			}
			if _, err := bulk.Write(t.Context(), items); err != nil {
				t.Error(err)
				return
			}
			for _, s := range spans {
				tr.add(s)
			}
			p.mu.Lock()
			p.spans = append(p.spans, spans...)
			p.mu.Unlock()
			progress.Add(int64(n))
		}
		const rounds, writers, batches, each = 4, 2, 3, 600
		for round := range int64(rounds) {
			var writing sync.WaitGroup
			for w := range int64(writers) {
				writing.Go(func() {
					rnd := rand.New(rand.NewPCG(seed, uint64(round*writers+w)))
					for range batches {
						store(rnd, fmt.Sprintf("%06d", 1+round/2), each)
					}
				})
			}
			testenv.Eventually(t, time.Minute, func() error {
				if at := progress.Load(); at < round*writers*batches*each+writers*each {
					return fmt.Errorf("%d spans written before kill %d", at, round)
				}
				return nil
			})
			counting.process.Kill()
			counting.start()
			writing.Wait()
			if round%2 == 1 {
				// What is killed next has committed what came so far.
				counting.settled(time.Minute)
			}
		}
		// What comes at once is surely worth counting.
		store(rand.New(rand.NewPCG(seed, rounds*writers)), "000003", 5000)
		counting.settled(time.Minute)
		reading.settled(time.Minute)

		histories, culprits := map[*daemon]map[string]map[int64]slo.Count{}, map[*daemon]map[string][]slo.Culprits{}
		for name, d := range map[string]*daemon{"reading": reading, "counting": counting} {
			families, err := scrape(d.url)
			if err != nil {
				t.Fatal(err)
			}
			tr.compare(t, families)
			for objective, judge := range agreed {
				want := p.recount(judge, 0, 1<<40)
				if got := (slo.Count{Events: uint64(sum(families, slo.EventsMetric, "slo", objective)), Bad: uint64(sum(families, slo.BadEventsMetric, "slo", objective))}); got != want {
					t.Errorf("%s: the one %s says %+v, a recount %+v", objective, name, got, want)
				}
			}
			counted := sum(families, "traceslo_source_documents_total", "form", "counted")
			t.Logf("%s: %v of the last documents were counted by the cluster, %v read", name, counted, sum(families, "traceslo_source_documents_total")-counted)
			if name == "counting" && counted < 2000 {
				t.Errorf("only %v spans were counted by the cluster\n%s", counted, d.process.Tail())
			}
			if err := d.process.Terminate(5 * time.Second); err != nil {
				t.Fatal(err)
			}
			histories[d], culprits[d] = readLedger(t, d), readCulprits(t, d)
		}
		if diff := cmp.Diff(culprits[reading], culprits[counting]); diff != "" {
			t.Errorf("culprits (-reading +counting):\n%s", diff)
		}
		for objective, judge := range agreed {
			for _, d := range []*daemon{reading, counting} {
				if diff := cmp.Diff(p.minutes(judge, 0, 1<<40), histories[d][objective]); diff != "" {
					t.Errorf("%s: minutes (-recount +ledger):\n%s", objective, diff)
				}
			}
		}
	})
}
