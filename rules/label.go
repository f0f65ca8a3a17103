package rules

import (
	"maps"
	"strings"

	"github.com/traceslo/traceslo/slo"
)

// literal returns a text that Prometheus' templates leave as it is.
func literal(text string) string { return strings.ReplaceAll(text, "{", `{{"{"}}`) }

// labels returns the labels of an alert. Those given later go before those
// given earlier; of the user's, those that alerts have of their own are left out.
func (m *maker) labels(own map[string]string, users ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, table := range append([]map[string]string{m.cfg.Labels}, users...) {
		for name, value := range table {
			if !owned(name) {
				all[name] = literal(value)
			}
		}
	}
	maps.Copy(all, own)
	return all
}

// objectiveLabels returns the labels of an objective's alert. A severity may
// have another word for itself in the label severity, for whoever routes by it.
func (m *maker) objectiveLabels(s *subject, severity string) map[string]string {
	as := s.severity(severity)
	own := map[string]string{slo.SeverityLabel: severity, slo.SlothSeverity: severity}
	if word := as.Labels[slo.SeverityLabel]; word != "" {
		own[slo.SeverityLabel] = literal(word)
	}
	return m.labels(own, s.Labels, as.Labels)
}

// severity returns what the objective says of the alerts of a severity.
func (s *subject) severity(name string) slo.Severity {
	if name == slo.PageSeverity {
		return s.Alerting.Page
	}
	return s.Alerting.Ticket
}
