package rules_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/openslo"
)

// A sample is a configuration, as far as rules are made of it.
type sample struct {
	SLI          sli.Config      `yaml:"sli"`
	SLORetention time.Duration   `yaml:"slo_retention"`
	Alerting     slo.Alerting    `yaml:"alerting"`
	SLOs         []slo.Objective `yaml:"slos"`
	SLOsFrom     []string        `yaml:"slos_from"`
	Links        slo.Links       `yaml:"links"`
	Rules        rules.Config    `yaml:"rules"`
}

func emptySample() sample {
	return sample{SLI: sli.Default(), SLORetention: 400 * 24 * time.Hour, Alerting: slo.DefaultAlerting(), Rules: rules.Default()}
}

// examples returns the configurations that the module shows to people, by the
// names of their files.
func examples(t *testing.T) map[string]sample {
	t.Helper()
	reference := string(read(t, "../config.example.yaml"))
	return map[string]sample{
		"config.example.yaml":                        parseSample(t, reference),
		"the objective shown in config.example.yaml": parseSample(t, shownObjective(t, reference)),
		"cmd/traceslo/demo.yaml":                     parseSample(t, string(read(t, "../cmd/traceslo/demo.yaml"))),
		"slo/openslo/testdata/example.yaml":          openSLOSample(t, "../slo/openslo/testdata/example.yaml"),
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// parseSample reads the sections that matter here, and passes over the others.
func parseSample(t *testing.T, text string) sample {
	t.Helper()
	s := emptySample()
	document := config.Parse("example", []byte(text), os.LookupEnv, &s)
	document.Check("slos", slo.Validate(s.SLOs, slo.ValidateOptions{Retention: s.SLORetention, Dimensions: s.SLI.Dimensions, Defaults: s.Alerting}))
	document.Check("rules", s.Rules.Validate())
	for _, problem := range document.Problems() {
		other := problem.Problem == "unknown key" && !strings.Contains(problem.Path, ".")
		if !other && !problem.Warning {
			t.Fatal(problem)
		}
	}
	return s
}

// shownObjective returns the commented objective of the reference, as a
// configuration of its own.
func shownObjective(t *testing.T, reference string) string {
	t.Helper()
	_, shown, found := strings.Cut(reference, "#   slos:\n")
	shown, _, ended := strings.Cut(shown, "\n#\nslos: []")
	if !found || !ended {
		t.Fatal("config.example.yaml shows no objective where it did")
	}
	return "slos:\n" + strings.ReplaceAll("\n"+shown, "\n#   ", "\n")
}

func openSLOSample(t *testing.T, path string) sample {
	t.Helper()
	s := emptySample()
	result := openslo.Load([]string{path}, os.LookupEnv)
	if len(result.Problems) > 0 {
		t.Fatal(result.Problems)
	}
	for _, o := range result.Objectives {
		s.SLOs = append(s.SLOs, o.Objective)
	}
	return s
}

const inhibitionFile = "alertmanager-inhibition.yaml"

func testPromtool(t *testing.T, made map[string]map[rules.Format]map[string][]byte) {
	testenv.Live(t)
	t.Parallel()
	for _, format := range rules.Formats {
		t.Run(string(format), func(t *testing.T) {
			batch, args := map[string]string{}, []string{"check", "rules", "--lint=all", "--lint-fatal"}
			for name, files := range made {
				for file, content := range files[format] {
					if file == inhibitionFile {
						continue
					}
					for i, rules := range ruleFiles(t, format, content) {
						path := fmt.Sprintf("%s/%d-%s", strings.NewReplacer(" ", "_", "/", "_").Replace(name), i, file)
						batch[path] = rules
						args = append(args, path)
					}
				}
			}
			if len(batch) < 400 {
				t.Fatalf("got %d files of rules, want two of each of 200 configurations and more", len(batch))
			}
			out, err := testenv.Promtool(t, batch, args...)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if got := strings.Count(out, "SUCCESS"); got != len(batch) {
				t.Errorf("promtool says so of %d of %d files", got, len(batch))
			}
			t.Logf("%d files", len(batch))
		})
	}
}

// ruleFiles returns the rule files in an output: itself, or the spec of each
// resource, which is what the operator hands to Prometheus.
func ruleFiles(t *testing.T, format rules.Format, content []byte) []string {
	t.Helper()
	if format == rules.Prometheus {
		return []string{string(content)}
	}
	var files []string
	for document := range strings.SplitSeq(string(content), "\n---\n") {
		var resource struct{ Spec yaml.Node }
		if err := yaml.Unmarshal([]byte(document), &resource); err != nil {
			t.Fatal(err)
		}
		if resource.Spec.IsZero() {
			continue // A file of comments.
		}
		spec, err := yaml.Marshal(&resource.Spec)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, string(spec))
	}
	return files
}

func testAmtool(t *testing.T, made map[string]map[rules.Format]map[string][]byte) {
	testenv.Live(t)
	t.Parallel()
	var different [][]byte
	for _, format := range rules.Formats {
		for name, files := range made {
			content := files[format][inhibitionFile]
			if len(content) == 0 {
				t.Errorf("%s: no inhibition", name)
			}
			if !slices.ContainsFunc(different, func(other []byte) bool { return bytes.Equal(content, other) }) {
				different = append(different, content)
			}
		}
	}
	for i, content := range different {
		name := fmt.Sprintf("alertmanager-%d.yml", i)
		whole := "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n" + string(content)
		out, err := testenv.Amtool(t, map[string]string{name: whole}, "check-config", name)
		if err != nil {
			t.Errorf("%v\n%s\n%s", err, out, whole)
		}
		if want := fmt.Sprintf("%d inhibit rules", strings.Count(string(content), "source_matchers")); !strings.Contains(out, want) {
			t.Errorf("amtool does not see %s:\n%s", want, out)
		}
	}
	t.Logf("%d different files", len(different))
}

// testKubeconform holds the resources against what the Prometheus Operator says
// of PrometheusRules; those of objectives for each value are among them.
func testKubeconform(t *testing.T, made map[string]map[rules.Format]map[string][]byte) {
	testenv.Live(t)
	t.Parallel()
	manifests, resources := map[string]string{}, 0
	for name, files := range made {
		for file, content := range files[rules.Operator] {
			if file != inhibitionFile {
				manifests[strings.NewReplacer(" ", "_", "/", "_").Replace(name)+"-"+file] = string(content)
				resources += bytes.Count(content, []byte("\nkind: PrometheusRule\n"))
			}
		}
	}
	out, err := testenv.Kubeconform(t, manifests)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := strings.Count(out, " is valid\n"); got != resources || resources < 400 {
		t.Errorf("kubeconform says so of %d of %d resources, want all, and of 200 configurations two or so each", got, resources)
	}
	t.Logf("%d resources in %d files", resources, len(manifests))
}

func TestExamplesHaveObjectives(t *testing.T) {
	for name, s := range examples(t) {
		// The reference has none but the one that it shows.
		if len(s.SLOs) == 0 && name != "config.example.yaml" {
			t.Errorf("%s has no objective to make rules of", name)
		}
	}
}
