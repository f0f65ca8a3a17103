package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/rules"
)

const (
	down      = "TracesloDown severity=critical job=traceslo"
	stale     = "TracesloSourceStale severity=critical job=traceslo"
	never     = "TracesloSourceNeverRead severity=warning job=traceslo"
	instanceA = "TracesloInstanceNotReading severity=warning instance=a job=traceslo"
)

// completed is when the last complete read of an instance was, by scrape.
func completed(instance, extra, values string) string {
	return fmt.Sprintf(`traceslo_source_last_complete_read_timestamp_seconds{job="traceslo",instance=%q%s} %s`, instance, extra, values)
}

func TestDown(t *testing.T) {
	t.Run("no such job", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), `up{job="other"} 1x60`)
		p.wantFiring(4 * minute)
		p.wantFiring(5*minute, down)
	})
	t.Run("no target answers", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), `up{job="traceslo",instance="a"} 1x9 0x60`, `up{job="traceslo",instance="b"} 0x60`)
		p.wantFiring(14 * minute)
		p.wantFiring(15*minute, down)
	})
	t.Run("one of a pair", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), append(reading("b", 60), `up{job="traceslo",instance="a"} 0x60`)...)
		p.wantFiring(29 * minute)
		p.wantFiring(30*minute, instanceA)
	})
	t.Run("a restart", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), append(reading("b", 60), `up{job="traceslo",instance="a"} 1x9 0x3 1x60`)...)
		p.wantFiring(50 * minute)
	})
}

func TestReaderMissing(t *testing.T) {
	const missing = "TracesloReaderMissing severity=critical job=traceslo"
	readers := func(instance, shard string, n int, samples string) string {
		if shard != "" {
			shard = fmt.Sprintf(",shard=%q", shard)
		}
		return fmt.Sprintf(`traceslo_source_readers{job="traceslo",instance=%q%s} %s`, instance, shard, strings.ReplaceAll(samples, "n", fmt.Sprint(n)))
	}
	one := reading("a", 60)
	for _, test := range []struct {
		name    string
		series  []string
		missing bool
	}{
		{"one that reads all", []string{readers("a", "", 1, "nx60")}, false},
		{"a pair", []string{readers("a", "", 1, "nx60"), readers("b", "", 1, "nx60")}, false},
		{"two of two", []string{readers("a", "1", 2, "nx60"), readers("b", "2", 2, "nx60")}, false},
		{"one of two", []string{readers("a", "1", 2, "nx60")}, true},
		{"a pair of the same one of two", []string{readers("a", "1", 2, "nx60"), readers("b", "1", 2, "nx60")}, true},
		{"one of two that goes away for a moment", []string{readers("a", "1", 2, "nx60"), readers("b", "2", 2, "nx10 _x3 nx60")}, false},
		{"two clusters, each with one that reads all", []string{readers("a", "north", 1, "nx60"), readers("b", "south", 1, "nx60")}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := startPlatform(t, rules.Default(), append(one[:len(one):len(one)], test.series...)...)
			p.wantFiring(4 * minute)
			if test.missing {
				p.wantFiring(5*minute, missing)
				return
			}
			p.wantFiring(29 * minute)
		})
	}
}

func TestSourceStale(t *testing.T) {
	now := epoch.Unix()
	up := []string{`up{job="traceslo",instance="a"} 1x120`, `up{job="traceslo",instance="b"} 1x120`}
	t.Run("the last read is old", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), append(up, completed("a", "", fmt.Sprintf("%d+60x10 %dx100", now, now+600)))...)
		p.wantFiring(15 * minute)
		p.wantFiring(16*minute, stale)
	})
	t.Run("a restart does not make it young", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), append(up, completed("a", "", fmt.Sprintf("%d+60x10 0x100", now)))...)
		p.wantFiring(15 * minute)
		p.wantFiring(16*minute, stale)
		p.run(40 * minute)
		if !fires(p, stale) {
			t.Error("it resolves though nothing was read since")
		}
	})
	t.Run("one of a pair reads", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), append(up,
			completed("a", "", fmt.Sprintf("%dx100", now)), completed("b", "", fmt.Sprintf("%d+60x100", now)))...)
		p.wantFiring(30 * minute)
		p.wantFiring(40*minute, instanceA)
	})
	t.Run("one of two shards does not", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), append(up,
			completed("a", `,shard="0"`, fmt.Sprintf("%dx100", now)), completed("b", `,shard="1"`, fmt.Sprintf("%d+60x100", now)))...)
		p.wantFiring(10*minute, "TracesloSourceStale severity=critical job=traceslo shard=0")
	})
	t.Run("nothing was ever read", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), append(up, completed("a", "", "0x100"))...)
		p.wantFiring(29 * minute)
		p.wantFiring(30*minute, instanceA, never)
	})
	t.Run("a first run that takes its time", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), append(up, completed("a", "", fmt.Sprintf("0x20 %d+60x100", now+21*60)))...)
		for at := range 100 {
			p.wantFiring(time.Duration(at) * minute)
		}
	})
}

func TestFallingBehind(t *testing.T) {
	const behind = "TracesloFallingBehind severity=warning instance=a job=traceslo"
	gauges := func(backlog, read string) []string {
		return append(reading("a", 120),
			`traceslo_source_backlog_spans{job="traceslo",instance="a"} `+backlog,
			`traceslo_source_catch_up_read_spans{job="traceslo",instance="a"} `+read)
	}
	t.Run("the backlog grows", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), gauges("0x9 1000+10x60 1600-100x16 0x30", "0x9 100+50x77 0x30")...)
		p.wantFiring(53 * minute)
		p.wantFiring(54*minute, behind)
		p.wantFiring(90 * minute)
	})
	t.Run("the backlog shrinks", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), gauges("100000-500x110", "1+500x110")...)
		p.wantFiring(110 * minute)
	})
	t.Run("a shard cannot be read", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), gauges("0+10x110", "0x110")...)
		p.wantFiring(110 * minute)
	})
	t.Run("each poll has more than a step reads, and is read", func(t *testing.T) {
		p := startPlatform(t, rules.Default(), gauges("10 "+strings.Repeat("0 20 30 ", 37), "10 "+strings.Repeat("0 50 60 ", 37))...)
		p.wantFiring(110 * minute)
	})
}

func TestCountersOfHarm(t *testing.T) {
	const (
		a = `job="traceslo",instance="a"`
		b = `job="traceslo",instance="b"`
	)
	process := func(labels, started string) string {
		return fmt.Sprintf("process_start_time_seconds{%s} %s", labels, started)
	}
	old, young := fmt.Sprintf("%dx120", epoch.Unix()-86400), fmt.Sprintf("%dx120", epoch.Unix()-30)
	for _, test := range []struct {
		name   string
		series []string
		want   []string
	}{
		{"an overflow that grows", []string{`traceslo_sli_overflow_spans_total{` + a + `,service="shop",limit="services"} 5+1x120`},
			[]string{"TracesloOverflow severity=warning service=shop limit=services"}},
		{"an overflow that was", []string{`traceslo_sli_overflow_spans_total{` + a + `,service="shop",limit="services"} 5x120`}, nil},
		{"an overflow that is new", []string{`traceslo_sli_overflow_spans_total{` + a + `,service="shop",limit="services"} _x80 5x40`},
			[]string{"TracesloOverflow severity=warning service=shop limit=services"}},
		{"an overflow that moved with the daemon", []string{
			`traceslo_sli_overflow_spans_total{` + a + `,service="shop",limit="services"} 5x80 stale`,
			`traceslo_sli_overflow_spans_total{` + b + `,service="shop",limit="services"} _x80 5x40`}, nil},
		{"a commit that fails", []string{`traceslo_source_errors_total{` + a + `,kind="commit"} 0x90 1x40`},
			[]string{"TracesloCommitFailing severity=warning instance=a"}},
		{"another error", []string{`traceslo_source_errors_total{` + a + `,kind="timeout"} 0x90 1x40`}, nil},
		{"a gap", []string{`traceslo_source_gaps_total{` + a + `,reason="deleted"} 0x90 1x40`, process(a, old)},
			[]string{"TracesloSpansLost severity=warning reason=deleted"}},
		{"a gap that was found before the first scrape", []string{`traceslo_source_gaps_total{` + a + `,reason="deleted"} _x90 1x40`,
			process(a, fmt.Sprintf("_x90 %dx40", epoch.Unix()+90*60-20))},
			[]string{"TracesloSpansLost severity=warning reason=deleted"}},
		{"a gap of the day before", []string{`traceslo_source_gaps_total{` + a + `,reason="deleted"} 1x120`, process(a, old)}, nil},
		{"no gap of a young process", []string{`traceslo_source_gaps_total{` + a + `,reason="deleted"} 0x120`, process(a, young)}, nil},
		{"a configuration that is refused", []string{`traceslo_config_last_reload_successful{` + a + `} 0x120`},
			[]string{"TracesloConfigReloadFailed severity=warning instance=a job=traceslo"}},
		{"a configuration that is taken", []string{`traceslo_config_last_reload_successful{` + a + `} 1x120`}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := startPlatform(t, rules.Default(), append(test.series, `up{`+b+`} 1x120`)...)
			p.skip(60 * minute)
			p.wantFiring(100*minute, test.want...)
		})
	}
}

func TestJobIsQuoted(t *testing.T) {
	cfg := rules.Default()
	cfg.Job = `trace "slo" {{ x }}`
	p := startPlatform(t, cfg, `up{job="traceslo"} 1x10`)
	p.wantFiring(5*minute, strings.Replace(down, "job=traceslo", "job="+cfg.Job, 1))
}
