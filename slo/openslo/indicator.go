package openslo

import (
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/sli"
)

// An sliSpec is the spec of an SLI document, or of an SLO's own indicator.
type sliSpec struct {
	Description     string             `yaml:"description"`
	ThresholdMetric *metric[totalSpec] `yaml:"thresholdMetric"`
	RatioMetric     *ratioMetric       `yaml:"ratioMetric"`
}

type ratioMetric struct {
	Counter bool               `yaml:"counter"`
	Total   *metric[totalSpec] `yaml:"total"`
	Good    *metric[goodSpec]  `yaml:"good"`
	Bad     *metric[badSpec]   `yaml:"bad"`
}

type metric[S any] struct {
	MetricSource struct {
		Type string `yaml:"type"`
		Spec S      `yaml:"spec"`
	} `yaml:"metricSource"`
}

type totalSpec struct {
	Match *sli.Match `yaml:"match"`
}

type goodSpec struct {
	Within   *time.Duration `yaml:"within"`
	FailedIf sli.Conditions `yaml:"failed_if"`
	GoodIf   sli.Conditions `yaml:"good_if"`
}

type badSpec struct {
	FailedIf sli.Conditions `yaml:"failed_if"`
}

// validate says what is wrong with the spec, which stands at path.
func (s sliSpec) validate(path string) []config.Fault {
	switch {
	case s.ThresholdMetric != nil && s.RatioMetric != nil:
		return []config.Fault{{Path: path, Problem: "has a thresholdMetric and a ratioMetric", Cure: "keep one of the two"}}
	case s.ThresholdMetric != nil:
		return s.ThresholdMetric.validate(path+".thresholdMetric", totalSpec.validate)
	case s.RatioMetric != nil:
		return s.RatioMetric.validate(path + ".ratioMetric")
	}
	return []config.Fault{{Path: path, Problem: "has neither a thresholdMetric nor a ratioMetric", Cure: "write one of the two"}}
}

func (r *ratioMetric) validate(path string) []config.Fault {
	var faults []config.Fault
	if r.Total == nil {
		faults = append(faults, config.Fault{Path: path, Problem: "has no total", Cure: "write total: {metricSource: {type: traceslo, spec: {match: …}}}"})
	} else {
		faults = append(faults, r.Total.validate(path+".total", totalSpec.validate)...)
	}
	if r.Good != nil {
		faults = append(faults, r.Good.validate(path+".good", goodSpec.validate)...)
	}
	if r.Bad != nil {
		faults = append(faults, r.Bad.validate(path+".bad", badSpec.validate)...)
	}
	if (r.Good == nil) == (r.Bad == nil) {
		problem := "has neither good nor bad"
		if r.Good != nil {
			problem = "has good and bad"
		}
		faults = append(faults, config.Fault{Path: path, Problem: problem, Cure: "write one of the two beside total"})
	}
	return faults
}

// validate has check say what is wrong with the metric's spec.
func (m *metric[S]) validate(path string, check func(spec S, path string) []config.Fault) []config.Fault {
	path += ".metricSource"
	switch m.MetricSource.Type {
	case "traceslo":
		return check(m.MetricSource.Spec, path+".spec")
	case "":
		return []config.Fault{{Path: path + ".type", Problem: "is missing", Cure: "write type: traceslo, and in spec the keys of that"}}
	}
	return []config.Fault{{Path: path + ".type", Problem: quote(m.MetricSource.Type) + " is not read", Cure: "write type: traceslo, and in spec the keys of that"}}
}

func (s totalSpec) validate(path string) []config.Fault {
	if s.Match != nil {
		return nil
	}
	return []config.Fault{{Path: path, Problem: "has no match", Cure: "write match: {service: …}, which spans are events, or match: {} for all"}}
}

func (s goodSpec) validate(path string) []config.Fault {
	switch {
	case len(s.GoodIf) > 0 && (s.Within != nil || len(s.FailedIf) > 0):
		return []config.Fault{{Path: path, Problem: "has more beside good_if", Cure: "write within, failed_if, both of these, or good_if alone"}}
	case len(s.GoodIf) == 0 && s.Within == nil && len(s.FailedIf) == 0:
		return []config.Fault{{Path: path, Problem: "does not say what is good", Cure: "write within, failed_if, both of these, or good_if alone"}}
	}
	return nil
}

func (s badSpec) validate(path string) []config.Fault {
	if len(s.FailedIf) > 0 {
		return nil
	}
	return []config.Fault{{Path: path, Problem: "does not say what is bad", Cure: "write failed_if: [failed]"}}
}

// indicator returns a valid spec in our words, and where its parts stand: each
// key below the indicator and its path below the spec. threshold is that of the
// objective, which only a thresholdMetric looks at.
func (s sliSpec) indicator(threshold time.Duration) (sli.Indicator, map[string]string) {
	if t := s.ThresholdMetric; t != nil {
		const spec = "thresholdMetric.metricSource.spec"
		return sli.Indicator{Latency: &sli.Latency{Match: *t.MetricSource.Spec.Match, Threshold: threshold}},
			map[string]string{"latency.match": spec + ".match"}
	}
	match := *s.RatioMetric.Total.MetricSource.Spec.Match
	const total, good = "ratioMetric.total.metricSource.spec", "ratioMetric.good.metricSource.spec"
	if bad := s.RatioMetric.Bad; bad != nil {
		return sli.Indicator{Availability: &sli.Availability{Match: match, FailedIf: bad.MetricSource.Spec.FailedIf}},
			map[string]string{"availability.match": total + ".match", "availability.failed_if": "ratioMetric.bad.metricSource.spec.failed_if"}
	}
	switch g := s.RatioMetric.Good.MetricSource.Spec; {
	case len(g.GoodIf) > 0:
		return sli.Indicator{Attribute: &sli.Attribute{Match: match, GoodIf: g.GoodIf}},
			map[string]string{"attribute.match": total + ".match", "attribute.good_if": good + ".good_if"}
	case g.Within == nil:
		return sli.Indicator{Availability: &sli.Availability{Match: match, FailedIf: g.FailedIf}},
			map[string]string{"availability.match": total + ".match", "availability.failed_if": good + ".failed_if"}
	case len(g.FailedIf) == 0:
		return sli.Indicator{Latency: &sli.Latency{Match: match, Threshold: *g.Within}},
			map[string]string{"latency.match": total + ".match", "latency.threshold": good + ".within"}
	default:
		return sli.Indicator{SuccessWithin: &sli.SuccessWithin{Match: match, Threshold: *g.Within, FailedIf: g.FailedIf}},
			map[string]string{"success_within.match": total + ".match", "success_within.threshold": good + ".within", "success_within.failed_if": good + ".failed_if"}
	}
}
