package dashboards

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"

	"gopkg.in/yaml.v3"
)

// resourceHeader is the first line of a resource. JSON has no place for one.
const resourceHeader = `# Made by "traceslo dashboards" of its configuration: change that, not this file.
`

// A resource is a ConfigMap, or a GrafanaDashboard of grafana-operator
// (https://grafana.github.io/grafana-operator/docs/api/#grafanadashboard).
type resource struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Metadata   resourceMetadata  `yaml:"metadata"`
	Data       map[string]string `yaml:"data,omitempty"`
	Spec       *spec             `yaml:"spec,omitempty"`
}

type resourceMetadata struct {
	Name        string            `yaml:"name"`
	Namespace   string            `yaml:"namespace,omitempty"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

type spec struct {
	InstanceSelector selector `yaml:"instanceSelector"`
	// Without it, only a Grafana of the same namespace gets the board.
	AllowCrossNamespaceImport bool   `yaml:"allowCrossNamespaceImport"`
	Folder                    string `yaml:"folder,omitempty"`
	JSON                      string `yaml:"json"`
}

type selector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

const (
	// sidecarLabel is the one that the sidecar of Grafana's Helm charts looks
	// for, and folderAnnotation what it reads the folder of, once the chart's
	// sidecar.dashboards.folderAnnotation names it
	// (https://github.com/grafana/helm-charts/tree/main/charts/grafana).
	sidecarLabel     = "grafana_dashboard"
	folderAnnotation = "grafana_folder"
)

// resource returns a board, given as JSON, as a resource of Kubernetes.
func (m *maker) resource(b *board, content []byte, format Format) ([]byte, error) {
	k := m.cfg.Kubernetes
	r := resource{Metadata: resourceMetadata{Name: b.uid, Namespace: k.Namespace, Labels: map[string]string{"app.kubernetes.io/name": "traceslo"}}}
	switch format {
	case ConfigMap:
		r.APIVersion, r.Kind = "v1", "ConfigMap"
		r.Metadata.Labels[sidecarLabel] = "1"
		if m.cfg.Folder != "" {
			r.Metadata.Annotations = map[string]string{folderAnnotation: m.cfg.Folder}
		}
		r.Data = map[string]string{b.uid + ".json": string(content)}
	case GrafanaOperator:
		r.APIVersion, r.Kind = "grafana.integreatly.org/v1beta1", "GrafanaDashboard"
		instance := k.InstanceLabels
		if len(instance) == 0 {
			instance = map[string]string{"dashboards": "grafana"}
		}
		r.Spec = &spec{InstanceSelector: selector{instance}, AllowCrossNamespaceImport: true, Folder: m.cfg.Folder, JSON: string(content)}
	}
	maps.Copy(r.Metadata.Labels, k.Labels)

	out := bytes.NewBufferString(resourceHeader)
	e := yaml.NewEncoder(out)
	e.SetIndent(2)
	if err := cmp.Or(e.Encode(r), e.Close()); err != nil {
		return nil, fmt.Errorf("encode %s: %w", r.Kind, err)
	}
	return out.Bytes(), nil
}
