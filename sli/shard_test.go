package sli_test

import (
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/traceslo/traceslo/source"
)

// TestShardIsALabelOfEverySeries tells the series of several readers apart, in every format.
func TestShardIsALabelOfEverySeries(t *testing.T) {
	cfg := testConfig()
	cfg.Shard = "2"
	r := newRecorder(t, cfg)
	r.Count(0, []source.Span{span("o", time.Second, failed("e")), span("p", time.Second)})
	step(t, r, start)
	for _, format := range []expfmt.Format{expfmt.FmtText, expfmt.FmtOpenMetrics_1_0_0} {
		samples := 0
		for line := range strings.Lines(string(exposition(t, r, format, start.Add(time.Hour)))) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			samples++
			if strings.Count(line, `shard="2"`) != 1 {
				t.Errorf("%v: %s", format.FormatType(), line)
			}
		}
		if samples < 10 {
			t.Errorf("%v: %d samples", format.FormatType(), samples)
		}
	}
	decoder := expfmt.NewDecoder(strings.NewReader(string(exposition(t, r, expfmt.FmtProtoDelim, start.Add(time.Hour)))), expfmt.FmtProtoDelim)
	for range 3 {
		var family dto.MetricFamily
		if err := decoder.Decode(&family); err != nil {
			t.Fatal(err)
		}
		for _, m := range family.GetMetric() {
			if last := m.GetLabel()[len(m.GetLabel())-1]; last.GetName() != "shard" || last.GetValue() != "2" {
				t.Errorf("%s: the last label is %v", family.GetName(), last)
			}
		}
	}
}
