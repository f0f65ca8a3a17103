package dashboards

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/kubernetes"
)

// Config is the section dashboards of the configuration.
type Config struct {
	// Refresh is how often an open board asks anew; 0 is never. Default: 30s.
	Refresh time.Duration `yaml:"refresh"`
	// Folder is the folder of Grafana that resources of Kubernetes name; "" names
	// none. A provisioned file lies in the folder of its provider. Default: "".
	Folder string `yaml:"folder"`
	// Kubernetes is what resources of Kubernetes bear.
	Kubernetes Metadata `yaml:"kubernetes"`
}

// Metadata is what a resource bears besides its board.
type Metadata struct {
	// Namespace is left out when it is empty. Default: "".
	Namespace string `yaml:"namespace"`
	// Labels are added to each resource. A ConfigMap has grafana_dashboard: "1",
	// which another value of that key replaces.
	Labels map[string]string `yaml:"labels"`
	// InstanceLabels are those of the Grafana that grafana-operator gives the
	// boards to. Default: dashboards: grafana.
	InstanceLabels map[string]string `yaml:"instance_labels"`
}

// Default returns the configuration of an empty section.
func Default() Config { return Config{Refresh: 30 * time.Second} }

// Validate returns everything that is wrong with c.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.Refresh != 0 && (c.Refresh < 5*time.Second || c.Refresh%time.Second != 0) {
		faults = append(faults, config.Fault{Path: "refresh", Problem: config.FormatDuration(c.Refresh) + " is no whole number of seconds from 5s on",
			Cure: "write for example 30s, or 0 to ask anew only when it is wanted"})
	}
	if strings.ContainsFunc(c.Folder, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		faults = append(faults, config.Fault{Path: "folder", Problem: fmt.Sprintf("%q has a control character", c.Folder), Cure: "write the folder's name as Grafana shows it"})
	}
	return append(faults, c.Kubernetes.validate()...)
}

func (m Metadata) validate() []config.Fault {
	const example = `grafana_dashboard: "1"`
	return slices.Concat(
		kubernetes.ValidateLabels("kubernetes.instance_labels", m.InstanceLabels, example),
		kubernetes.ValidateLabels("kubernetes.labels", m.Labels, example),
		kubernetes.ValidateNamespace("kubernetes.namespace", m.Namespace))
}
