package rules

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/slo"
)

// An inhibition is a rule of Alertmanager: while an alert that fulfils the
// source fires, those that fulfil the target and have the same values of the
// equal labels are mute.
type inhibition struct {
	Source []string `yaml:"source_matchers"`
	Target []string `yaml:"target_matchers"`
	Equal  []string `yaml:"equal,omitempty"`

	reason string
}

// MarshalYAML writes the reason above the rule: not every version of
// Alertmanager takes a name.
func (i inhibition) MarshalYAML() (any, error) {
	type plain inhibition
	var n yaml.Node
	err := n.Encode(plain(i))
	n.HeadComment = i.reason
	return &n, err
}

// inhibitions returns what mutes what. Who cannot measure cannot tell whose
// fault that is: the daemon's alert speaks for all objectives. Sloth's label is
// the one that says page or ticket, whatever the user calls them.
func inhibitions() any {
	is := func(label string, values ...string) string {
		if len(values) == 1 {
			return fmt.Sprintf("%s=%q", label, values[0])
		}
		return fmt.Sprintf("%s=~%q", label, strings.Join(values, "|"))
	}
	alert := func(names ...string) string { return is("alertname", names...) }
	page := []string{alert(slo.BurnAlert), is(slo.SlothSeverity, slo.PageSeverity)}

	return map[string][]inhibition{"inhibit_rules": {{
		reason: "A page mutes the tickets of the same budget.",
		Source: page,
		Target: []string{alert(slo.BurnAlert, slo.ExhaustedAlert), is(slo.SlothSeverity, slo.TicketSeverity)},
		Equal:  []string{slo.SLOLabel, slo.ServiceLabel},
	}, {
		reason: "It also mutes what the platform says of the same service.",
		Source: page,
		Target: []string{alert(latencyAlert, errorAlert)},
		Equal:  []string{slo.ServiceLabel},
	}, {
		reason: "Who is down, or reads nothing, measures nothing.",
		Source: []string{alert(downAlert, staleAlert, neverAlert)},
		Target: []string{alert(slo.UnmeasuredAlert, slo.TrafficAlert, instanceAlert)},
	}, {
		reason: "Who is down reads nothing.",
		Source: []string{alert(downAlert)},
		Target: []string{alert(staleAlert, neverAlert)},
	}}}
}
