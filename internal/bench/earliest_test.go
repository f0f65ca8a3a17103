package bench_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source/jaeger"
)

// stored is what is left in the folder -data, besides the cluster's data.
type stored struct {
	To   time.Time
	Over time.Duration
	Rate float64
}

// TestEarliest reads all that is stored, with start: earliest and every engine.
// It stores -spans first, or takes what an earlier run left in the folder -data.
func TestEarliest(t *testing.T) {
	only(t, *earliestFlag)
	data := *dataFlag
	if data == "" {
		data = testenv.OpenDir(t)
	}
	out := newPage(t, "earliest", "Reading all that is stored", command("earliest"))
	note := filepath.Join(data, "stored.json")
	c := startCluster(t, filepath.Join(data, "cluster"))
	var p *platform
	var s stored
	if text, err := os.ReadFile(note); err == nil {
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		c.Do(t, "GET", "/_cluster/health?wait_for_status=yellow&timeout=60s", "")
		p = openPlatform(t, s.Rate, s.Over, s.To)
		p.count(t)
	} else {
		s = stored{To: time.Now().Truncate(time.Minute), Over: *overFlag}
		p = newPlatform(t, *spansFlag, s.Over, s.To)
		s.Rate = p.rate
		cpu, took := costs(t, c, func() {
			store(t, c, "earliest", jaeger.Elevated, shardsOfPeers, p.streams(t.Context()))
		})
		t.Logf("stored %d spans in %s: %.0f µs of the cluster's CPU a span", p.spans(), took.Round(time.Second), bench.PerMillion(cpu, p.spans()))
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(note, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out.f("`start: earliest` over %s stored spans that ended within %s, %s a second (%d label sets, %s failed), in indices of a day with 3 shards each, deduplicating only where documents are read.\n\n",
		bench.Count(int64(p.spans())), s.Over, bench.Figure(float64(p.spans())/s.Over.Seconds()), len(p.truth.Of), bench.Count(int64(p.errors())))
	table := bench.Table{Head: []string{"engine", "took", "spans a second", "traceslo's CPU", "the cluster's CPU", "traceslo's memory at most", "calls, errors, bucket counts off"}}
	for _, engine := range engines {
		d, refused := newDaemon(t, c.URL, "earliest", engine, objectives)
		if refused != "" {
			table.Add("`"+engine+"`", "not in this build", "", "", "", "", "")
			continue
		}
		quiet(t, c)
		cluster, took := costs(t, c, func() {
			d.start()
			d.settled(2 * time.Hour)
		})
		u := usage(t, d.process)
		off := p.truth.Differ(d.counted())
		d.process.Kill()
		table.Add("`"+engine+"`", took.Round(100*time.Millisecond), bench.Count(int64(float64(p.spans())/took.Seconds())), fmt.Sprintf("%.1f s", u.CPU.Seconds()),
			fmt.Sprintf("%.1f s", cluster.Seconds()), bench.Bytes(u.Peak), fmt.Sprintf("%d, %d, %d", off.Calls, off.Errors, off.Buckets))
		t.Logf("%s: %v", engine, table.Rows[len(table.Rows)-1])
	}
	out.f("%s", &table)
	out.write(t)
}
