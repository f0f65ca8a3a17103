// Package kubernetes says which names and labels Kubernetes takes.
//
// It serves rules and dashboards, which make resources of Kubernetes and know
// nothing of each other. The resources themselves are theirs.
package kubernetes

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/traceslo/traceslo/internal/config"
)

// What Kubernetes takes for a namespace and for the name and value of a label
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/).
var (
	namespace  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	labelKey   = regexp.MustCompile(`^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$`)
)

// ValidateNamespace returns what is wrong with the name of a namespace that
// stands at path; "" is that of whoever applies the resource.
func ValidateNamespace(path, name string) []config.Fault {
	if name == "" || namespace.MatchString(name) {
		return nil
	}
	return []config.Fault{{Path: path, Problem: fmt.Sprintf("%q is no name of a namespace", name), Cure: "write up to 63 small letters, digits and -"}}
}

// ValidateLabels returns what is wrong with the labels that stand at path. The
// cure shows the example, such as release: prometheus.
func ValidateLabels(path string, labels map[string]string, example string) []config.Fault {
	var faults []config.Fault
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if !labelKey.MatchString(key) || !labelValue.MatchString(labels[key]) {
			faults = append(faults, config.Fault{Path: path + "." + key, Problem: "is no label that Kubernetes takes",
				Cure: "write up to 63 letters, digits, -, _ and . on either side, as in " + example})
		}
	}
	return faults
}
