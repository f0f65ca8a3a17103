package rules

import "github.com/prometheus/common/model"

// A ruleFile is what Prometheus reads.
type ruleFile struct {
	Groups []ruleGroup `yaml:"groups"`
}

// A ruleGroup is rules that are evaluated one after the other.
type ruleGroup struct {
	Name  string `yaml:"name"`
	Rules []rule `yaml:"rules"`
}

// A rule records a series or alerts.
type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         model.Duration    `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// name returns the name of the series or of the alert.
func (r rule) name() string {
	if r.Alert != "" {
		return r.Alert
	}
	return r.Record
}
