package rules_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/golden"
	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
)

// available returns an objective of 99.9% over 30 days.
func available(name, service string) slo.Objective {
	return slo.Objective{
		Name: name, Service: service, Target: 999_000_000,
		SLI:    sli.Indicator{Availability: &sli.Availability{}},
		Window: slo.Window{Rolling: 30 * 24 * time.Hour},
	}
}

// quick returns an objective of 95% within a calendar month, by duration.
func quick(name, service string) slo.Objective {
	return slo.Objective{
		Name: name, Service: service, Target: 950_000_000,
		SLI:    sli.Indicator{Latency: &sli.Latency{Threshold: 5 * time.Second}},
		Window: slo.Window{Calendar: slo.Month},
	}
}

var links = slo.Links{Status: "https://traceslo.example.org/", Jaeger: "https://jaeger.example.org"}

// render returns the files by name.
func render(t testing.TB, objectives []slo.Objective, links slo.Links, cfg rules.Config, format rules.Format) map[string][]byte {
	t.Helper()
	resolved := make([]slo.Objective, len(objectives))
	for i, o := range objectives {
		resolved[i] = o.With(slo.Alerting{})
	}
	files, err := rules.Render(resolved, links, cfg, format)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string][]byte{}
	for _, f := range files {
		byName[f.Name] = f.Content
	}
	return byName
}

func TestRender(t *testing.T) {
	full := available("api-gateway-availability", "api-gateway")
	full.Description = "Requests to the gateway that {did not fail}."
	full.Labels = map[string]string{"team": "edge", "slo": "not ours", "note": "{{ $value }}"}
	full.ExpectsTraffic = true
	full.Alerting = slo.Alerting{
		MinEvents: 100, MinFailures: 20, UnmeasuredAfter: 90 * time.Minute,
		Page:       slo.Severity{Labels: map[string]string{"severity": "P1", "pager": "edge"}},
		Ticket:     slo.Severity{Annotations: map[string]string{"queue": "EDGE for {{ $labels.service }}"}},
		RunbookURL: "https://runbooks.example.org/{service}/{slo}?x={y}",
	}
	each := available("platform", "")
	each.ForEach = "service"
	byOperation := quick("ml.operations", "ml-pipeline")
	byOperation.ForEach = "operation"
	silent := available("silent", "batch")
	silent.Alerting.Disabled = true
	pagesOnly := available("pages-only", "batch")
	pagesOnly.Window.Rolling = 3 * 24 * time.Hour
	pagesOnly.Alerting.Ticket.Disabled = true
	pagesOnly.Alerting.Tiers = []slo.Tier{{Severity: slo.PageSeverity, Long: 3 * 24 * time.Hour, Short: 90 * time.Minute, BurnRate: 1500}}

	custom := rules.Default()
	custom.Job = `a "job"`
	custom.Labels = map[string]string{"cluster": "eu-1", "team": "platform"}
	custom.HighTraceLatency.Threshold = 250 * time.Millisecond
	custom.TraceErrorRate.Disabled = true
	custom.Operator = rules.Metadata{Namespace: "monitoring", Labels: map[string]string{"release": "prometheus"}}

	for _, test := range []struct {
		name       string
		objectives []slo.Objective
		links      slo.Links
		cfg        rules.Config
		format     rules.Format
	}{
		{"nothing", nil, slo.Links{}, rules.Default(), rules.Prometheus},
		{"one", []slo.Objective{available("api-gateway-availability", "api-gateway")}, slo.Links{}, rules.Default(), rules.Prometheus},
		{"everything", []slo.Objective{silent, full, byOperation, each, pagesOnly}, links, custom, rules.Prometheus},
		{"operator", []slo.Objective{quick("ML.Inference_latency", "ml-pipeline"), available("a", "b")}, links, custom, rules.Operator},
		{"operator_nothing", nil, links, rules.Default(), rules.Operator},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, content := range render(t, test.objectives, test.links, test.cfg, test.format) {
				golden.Check(t, filepath.Join("testdata", test.name, name+".golden"), content)
			}
		})
	}
}

func TestOrderOfObjectivesDoesNotMatter(t *testing.T) {
	a, b := available("a", "x"), quick("b", "y")
	for _, format := range rules.Formats {
		one := render(t, []slo.Objective{a, b}, links, rules.Default(), format)
		other := render(t, []slo.Objective{b, a}, links, rules.Default(), format)
		for name := range one {
			if !bytes.Equal(one[name], other[name]) {
				t.Errorf("%s as %s depends on the order of the objectives", name, format)
			}
		}
	}
}

func TestErrorNamesTheObjective(t *testing.T) {
	bad := available("checkout", "shop").With(slo.Alerting{})
	bad.Alerting.Page.Annotations = map[string]string{"summary": "{{ $labels.slo"}
	_, err := rules.Render([]slo.Objective{available("a", "b").With(slo.Alerting{}), bad}, links, rules.Default(), rules.Prometheus)
	if err == nil {
		t.Fatal("an annotation that is no template was taken")
	}
	for _, want := range []string{`objective "checkout"`, `"SLOErrorBudgetBurn"`, `annotation "summary"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to name %s", err, want)
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := rules.Render(nil, links, rules.Default(), "json"); err == nil || !strings.Contains(err.Error(), `"json"`) {
		t.Errorf("got %v, want an error that names the format", err)
	}
}

func TestObjectiveIsItsPartOfTheFile(t *testing.T) {
	a, b := available("a", "shop"), quick("b", "shop")
	both := render(t, []slo.Objective{a, b}, links, rules.Default(), rules.Prometheus)["traceslo-slos.yaml"]
	for _, o := range []slo.Objective{a, b} {
		one, err := rules.Objective(o.With(slo.Alerting{}), links, rules.Default())
		if err != nil {
			t.Fatal(err)
		}
		_, groups, ok := bytes.Cut(one, []byte("groups:\n"))
		if !ok || !bytes.Contains(both, groups) || !bytes.Contains(groups, []byte("traceslo-slo-"+o.Name)) {
			t.Errorf("the file does not hold the rules of %s:\n%s", o.Name, one)
		}
	}
}
