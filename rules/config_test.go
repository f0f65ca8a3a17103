package rules_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/sli"
)

func TestDefaultIsValid(t *testing.T) {
	if faults := rules.Default().Validate(); len(faults) > 0 {
		t.Error(faults)
	}
	if faults := rules.Default().ValidateBuckets(sli.Default().Buckets); len(faults) > 0 {
		t.Error(faults)
	}
}

func TestValidateSaysWhereAndWhatToDo(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*rules.Config)
		want   []config.Fault
	}{
		{"no job", func(c *rules.Config) { c.Job = "" },
			[]config.Fault{{Path: "job", Problem: "is empty", Cure: "write the job_name of the scrape configuration, as in traceslo"}}},
		{"labels that are none, and those of alerts", func(c *rules.Config) { c.Labels = map[string]string{"a-b": "x", "slo": "y", "__z": ""} },
			[]config.Fault{
				{Path: "labels.__z", Problem: `"__z" is no name of a label`, Cure: "write letters, digits and _, and begin with a letter"},
				{Path: "labels.a-b", Problem: `"a-b" is no name of a label`, Cure: "write letters, digits and _, and begin with a letter"},
				{Path: "labels.slo", Problem: "is a label that alerts have of their own", Cure: "choose another name"}}},
		{"stale at once", func(c *rules.Config) { c.SourceStaleAfter = time.Second },
			[]config.Fault{{Path: "source_stale_after", Problem: "1s is shorter than a minute", Cure: "write a longer duration, or scrapes that come a little late alert"}}},
		{"no threshold and no quantile", func(c *rules.Config) { c.HighTraceLatency.Threshold, c.HighTraceLatency.Quantile = 0, 95 },
			[]config.Fault{
				{Path: "high_trace_latency.quantile", Problem: "95 is not above 0 and below 1", Cure: "write for example 0.95"},
				{Path: "high_trace_latency.threshold", Problem: "0s is not positive", Cure: "write a duration above 0, as in 5s"}}},
		{"nanoseconds", func(c *rules.Config) { c.HighTraceLatency.Threshold = 1500 },
			[]config.Fault{{Path: "high_trace_latency.threshold", Problem: "1.5µs is not a whole number of microseconds", Cure: "spans are measured in microseconds; write 2µs"}}},
		{"waits that Prometheus cannot write", func(c *rules.Config) { c.HighTraceLatency.For, c.TraceErrorRate.For = -1, 1500*time.Millisecond },
			[]config.Fault{
				{Path: "high_trace_latency.for", Problem: "-1ns is not a whole number of seconds from 0", Cure: "write for example 5m, or 0 to alert at once"},
				{Path: "trace_error_rate.for", Problem: "1.5s is not a whole number of seconds from 0", Cure: "write for example 5m, or 0 to alert at once"}}},
		{"no ratio", func(c *rules.Config) { c.TraceErrorRate.Ratio = 0 },
			[]config.Fault{{Path: "trace_error_rate.ratio", Problem: "0% is not above 0% and below 100%", Cure: "write for example 5%"}}},
		{"what Kubernetes refuses", func(c *rules.Config) {
			c.Operator = rules.Metadata{Namespace: "Mine", Labels: map[string]string{"a b": "", "release": "prometheus", "app.kubernetes.io/part-of": "x"}}
		}, []config.Fault{
			{Path: "operator.labels.a b", Problem: "is no label that Kubernetes takes", Cure: "write up to 63 letters, digits, -, _ and . on either side, as in release: prometheus"},
			{Path: "operator.namespace", Problem: `"Mine" is no name of a namespace`, Cure: "write up to 63 small letters, digits and -"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := rules.Default()
			test.change(&cfg)
			if diff := cmp.Diff(test.want, cfg.Validate()); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidateBuckets(t *testing.T) {
	for _, test := range []struct {
		name    string
		buckets []time.Duration
		problem string
	}{
		{"the threshold and one above", []time.Duration{time.Second, 5 * time.Second, time.Minute}, ""},
		{"none above", []time.Duration{time.Second, 5 * time.Second},
			"no bound of sli.buckets is above 5s: a classic histogram tells of no quantile beyond its last bound, so that the alert cannot fire by it"},
		{"not a bound", []time.Duration{time.Second, time.Minute},
			"5s is no bound of sli.buckets: from a classic histogram, the alert fires by a guess between two bounds"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			for _, f := range rules.Default().ValidateBuckets(test.buckets) {
				if !f.Warning || f.Path != "high_trace_latency.threshold" || f.Cure == "" {
					t.Errorf("got %+v, want a warning of the threshold with a cure", f)
				}
				got += f.Problem
			}
			if got != test.problem {
				t.Errorf("got %q, want %q", got, test.problem)
			}
		})
	}
	off := rules.Default()
	off.HighTraceLatency.Disabled = true
	if faults := off.ValidateBuckets(nil); len(faults) > 0 {
		t.Errorf("got %v for an alert that is disabled", faults)
	}
}

func TestRatioIsAPercentage(t *testing.T) {
	var r rules.Ratio
	if err := r.UnmarshalText([]byte("2.5%")); err != nil || r != 25_000_000 || r.String() != "2.5%" {
		t.Errorf("got %d, %s and %v, want 2.5%%", r, r, err)
	}
	for _, text := range []string{"5", "0%", "100%", "-1%", "5 %", "", "abc%", "1e1%"} {
		before := r
		err := r.UnmarshalText([]byte(text))
		if err == nil || r != before {
			t.Errorf("%q was taken as %s", text, r)
		}
	}
}
