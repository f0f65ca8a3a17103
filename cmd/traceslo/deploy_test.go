package main

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/rules"
)

const (
	shippedPrometheus   = "deploy/prometheus/prometheus.yml"
	shippedAlertmanager = "deploy/prometheus/alertmanager.yml"
)

func TestReadmeHasTheShippedConfigurationOfPrometheus(t *testing.T) {
	var want map[string]any
	if err := yaml.Unmarshal([]byte(read(t, shippedPrometheus)), &want); err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	for _, block := range blocks(read(t, "README.md"), "yaml") {
		if !strings.HasPrefix(block, "scrape_configs:") && !strings.HasPrefix(block, "rule_files:") {
			continue
		}
		var part map[string]any
		if err := yaml.Unmarshal([]byte(block), &part); err != nil {
			t.Fatal(err)
		}
		maps.Copy(got, part)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-shipped +README\n%s", diff)
	}
}

// TestShippedPrometheusTakesTheRules holds the names of files and of the job to
// those that rules are made with.
func TestShippedPrometheusTakesTheRules(t *testing.T) {
	var shipped struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName string `yaml:"job_name"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(read(t, shippedPrometheus)), &shipped); err != nil {
		t.Fatal(err)
	}
	if job := rules.Default().Job; len(shipped.ScrapeConfigs) != 1 || shipped.ScrapeConfigs[0].JobName != job {
		t.Errorf("the jobs are %v, want %q, of which the rules speak", shipped.ScrapeConfigs, job)
	}
	for name := range rendered(t) {
		taken := slices.ContainsFunc(shipped.RuleFiles, func(pattern string) bool {
			match, err := filepath.Match(pattern, "rules/"+name)
			if err != nil {
				t.Fatal(err)
			}
			return match
		})
		if want := name != "alertmanager-inhibition.yaml"; taken != want {
			t.Errorf("%s is taken for rules: %v", name, taken)
		}
	}
}

func TestShippedAlertmanagerMutesAsTheRulesSay(t *testing.T) {
	want := inhibitions(t, rendered(t)["alertmanager-inhibition.yaml"])
	if diff := cmp.Diff(want, inhibitions(t, read(t, shippedAlertmanager))); diff != "" {
		t.Errorf("-made +shipped\n%s", diff)
	}
}

func TestToolsTakeTheShippedConfigurations(t *testing.T) {
	testenv.Live(t)
	files := map[string]string{"prometheus.yml": read(t, shippedPrometheus), "alertmanager.yml": read(t, shippedAlertmanager)}
	for name, content := range rendered(t) {
		files["rules/"+name] = content
	}
	if out, err := testenv.Promtool(t, files, "check", "config", "prometheus.yml"); err != nil || !strings.Contains(out, "2 rule files found") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := testenv.Amtool(t, files, "check-config", "alertmanager.yml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
