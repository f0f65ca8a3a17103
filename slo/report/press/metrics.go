package press

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics say how the printing goes. They are safe for use by several goroutines.
type Metrics struct {
	runs       *prometheus.CounterVec
	failures   *prometheus.CounterVec
	success    *prometheus.GaugeVec
	deliveries *prometheus.CounterVec
	pending    *prometheus.GaugeVec
	// names are the reports that have series, owned by whoever makes presses.
	names []string
}

// A reason is why a report was not printed or sent.
type reason string

// The reasons.
const (
	reasonLedger      reason = "ledger"
	reasonFolder      reason = "folder"
	reasonState       reason = "state"
	reasonFile        reason = "file"
	reasonSecret      reason = "secret"
	reasonTimeout     reason = "timeout"
	reasonConnection  reason = "connection"
	reasonCertificate reason = "certificate"
	reasonRedirect    reason = "redirect"
	reasonStatus      reason = "status"
)

var reasons = []reason{reasonLedger, reasonFolder, reasonState, reasonFile, reasonSecret, reasonTimeout, reasonConnection, reasonCertificate, reasonRedirect, reasonStatus}

// How a delivery ends.
const (
	delivered = "delivered"
	givenUp   = "given_up"
)

// NewMetrics registers the metrics of presses.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "traceslo_report_" + name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	gauges := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "traceslo_report_" + name, Help: help}, []string{"report"})
		reg.MustRegister(g)
		return g
	}
	return &Metrics{
		runs:       counters("runs_total", "Runs of a scheduled report that were printed.", "report"),
		failures:   counters("failures_total", "Failed attempts to print a scheduled report, to send it or to remove old runs of it, by reason. Each is tried again.", "report", "reason"),
		success:    gauges("last_success_timestamp_seconds", "Unix time at which a scheduled report was printed last; 0 for never."),
		deliveries: counters("deliveries_total", "Runs of a scheduled report that its webhook took (delivered), or that are not sent any more (given_up).", "report", "result"),
		pending:    gauges("pending_deliveries", "Runs of a scheduled report that are still to be sent."),
	}
}

// begin makes every series of the reports, and ends those of all others.
func (m *Metrics) begin(names []string) {
	for _, name := range m.names {
		if !slices.Contains(names, name) {
			for _, v := range []interface{ DeletePartialMatch(prometheus.Labels) int }{m.runs, m.failures, m.success, m.deliveries, m.pending} {
				v.DeletePartialMatch(prometheus.Labels{"report": name})
			}
		}
	}
	m.names = names
	for _, name := range names {
		m.runs.WithLabelValues(name)
		m.success.WithLabelValues(name)
		m.pending.WithLabelValues(name)
		for _, r := range reasons {
			m.failures.WithLabelValues(name, string(r))
		}
		for _, result := range []string{delivered, givenUp} {
			m.deliveries.WithLabelValues(name, result)
		}
	}
}

// show shows what a record tells.
func (m *Metrics) show(name string, r *record) {
	m.success.WithLabelValues(name).Set(float64(r.Printed) / 1000)
	m.pending.WithLabelValues(name).Set(float64(len(r.Deliveries)))
}

func (m *Metrics) failed(name string, why reason) {
	m.failures.WithLabelValues(name, string(why)).Inc()
}
