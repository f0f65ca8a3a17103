package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/slo"
)

const (
	slow  = "HighTraceLatency severity=warning service=shop"
	fails = "TraceErrorRate severity=critical service=shop"
)

// reading are the series of a daemon that is scraped and reads.
func reading(instance string, scrapes int) []string {
	return []string{
		fmt.Sprintf(`up{job="traceslo",instance=%q} 1x%d`, instance, scrapes),
		fmt.Sprintf(`traceslo_source_catching_up{job="traceslo",instance=%q} 0x%d`, instance, scrapes),
		fmt.Sprintf(`traceslo_source_last_complete_read_timestamp_seconds{job="traceslo",instance=%q} %d+60x%d`, instance, epoch.Unix(), scrapes),
		fmt.Sprintf(`process_start_time_seconds{job="traceslo",instance=%q} %dx%d`, instance, epoch.Unix()-86400, scrapes),
	}
}

// startPlatform evaluates the rules of the platform and of the daemon's health.
func startPlatform(t testing.TB, cfg rules.Config, series ...string) *prometheus {
	t.Helper()
	return newPrometheus(t, series, render(t, nil, links, cfg, rules.Prometheus)["traceslo-platform.yaml"])
}

// durations are 60 spans a minute, all of so many seconds, as the classic or
// the native histogram has them, or both.
func durations(labels string, seconds float64, classic, native bool) []string {
	var out []string
	if native {
		// Schema 0: bucket n is (2^(n-1), 2^n].
		offset := 0
		for bound := 1.0; bound < seconds; bound *= 2 {
			offset++
		}
		histogram := func(count int) string {
			return fmt.Sprintf("{{schema:0 count:%d sum:%g offset:%d buckets:[%d]}}", count, float64(count)*seconds, offset, count)
		}
		out = append(out, fmt.Sprintf("jaeger_trace_duration_seconds{%s} %s+%sx60", labels, histogram(60), histogram(60)))
	}
	if classic {
		for _, le := range []string{"1", "2.5", "5", "10", "60", "+Inf"} {
			var bound float64
			step := 60
			if _, err := fmt.Sscan(le, &bound); err == nil && bound < seconds {
				step = 0
			}
			out = append(out, fmt.Sprintf("jaeger_trace_duration_seconds_bucket{%s,le=%q} 0+%dx60", labels, le, step))
		}
	}
	return out
}

const served = `job="traceslo",instance="a",service="shop",operation="pay",span_kind="server"`

func TestHighTraceLatency(t *testing.T) {
	for _, kind := range []struct {
		name            string
		classic, native bool
	}{{"classic", true, false}, {"native", false, true}, {"both", true, true}} {
		t.Run(kind.name, func(t *testing.T) {
			p := startPlatform(t, rules.Default(), append(reading("a", 60), durations(served, 7, kind.classic, kind.native)...)...)
			// The first rate is of minute 1.
			p.wantFiring(5 * minute)
			p.wantFiring(6*minute, slow)
			p = startPlatform(t, rules.Default(), append(reading("a", 60), durations(served, 3, kind.classic, kind.native)...)...)
			p.wantFiring(20 * minute)
		})
	}
	t.Run("the native histogram goes before the classic", func(t *testing.T) {
		series := append(reading("a", 60), durations(served, 3, false, true)...)
		p := startPlatform(t, rules.Default(), append(series, durations(served, 7, true, false)...)...)
		p.wantFiring(20 * minute)
	})
	t.Run("clients do not dilute it", func(t *testing.T) {
		series := append(reading("a", 60), durations(served, 7, true, true)...)
		for i := range 50 {
			series = append(series, durations(strings.Replace(served, `"server"`, fmt.Sprintf(`"client",n="%d"`, i), 1), 0.5, true, true)...)
		}
		startPlatform(t, rules.Default(), series...).wantFiring(10*minute, slow)
	})
	t.Run("instances and operations are one service", func(t *testing.T) {
		// One operation of two is slow, and a pair reads the same.
		series := append(reading("a", 60), reading("b", 60)...)
		for _, instance := range []string{"a", "b"} {
			of := strings.Replace(served, `instance="a"`, fmt.Sprintf("instance=%q", instance), 1)
			series = append(series, durations(of, 7, true, true)...)
			series = append(series, durations(strings.Replace(of, "pay", "list", 1), 0.5, true, true)...)
		}
		p := startPlatform(t, rules.Default(), series...)
		p.wantFiring(10*minute, slow)
		if got := len(p.firing); got != 1 {
			t.Errorf("got %d alerts, want one a service", got)
		}
	})
}

func TestTraceErrorRate(t *testing.T) {
	spans := func(perMinute int) string {
		return fmt.Sprintf("jaeger_traces_total{%s} 0+%dx60", served, perMinute)
	}
	errors := func(perMinute int) string {
		return fmt.Sprintf("jaeger_trace_errors_total{%s,error_type=\"timeout\"} 0+%dx60", served, perMinute)
	}
	for _, test := range []struct {
		name   string
		series []string
		want   []string
	}{
		{"above 5%", []string{spans(100), errors(6)}, []string{fails}},
		{"5% is not above", []string{spans(100), errors(5)}, nil},
		{"no error has no series", []string{spans(100)}, nil},
		{"types of errors add up", []string{spans(100), errors(3), strings.Replace(errors(3), "timeout", "503", 1)}, []string{fails}},
		{"operations are summed before they are divided", []string{spans(10), errors(10), strings.Replace(spans(1000), "pay", "list", 1)}, nil},
		{"errors of clients are those of others", []string{spans(100), strings.Replace(errors(50), "server", "client", 1)}, nil},
		{"no spans are no NaN", []string{spans(0), errors(0)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := startPlatform(t, rules.Default(), append(reading("a", 60), test.series...)...)
			p.wantFiring(2 * minute)
			p.wantFiring(10*minute, test.want...)
		})
	}
	t.Run("the message says how many", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), append(reading("a", 60), spans(100), errors(50))...)
		p.wantFiring(10*minute, fails)
		want := "50% of its server and consumer spans of the last 5m failed.\nIt fires above 5% for 2m, and not while old spans are caught up on."
		if got := p.firing[0].annotations["description"]; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestCatchingUpIsNoNews(t *testing.T) {
	// The daemon counts an hour with an outage in it within minutes 10 to 12.
	jump := "0x9 0 3000 6000 6000+100x40"
	burst := []string{
		fmt.Sprintf("jaeger_traces_total{%s} %s", served, jump),
		fmt.Sprintf("jaeger_trace_errors_total{%s,error_type=\"timeout\"} 0x9 0 1500 3000 3000x40", served),
	}
	busy := reading("a", 60)
	busy[1] = `traceslo_source_catching_up{job="traceslo",instance="a"} 0x9 1 1 0 0x40`
	p := startPlatform(t, rules.Default(), append(busy, burst...)...)
	for at := range 40 {
		p.wantFiring(time.Duration(at) * minute)
	}
	// It would be news otherwise.
	startPlatform(t, rules.Default(), append(reading("a", 60), burst...)...).wantFiring(14*minute, fails)

	// One of a pair that catches up for ever does not silence the other.
	series := append(reading("b", 60), busy[0], `traceslo_source_catching_up{job="traceslo",instance="a"} 1x60`)
	series = append(series,
		strings.Replace("jaeger_traces_total{"+served+"} 0+100x60", `"a"`, `"b"`, 1),
		strings.Replace("jaeger_trace_errors_total{"+served+",error_type=\"x\"} 0+50x60", `"a"`, `"b"`, 1))
	startPlatform(t, rules.Default(), series...).wantFiring(10*minute, fails)
}

func TestServiceLabelRenamed(t *testing.T) {
	// Without honor_labels, the target's own label takes the name.
	const renamed = "TracesloServiceLabelRenamed severity=critical instance=a job=traceslo"
	series := append(reading("a", 30),
		`traceslo_slo_info{job="traceslo",instance="a",slo="checkout",service="traceslo",exported_service="shop"} 1x30`,
		`jaeger_traces_total{job="traceslo",instance="a",service="traceslo",exported_service="shop",span_kind="server"} 0+60x30`)
	p := startPlatform(t, rules.Default(), series...)
	p.wantFiring(4 * minute)
	p.wantFiring(6*minute, renamed)
	startPlatform(t, rules.Default(), append(reading("a", 30), series[len(series)-1])...).wantFiring(6*minute, renamed)
	startPlatform(t, rules.Default(), append(reading("a", 30),
		`traceslo_slo_info{job="traceslo",instance="a",slo="checkout",service="shop"} 1x30`)...).wantFiring(6 * minute)
}

func TestPlatformAlertsAreAsConfigured(t *testing.T) {
	cfg := rules.Default()
	cfg.HighTraceLatency.Threshold, cfg.HighTraceLatency.For = time.Second, 0
	cfg.TraceErrorRate.Disabled = true
	cfg.Labels = map[string]string{"cluster": "eu"}
	p := startPlatform(t, cfg, append(reading("a", 30), append(durations(served, 3, true, false),
		"jaeger_traces_total{"+served+"} 0+100x30", "jaeger_trace_errors_total{"+served+",error_type=\"x\"} 0+50x30")...)...)
	p.wantFiring(minute, slow)
	if got := p.firing[0].labels["cluster"]; got != "eu" {
		t.Errorf("got the label cluster %q, want eu", got)
	}
	want := "https://jaeger.example.org/search?service=shop&minDuration=1s&limit=20&lookback=custom&start=" +
		micros(epoch.Add(-4*minute)) + "&end=" + micros(epoch.Add(minute))
	if got := p.firing[0].annotations["traces_url"]; got != want {
		t.Errorf("got the link %s, want %s", got, want)
	}

	cfg.HighTraceLatency.Disabled = true
	if text := string(render(t, nil, slo.Links{}, cfg, rules.Prometheus)["traceslo-platform.yaml"]); strings.Contains(text, "traceslo-platform") {
		t.Error("there is a group of platform alerts although both are disabled")
	}
}
