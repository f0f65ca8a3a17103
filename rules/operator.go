package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"
)

// A resource is a PrometheusRule of the Prometheus Operator
// (https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PrometheusRule).
type resource struct {
	APIVersion string           `yaml:"apiVersion"`
	Kind       string           `yaml:"kind"`
	Metadata   resourceMetadata `yaml:"metadata"`
	Spec       ruleFile         `yaml:"spec"`
}

type resourceMetadata struct {
	Name      string            `yaml:"name"`
	Namespace string            `yaml:"namespace,omitempty"`
	Labels    map[string]string `yaml:"labels"`
}

// resources returns one resource for each set, so that none comes near the
// 1 MiB that etcd takes, and a changed objective changes one of them.
func (m *maker) resources(sets []set) []any {
	labels := map[string]string{"app.kubernetes.io/name": "traceslo"}
	maps.Copy(labels, m.cfg.Operator.Labels)
	var all []any
	for _, s := range sets {
		name := "traceslo-platform"
		if s.name != "" {
			name = resourceName("traceslo-slo-", s.name)
		}
		all = append(all, resource{
			APIVersion: "monitoring.coreos.com/v1",
			Kind:       "PrometheusRule",
			Metadata:   resourceMetadata{Name: name, Namespace: m.cfg.Operator.Namespace, Labels: labels},
			Spec:       ruleFile{Groups: s.groups},
		})
	}
	return all
}

// resourceName returns a name that Kubernetes takes (RFC 1123: small letters,
// digits and "-"). Where that is not the objective's own, a hash of the own one
// keeps two apart that would have the same.
func resourceName(prefix, name string) string {
	plain := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	const most = 200 // of the 253 that a name has at most
	if plain == name && !strings.HasSuffix(name, "-") && len(name) <= most {
		return prefix + name
	}
	sum := sha256.Sum256([]byte(name))
	return prefix + strings.Trim(plain[:min(len(plain), most)], "-") + "-" + hex.EncodeToString(sum[:4])
}
