package rules

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/traceslo/traceslo/slo"
)

// rateWindow is what the alerts of the platform look at.
const rateWindow = 5 * time.Minute

// platform returns the groups of alerts that belong to no objective.
func (m *maker) platform() []ruleGroup {
	var services []rule
	if !m.cfg.HighTraceLatency.Disabled {
		services = append(services, m.highLatency())
	}
	if !m.cfg.TraceErrorRate.Disabled {
		services = append(services, m.errorRate())
	}
	health := ruleGroup{Name: "traceslo-health", Rules: m.health()}
	if len(services) == 0 {
		return []ruleGroup{health}
	}
	return []ruleGroup{health, {Name: "traceslo-platform", Rules: services}}
}

// highLatency returns the alert of services that are slow. It asks the native
// histogram, and the classic one where there is no other.
func (m *maker) highLatency() rule {
	l := m.cfg.HighTraceLatency
	quantile := strconv.FormatFloat(l.Quantile, 'g', -1, 64)
	rule := rule{
		Alert: latencyAlert,
		Expr: fmt.Sprintf("(\n"+
			"  histogram_quantile(%[1]s, sum by (service) (\n%[2]s\n  ))\n"+
			"  or\n"+
			"  histogram_quantile(%[1]s, sum by (service, le) (\n%[3]s\n  ))\n"+
			") > %[4]s", quantile, served(slo.DurationMetric), served(slo.DurationMetric+"_bucket"), seconds(l.Threshold)),
		For:    model.Duration(l.For),
		Labels: m.labels(map[string]string{slo.SeverityLabel: warning}),
		Annotations: map[string]string{
			summaryKey: "{{ $labels.service }} is slow",
			descriptionKey: fmt.Sprintf("The quantile %s of the durations of its server and consumer spans in the last %s is {{ $value | humanizeDuration }}.\n"+
				"It fires above %s for %s, and not while old spans are caught up on.", quantile, slo.FormatWindow(rateWindow), l.Threshold, model.Duration(l.For)),
		},
	}
	if link := m.slowTraces(l.Threshold, l.For+rateWindow); link != "" {
		rule.Annotations[tracesKey] = link
	}
	return rule
}

// errorRate returns the alert of services that fail. A service of which no
// span failed has no series of errors, and then it does not fail; without spans
// the ratio is NaN, which is above nothing.
func (m *maker) errorRate() rule {
	e := m.cfg.TraceErrorRate
	rule := rule{
		Alert: errorAlert,
		Expr: fmt.Sprintf("sum by (service) (\n%s\n)\n"+
			"  /\n"+
			"sum by (service) (\n%s\n)\n"+
			"  > %s", served(slo.ErrorsMetric), served(slo.SpansMetric), e.Ratio.decimal()),
		For:    model.Duration(e.For),
		Labels: m.labels(map[string]string{slo.SeverityLabel: critical}),
		Annotations: map[string]string{
			summaryKey: "{{ $labels.service }} fails",
			descriptionKey: fmt.Sprintf("{{ $value | humanizePercentage }} of its server and consumer spans of the last %s failed.\n"+
				"It fires above %s for %s, and not while old spans are caught up on.", slo.FormatWindow(rateWindow), e.Ratio, model.Duration(e.For)),
		},
	}
	if link := m.failedTraces(e.For + rateWindow); link != "" {
		rule.Annotations[tracesKey] = link
	}
	return rule
}

// served is the rate of a counter in what services were asked for: server and
// consumer spans, for clients and internals would dilute them, and nothing
// tells roots apart. A daemon that catches up counts the past in a moment, and
// says nothing of the present as long as the rate's window holds some of that.
func served(metric string) string {
	return fmt.Sprintf("    rate(%s{span_kind=~\"server|consumer\"}[%s])\n"+
		"    unless on (instance)\n"+
		"    max_over_time(%s[%[2]s]) == 1", metric, slo.FormatWindow(rateWindow), slo.CatchingUpMetric)
}
