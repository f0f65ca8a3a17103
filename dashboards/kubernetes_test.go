package dashboards_test

import (
	"bytes"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/dashboards"
)

// A manifest is a resource as Kubernetes reads it.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name, Namespace     string
		Labels, Annotations map[string]string
	}
	Data map[string]string
	Spec struct {
		InstanceSelector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		} `yaml:"instanceSelector"`
		AllowCrossNamespaceImport bool `yaml:"allowCrossNamespaceImport"`
		Folder, JSON              string
	}
}

func manifests(t *testing.T, s sample, format dashboards.Format) map[string]manifest {
	t.Helper()
	all := map[string]manifest{}
	for name, content := range render(t, s, format) {
		var m manifest
		d := yaml.NewDecoder(bytes.NewReader(content))
		d.KnownFields(true)
		if err := d.Decode(&m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name != m.Metadata.Name+".yaml" {
			t.Errorf("%s holds %s", name, m.Metadata.Name)
		}
		// kubectl apply keeps a copy of the resource in an annotation, and all
		// annotations together are at most 256 KiB.
		if len(content) > 200<<10 {
			t.Errorf("%s has %d bytes: kubectl apply would not take it", name, len(content))
		}
		all[m.Metadata.Name] = m
	}
	return all
}

func TestConfigMapsAreForTheSidecar(t *testing.T) {
	s := demo(t)
	files := render(t, s, dashboards.Grafana)
	for name, m := range manifests(t, s, dashboards.ConfigMap) {
		if m.APIVersion != "v1" || m.Kind != "ConfigMap" || m.Metadata.Namespace != "" || m.Metadata.Annotations != nil {
			t.Errorf("%s is a %s %s: %+v", name, m.APIVersion, m.Kind, m.Metadata)
		}
		if diff := cmp.Diff(map[string]string{"app.kubernetes.io/name": "traceslo", "grafana_dashboard": "1"}, m.Metadata.Labels); diff != "" {
			t.Errorf("%s: its labels (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(map[string]string{name + ".json": string(files[name+".json"])}, m.Data); diff != "" {
			t.Errorf("%s: its board (-want +got):\n%s", name, diff)
		}
	}
	s.Dashboards.Folder = "Tracing & more"
	s.Dashboards.Kubernetes = dashboards.Metadata{Namespace: "monitoring", Labels: map[string]string{"grafana_dashboard": "yes", "release": "prometheus"}}
	for name, m := range manifests(t, s, dashboards.ConfigMap) {
		if m.Metadata.Namespace != "monitoring" || m.Metadata.Annotations["grafana_folder"] != "Tracing & more" {
			t.Errorf("%s: its metadata is %+v", name, m.Metadata)
		}
		if diff := cmp.Diff(map[string]string{"app.kubernetes.io/name": "traceslo", "grafana_dashboard": "yes", "release": "prometheus"}, m.Metadata.Labels); diff != "" {
			t.Errorf("%s: its labels (-want +got):\n%s", name, diff)
		}
	}
}

func TestGrafanaDashboardsAreForTheOperator(t *testing.T) {
	s := demo(t)
	files := render(t, s, dashboards.Grafana)
	for _, labels := range []map[string]string{nil, {"app": "grafana"}} {
		s.Dashboards.Folder, s.Dashboards.Kubernetes.InstanceLabels = "Tracing", maps.Clone(labels)
		want := labels
		if want == nil {
			want = map[string]string{"dashboards": "grafana"}
		}
		for name, m := range manifests(t, s, dashboards.GrafanaOperator) {
			if m.APIVersion != "grafana.integreatly.org/v1beta1" || m.Kind != "GrafanaDashboard" || m.Spec.Folder != "Tracing" || !m.Spec.AllowCrossNamespaceImport {
				t.Errorf("%s is a %s %s in %q", name, m.APIVersion, m.Kind, m.Spec.Folder)
			}
			if diff := cmp.Diff(want, m.Spec.InstanceSelector.MatchLabels); diff != "" {
				t.Errorf("%s is for another Grafana (-want +got):\n%s", name, diff)
			}
			if m.Spec.JSON != string(files[name+".json"]) {
				t.Errorf("%s holds another board than the file", name)
			}
		}
	}
}
