package rules_test

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/template"
	"github.com/prometheus/prometheus/util/features"
	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/slo"
)

// takes tells whether Prometheus takes an alert with the labels and annotations.
func takes(t *testing.T, labels, annotations map[string]string) bool {
	t.Helper()
	content, err := yaml.Marshal(rulefmt.RuleGroups{Groups: []rulefmt.RuleGroup{{
		Name: "group", Rules: []rulefmt.Rule{{Alert: "Alert", Expr: "up", Labels: labels, Annotations: annotations}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	_, errs := rulefmt.Parse(content, false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	return len(errs) == 0
}

// made tells whether rules are made with them.
func made(labels, annotations map[string]string) bool {
	o := available("checkout", "shop")
	o.Alerting.Page = slo.Severity{Labels: labels, Annotations: annotations}
	_, err := rules.Render([]slo.Objective{o.With(slo.Alerting{})}, slo.Links{}, rules.Default(), rules.Prometheus)
	return err == nil
}

func TestTemplatesAreTakenAsPrometheusTakesThem(t *testing.T) {
	texts := []string{
		"", "plain", "{{ $value }}", "{{ $labels.service | toUpper }}", "{{ $externalLabels.cluster }} {{ $externalURL }}",
		"{{ .Value }}", "{{ $unknown }}", "{{ unknown }}", "{{ tmpl }}", "{{ $labels.slo", "{{ end }}", "{{ if $value }}", "{{ if $value }}x{{ end }}",
		"{{ range query `up` }}{{ .Value }}{{ end }}", `{{ with $x := printf "%q" $value }}{{ $x }}{{ end }}`, "{{/* said to nobody */}}", "{{ define `a` }}{{ end }}{{ template `a` }}",
	}
	registry := features.NewRegistry()
	template.RegisterFeatures(registry)
	for name := range registry.Get()[features.TemplatingFunctions] {
		texts = append(texts, "{{ "+name+" }}")
	}
	slices.Sort(texts)
	taken := 0
	for _, text := range texts {
		annotations := map[string]string{"note": text}
		want := takes(t, nil, annotations)
		if got := made(nil, annotations); got != want {
			t.Errorf("%q: Prometheus takes it: %v; it is made: %v", text, want, got)
		}
		if want {
			taken++
		}
	}
	if taken == 0 || taken == len(texts) {
		t.Errorf("of %d texts, %d are taken", len(texts), taken)
	}
}

func TestNamesAreTakenAsPrometheusTakesThem(t *testing.T) {
	for _, name := range []string{"", "note", "_note", "9", "no te", "nöte", "note-of", "__name__", "\xff"} {
		for _, test := range []struct{ labels, annotations map[string]string }{
			{nil, map[string]string{name: "x"}},
			{map[string]string{name: "x"}, nil},
			{map[string]string{"note": name}, nil},
		} {
			if want := takes(t, test.labels, test.annotations); made(test.labels, test.annotations) != want {
				t.Errorf("%+v: Prometheus takes it: %v; it is made: %v", test, want, !want)
			}
		}
	}
}
