package peers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics say which readers are added up. They are safe for use by several goroutines.
type Metrics struct {
	up, complete *prometheus.GaugeVec
	failures     *prometheus.CounterVec
}

// NewMetrics registers the metrics of a union.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		up:       prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "traceslo_peers_up", Help: "1 if the reader was added up at the last look, else 0."}, []string{"reader"}),
		complete: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "traceslo_peers_complete_timestamp_seconds", Help: "Unix time up to which all that the reader counts is added up; 0 for nothing yet."}, []string{"reader"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "traceslo_peers_failures_total", Help: "Looks at the reader of which nothing came, or nothing that adds up."}, []string{"reader"}),
	}
	reg.MustRegister(m.up, m.complete, m.failures)
	return m
}

// Expect makes the series of a reader, at 0.
func (m *Metrics) Expect(reader string) { m.set(reader, false, time.Time{}) }

func (m *Metrics) set(reader string, up bool, complete time.Time) {
	m.up.WithLabelValues(reader).Set(map[bool]float64{true: 1}[up])
	at := 0.0
	if !complete.IsZero() {
		at = float64(complete.UnixMilli()) / 1e3
	}
	m.complete.WithLabelValues(reader).Set(at)
	m.failures.WithLabelValues(reader)
}
