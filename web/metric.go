package web

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// samples are the values of metrics by name.
type samples map[string][]sample

type sample struct {
	labels    map[string]string
	value     float64
	histogram *dto.Histogram
}

// gather returns the metrics of g.
func gather(g prometheus.Gatherer) (samples, error) {
	families, err := g.Gather()
	if err != nil {
		return nil, err
	}
	values := samples{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			s := sample{labels: map[string]string{}, value: m.GetCounter().GetValue() + m.GetGauge().GetValue(), histogram: m.GetHistogram()}
			for _, l := range m.GetLabel() {
				s.labels[l.GetName()] = l.GetValue()
			}
			values[family.GetName()] = append(values[family.GetName()], s)
		}
	}
	return values, nil
}

// one returns the value of a metric without labels.
func (s samples) one(name string) float64 {
	i := slices.IndexFunc(s[name], func(s sample) bool { return len(s.labels) == 0 })
	if i < 0 {
		return 0
	}
	return s[name][i].value
}

// time returns the time that a metric without labels tells, nil if it is 0.
func (s samples) time(name string) *time.Time {
	seconds := s.one(name)
	if seconds == 0 {
		return nil
	}
	t := time.UnixMilli(int64(seconds * 1e3)).UTC()
	return &t
}
