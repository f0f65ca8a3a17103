package source_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/traceslo/traceslo/source"
)

func TestMetricsKeepTheRules(t *testing.T) {
	b := newBench(t, source.Start{Earliest: true})
	x := b.memory.Create("spans-1", 1)
	x.Append(0, b.spans(5, 90*time.Second)...)
	b.drain()
	problems, err := testutil.GatherAndLint(b.metrics)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if got := b.metric("spans_total"); got != 5 {
		t.Errorf("spans_total = %v, want 5", got)
	}
	if got := b.metric("backlog_spans"); got != 0 {
		t.Errorf("backlog_spans = %v, want 0", got)
	}
	if got := b.metric("last_complete_read_timestamp_seconds"); got != float64(epoch.Unix()) {
		t.Errorf("last_complete_read = %v, want %v", got, epoch.Unix())
	}
}
