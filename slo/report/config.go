package report

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo"
)

// Config is the section report of the configuration.
type Config struct {
	// TimeZone is the IANA zone in which the days of a report begin. Default: UTC.
	TimeZone slo.Zone `yaml:"time_zone"`
	// Policy is what teams agreed to do, by what is left of the error budget.
	Policy Policy `yaml:"policy"`
}

// A Policy is what teams agreed to do about an error budget.
type Policy struct {
	// AtRiskBelow is the part of the budget below which it is at risk. Default: 25%.
	AtRiskBelow slo.Target `yaml:"at_risk_below" json:"at_risk_below"`
	// WithinBudget, AtRisk and Exhausted say in a sentence what is done.
	WithinBudget string `yaml:"within_budget" json:"within_budget"`
	AtRisk       string `yaml:"at_risk" json:"at_risk"`
	Exhausted    string `yaml:"exhausted" json:"exhausted"`
}

// Default returns the configuration of an empty section.
func Default() Config {
	return Config{Policy: Policy{
		AtRiskBelow:  250_000_000,
		WithinBudget: "Release as planned.",
		AtRisk:       "Release with care, and look first at what burnt the budget.",
		Exhausted:    "Reliability goes before features until the budget has recovered.",
	}}
}

// longestText is how many characters a text of the policy has at most.
const longestText = 1000

// Validate returns everything that is wrong with c.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	for _, text := range []struct{ path, text string }{
		{"policy.within_budget", c.Policy.WithinBudget}, {"policy.at_risk", c.Policy.AtRisk}, {"policy.exhausted", c.Policy.Exhausted},
	} {
		switch {
		case strings.TrimSpace(text.text) == "":
			faults = append(faults, config.Fault{Path: text.path, Problem: "is empty", Cure: "say in a sentence what the team agreed to do"})
		case len([]rune(text.text)) > longestText:
			faults = append(faults, config.Fault{Path: text.path, Problem: fmt.Sprintf("has more than %d characters", longestText), Cure: "link to the whole policy instead"})
		case strings.ContainsFunc(text.text, unicode.IsControl):
			faults = append(faults, config.Fault{Path: text.path, Problem: "has a line break or another control character", Cure: "write one line"})
		}
	}
	return faults
}
