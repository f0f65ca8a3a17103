package sli_test

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/sli"
)

// TestLimitsHoldWithFiftyThousandOperations counts spans of 150,000 label sets,
// three times what the default limits admit: every span is counted, and /metrics
// has no more sets than the limit and those that are all _other.
func TestLimitsHoldWithFiftyThousandOperations(t *testing.T) {
	cfg := sli.Default()
	cfg.Deduplicate = 0
	l := newLoad(50_000)
	r := sli.New(cfg, 1, zerolog.Nop())
	everySet(r, l, 1)
	if err := r.Save(nil, start, start); err != nil {
		t.Fatal(err)
	}
	r.Publish()
	text := exposition(t, r, expfmt.FmtText, start.Add(time.Hour))
	sets, spans, other := 0, 0.0, 0.0
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("jaeger_traces_total{")) {
			continue
		}
		n, err := strconv.ParseFloat(string(bytes.TrimSpace(line[bytes.LastIndexByte(line, ' ')+1:])), 64)
		if err != nil {
			t.Fatal(err)
		}
		sets++
		spans += n
		if bytes.Contains(line, []byte(`operation="_other"`)) {
			other += n
		}
	}
	// A set that is all _other comes on top for each service and kind.
	if most := cfg.Limits.Series + 500*3; sets > most || sets < cfg.Limits.Series {
		t.Errorf("%d label sets, of at most %d", sets, most)
	}
	if spans != 150_000 {
		t.Errorf("%v spans are counted of 150000", spans)
	}
	if other == 0 || other > spans*0.7 {
		t.Errorf("%v of %v spans are counted as _other", other, spans)
	}
	t.Logf("%d label sets, %d MB of text", sets, len(text)>>20)
}
