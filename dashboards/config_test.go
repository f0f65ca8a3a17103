package dashboards_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/dashboards"
	"github.com/traceslo/traceslo/internal/config"
)

func TestDefaultIsWithoutFault(t *testing.T) {
	if faults := dashboards.Default().Validate(); faults != nil {
		t.Errorf("got %v", faults)
	}
}

func TestValidate(t *testing.T) {
	const labelCure = `write up to 63 letters, digits, -, _ and . on either side, as in grafana_dashboard: "1"`
	tests := map[string]struct {
		change func(*dashboards.Config)
		want   []config.Fault
	}{
		"0 is never": {func(c *dashboards.Config) { c.Refresh = 0 }, nil},
		"a refresh of a moment": {func(c *dashboards.Config) { c.Refresh = time.Second }, []config.Fault{
			{Path: "refresh", Problem: "1s is no whole number of seconds from 5s on", Cure: "write for example 30s, or 0 to ask anew only when it is wanted"}}},
		"a negative refresh": {func(c *dashboards.Config) { c.Refresh = -time.Minute }, []config.Fault{
			{Path: "refresh", Problem: "-1m is no whole number of seconds from 5s on", Cure: "write for example 30s, or 0 to ask anew only when it is wanted"}}},
		"a folder of two lines": {func(c *dashboards.Config) { c.Folder = "a\nb" }, []config.Fault{
			{Path: "folder", Problem: `"a\nb" has a control character`, Cure: "write the folder's name as Grafana shows it"}}},
		"all that Kubernetes refuses": {func(c *dashboards.Config) {
			c.Kubernetes = dashboards.Metadata{Namespace: "Monitoring", Labels: map[string]string{"a b": "c", "ok": "1"}, InstanceLabels: map[string]string{"x": "y z"}}
		}, []config.Fault{
			{Path: "kubernetes.instance_labels.x", Problem: "is no label that Kubernetes takes", Cure: labelCure},
			{Path: "kubernetes.labels.a b", Problem: "is no label that Kubernetes takes", Cure: labelCure},
			{Path: "kubernetes.namespace", Problem: `"Monitoring" is no name of a namespace`, Cure: "write up to 63 small letters, digits and -"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := dashboards.Default()
			test.change(&c)
			if diff := cmp.Diff(test.want, c.Validate()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestRefreshIsWrittenAsGrafanaReadsIt(t *testing.T) {
	s := demo(t)
	for refresh, want := range map[time.Duration]string{30 * time.Second: "30s", 5 * time.Minute: "5m", 90 * time.Second: "90s"} {
		s.Dashboards.Refresh = refresh
		for uid, d := range boards(t, s) {
			if d.Refresh == nil || *d.Refresh != want {
				t.Errorf("%s: %v is written %v, want %s", uid, refresh, *d.Refresh, want)
			}
		}
	}
	s.Dashboards.Refresh = 0
	for uid, d := range boards(t, s) {
		if d.Refresh != nil {
			t.Errorf("%s asks anew every %s", uid, *d.Refresh)
		}
	}
}
