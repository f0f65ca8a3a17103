package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/kubernetes"
	"github.com/traceslo/traceslo/slo"
)

// Config is the section rules of the configuration.
type Config struct {
	// Job is the name of the job that scrapes traceslo. Default: traceslo.
	Job string `yaml:"job"`
	// Labels are added to every alert. They are no templates.
	Labels map[string]string `yaml:"labels"`
	// SourceStaleAfter is for how long no complete read may come before that
	// alerts; let it be longer than the poll interval. Default: 5m.
	SourceStaleAfter time.Duration    `yaml:"source_stale_after"`
	HighTraceLatency HighTraceLatency `yaml:"high_trace_latency"`
	TraceErrorRate   TraceErrorRate   `yaml:"trace_error_rate"`
	// Operator is what resources of the Prometheus Operator bear.
	Operator Metadata `yaml:"operator"`
}

// HighTraceLatency is the alert of a service whose server and consumer spans
// are slow.
type HighTraceLatency struct {
	Disabled bool `yaml:"disabled"`
	// Threshold is what the quantile of the durations of the last five minutes
	// is held against. Default: 5s.
	Threshold time.Duration `yaml:"threshold"`
	// Quantile is above 0 and below 1. Default: 0.95.
	Quantile float64 `yaml:"quantile"`
	// For is how long that lasts before it alerts. Default: 5m.
	For time.Duration `yaml:"for"`
}

// TraceErrorRate is the alert of a service whose server and consumer spans fail.
type TraceErrorRate struct {
	Disabled bool `yaml:"disabled"`
	// Ratio is which part of the spans of the last five minutes has to have
	// failed. Default: 5%.
	Ratio Ratio `yaml:"ratio"`
	// For is how long that lasts before it alerts. Default: 2m.
	For time.Duration `yaml:"for"`
}

// Metadata is what a PrometheusRule bears besides its rules.
type Metadata struct {
	// Namespace is left out when it is empty. Default: "".
	Namespace string `yaml:"namespace"`
	// Labels are what the ruleSelector of the Prometheus resource looks for.
	Labels map[string]string `yaml:"labels"`
}

// Default returns the configuration of an empty section.
func Default() Config {
	return Config{
		Job:              "traceslo",
		SourceStaleAfter: 5 * time.Minute,
		HighTraceLatency: HighTraceLatency{Threshold: 5 * time.Second, Quantile: 0.95, For: 5 * time.Minute},
		TraceErrorRate:   TraceErrorRate{Ratio: 50_000_000, For: 2 * time.Minute},
	}
}

// Validate returns everything that is wrong with c.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	fault := func(path, problem, cure string) {
		faults = append(faults, config.Fault{Path: path, Problem: problem, Cure: cure})
	}
	if c.Job == "" {
		fault("job", "is empty", "write the job_name of the scrape configuration, as in traceslo")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		path := "labels." + name
		switch {
		case !model.LegacyValidation.IsValidLabelName(name) || strings.HasPrefix(name, model.ReservedLabelPrefix):
			fault(path, fmt.Sprintf("%q is no name of a label", name), "write letters, digits and _, and begin with a letter")
		case owned(name):
			fault(path, "is a label that alerts have of their own", "choose another name")
		}
	}
	if c.SourceStaleAfter < time.Minute {
		fault("source_stale_after", config.FormatDuration(c.SourceStaleAfter)+" is shorter than a minute", "write a longer duration, or scrapes that come a little late alert")
	}
	l := c.HighTraceLatency
	if l.Threshold <= 0 {
		fault("high_trace_latency.threshold", config.FormatDuration(l.Threshold)+" is not positive", "write a duration above 0, as in 5s")
	}
	if l.Threshold%time.Microsecond != 0 {
		fault("high_trace_latency.threshold", config.FormatDuration(l.Threshold)+" is not a whole number of microseconds", "spans are measured in microseconds; write "+l.Threshold.Round(time.Microsecond).String())
	}
	if !(0 < l.Quantile && l.Quantile < 1) {
		fault("high_trace_latency.quantile", strconv.FormatFloat(l.Quantile, 'g', -1, 64)+" is not above 0 and below 1", "write for example 0.95")
	}
	if r := c.TraceErrorRate.Ratio; r <= 0 || r >= 1_000_000_000 {
		fault("trace_error_rate.ratio", r.String()+" is not above 0% and below 100%", "write for example 5%")
	}
	for path, wait := range map[string]time.Duration{"high_trace_latency.for": l.For, "trace_error_rate.for": c.TraceErrorRate.For} {
		if wait < 0 || wait%time.Second != 0 {
			fault(path, config.FormatDuration(wait)+" is not a whole number of seconds from 0", "write for example 5m, or 0 to alert at once")
		}
	}
	faults = append(faults, c.Operator.validate()...)
	slices.SortStableFunc(faults, func(a, b config.Fault) int { return strings.Compare(a.Path, b.Path) })
	return faults
}

// owned tells whether alerts have a label of that name of their own.
func owned(label string) bool {
	return slices.Contains([]string{slo.SLOLabel, slo.ServiceLabel, slo.ObjectiveLabel, slo.SeverityLabel, slo.TierLabel, model.AlertNameLabel,
		slo.SlothID, slo.SlothService, slo.SlothSLO, slo.SlothWindow, slo.SlothSeverity}, label)
}

// ValidateBuckets returns what keeps HighTraceLatency from being exact where
// only classic histograms are scraped, which is no fault where native ones are:
// buckets are the bounds of the classic histogram, ascending.
func (c Config) ValidateBuckets(buckets []time.Duration) []config.Fault {
	l := c.HighTraceLatency
	if l.Disabled || l.Threshold <= 0 {
		return nil
	}
	at := config.FormatDuration(l.Threshold)
	fault := func(problem, cure string) []config.Fault {
		return []config.Fault{{Path: "high_trace_latency.threshold", Problem: problem, Cure: cure, Warning: true}}
	}
	place, exact := slices.BinarySearch(buckets, l.Threshold)
	if exact {
		place++
	}
	switch {
	case place == len(buckets):
		return fault(fmt.Sprintf("no bound of sli.buckets is above %s: a classic histogram tells of no quantile beyond its last bound, so that the alert cannot fire by it", at),
			"add a bound above it to sli.buckets")
	case !exact:
		return fault(at+" is no bound of sli.buckets: from a classic histogram, the alert fires by a guess between two bounds", fmt.Sprintf("add %s to sli.buckets", at))
	}
	return nil
}

func (m Metadata) validate() []config.Fault {
	return append(kubernetes.ValidateNamespace("operator.namespace", m.Namespace),
		kubernetes.ValidateLabels("operator.labels", m.Labels, "release: prometheus")...)
}
