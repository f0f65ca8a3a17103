package rules_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/slo"
)

func TestABundleHasTheGroupsOfAllFiles(t *testing.T) {
	files, err := rules.Render(nil, slo.Links{}, rules.Default(), rules.Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	parse := func(content []byte) *rulefmt.RuleGroups {
		t.Helper()
		groups, errs := rulefmt.Parse(content, false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		return groups
	}
	want := 0
	for _, f := range files {
		if f.Name != "alertmanager-inhibition.yaml" {
			want += len(parse(f.Content).Groups)
		}
	}
	bundle, err := rules.Bundle(files, rules.Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(parse(bundle).Groups); got != want || want == 0 {
		t.Errorf("%d groups, want %d:\n%s", got, want, bundle)
	}
}

func TestABundleForTheOperatorSaysOnceWhoMadeIt(t *testing.T) {
	files, err := rules.Render(nil, slo.Links{}, rules.Default(), rules.Operator)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := rules.Bundle(files, rules.Operator)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(bundle), "Made by"); got != 1 {
		t.Errorf("it says so %d times:\n%s", got, bundle)
	}
	if got := strings.Count(string(bundle), "kind: PrometheusRule"); got != 1 {
		t.Errorf("there are %d resources, want that of the platform alone", got)
	}
}
