package openslo_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/golden"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/openslo"
)

func noEnv(string) (string, bool) { return "", false }

// slos are objectives as the configuration has them.
type slos struct {
	SLOs []slo.Objective `yaml:"slos"`
}

// written returns the objectives that a configuration says.
func written(t *testing.T, text string) slos {
	t.Helper()
	var s slos
	if err := config.Parse("want", []byte(text), noEnv, &s).Err(); err != nil {
		t.Fatal(err)
	}
	return s
}

// sound returns the objectives of files without a problem.
func sound(t *testing.T, r openslo.Result) slos {
	t.Helper()
	if len(r.Problems) > 0 {
		t.Fatal(config.Errors(r.Problems))
	}
	var s slos
	for _, l := range r.Objectives {
		s.SLOs = append(s.SLOs, l.Objective)
	}
	return s
}

// render returns the objectives as text, everything that they hold.
func render(t *testing.T, s slos) string {
	t.Helper()
	text, err := new(config.Document).Render(&s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestExample reads testdata/example.yaml, which OpenSLO's own validator (oslo
// v0.13.0) accepts, and compares it with a configuration.
func TestExample(t *testing.T) {
	text, err := os.ReadFile("testdata/example.slos.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := sound(t, openslo.Load([]string{"testdata/example.yaml"}, noEnv))
	if diff := cmp.Diff(render(t, written(t, string(text))), render(t, got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if faults := slo.Validate(got.SLOs, slo.ValidateOptions{Retention: 400 * 24 * time.Hour}); len(faults) > 0 {
		t.Errorf("slo.Validate says %v", faults)
	}
}

// document returns an SLO whose indicator, objective and window are given.
func document(indicator, objective, window string) string {
	return fmt.Sprintf("apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a}\nspec:\n  service: s\n  budgetingMethod: Occurrences\n"+
		"  indicator: {metadata: {name: b}, spec: %s}\n  objectives: [%s]\n  timeWindow: [%s]\n", indicator, objective, window)
}

const (
	ratio   = "{ratioMetric: {total: {metricSource: {type: traceslo, spec: {match: {}}}}, bad: {metricSource: {type: traceslo, spec: {failed_if: [failed]}}}}}"
	meaning = "sli: {availability: {match: {}, failed_if: [failed]}}\n"
	rolling = "{duration: 30d, isRolling: true}"
)

func good(spec string) string {
	return "{ratioMetric: {counter: false, total: {metricSource: {type: traceslo, spec: {match: {service: s}}}}, good: {metricSource: {type: traceslo, spec: " + spec + "}}}}"
}

// TestMeaning compares an OpenSLO document with the objective of a configuration.
func TestMeaning(t *testing.T) {
	for name, c := range map[string]struct{ document, want string }{
		"good is what did not fail": {
			document(good("{failed_if: http.response.status_code >= 500}"), "{target: 0.9}", rolling),
			"sli: {availability: {match: {service: s}, failed_if: [http.response.status_code >= 500]}}\nobjective: 90%\nwindow: 30d\n",
		},
		"good is what was fast": {
			document(good("{within: 250ms}"), "{target: 0.9}", rolling),
			"sli: {latency: {match: {service: s}, threshold: 250ms}}\nobjective: 90%\nwindow: 30d\n",
		},
		"good is what was fast and did not fail": {
			document(good("{within: 1m, failed_if: [failed, a = b]}"), "{target: 0.9}", rolling),
			"sli: {success_within: {match: {service: s}, threshold: 1m, failed_if: [failed, a = b]}}\nobjective: 90%\nwindow: 30d\n",
		},
		"good is what says so": {
			document(good("{good_if: [a = b]}"), "{target: 0.9}", rolling),
			"sli: {attribute: {match: {service: s}, good_if: [a = b]}}\nobjective: 90%\nwindow: 30d\n",
		},
		"a threshold is seconds to the microsecond": {
			document("{thresholdMetric: {metricSource: {type: traceslo, spec: {match: {root_only: true}}}}}", "{op: lte, value: 0.000250, target: 0.9}", rolling),
			"sli: {latency: {match: {root_only: true}, threshold: 250us}}\nobjective: 90%\nwindow: 30d\n",
		},
		"a target is exact": {
			document(ratio, "{target: .999999999}", rolling), meaning + "objective: 99.9999999%\nwindow: 30d\n",
		},
		"a percentage is exact": {
			document(ratio, "{targetPercent: 99.9999999}", rolling), meaning + "objective: 99.9999999%\nwindow: 30d\n",
		},
		"a target that is no binary fraction": {
			document(ratio, "{target: 0.7}", rolling), meaning + "objective: 70%\nwindow: 30d\n",
		},
		"a window of minutes": {
			document(ratio, "{target: 0.7}", "{duration: 90m, isRolling: true}"), meaning + "objective: 70%\nwindow: 90m\n",
		},
		"a window of weeks": {
			document(ratio, "{target: 0.7}", "{duration: 4w, isRolling: true}"), meaning + "objective: 70%\nwindow: 28d\n",
		},
		"a calendar's week": {
			document(ratio, "{target: 0.7}", "{duration: 1w, isRolling: false, calendar: {startTime: 2026-03-30 00:00:00, timeZone: Europe/Madrid}}"),
			meaning + "objective: 70%\nwindow: {calendar: week, time_zone: Europe/Madrid}\n",
		},
		"a calendar's month": {
			document(ratio, "{target: 0.7}", "{duration: 1M, calendar: {startTime: '2024-02-01 00:00:00', timeZone: America/St_Johns}}"),
			meaning + "objective: 70%\nwindow: {calendar: month, time_zone: America/St_Johns}\n",
		},
		"a calendar's quarter": {
			document(ratio, "{target: 0.7}", "{duration: 1Q, calendar: {startTime: 2026-10-01 00:00:00, timeZone: UTC}}"),
			meaning + "objective: 70%\nwindow: {calendar: quarter, time_zone: UTC}\n",
		},
		"a calendar's year": {
			document(ratio, "{target: 0.7}", "{duration: 1Y, calendar: {startTime: 2030-01-01 00:00:00, timeZone: UTC}}"),
			meaning + "objective: 70%\nwindow: {calendar: year, time_zone: UTC}\n",
		},
		"the SLO's display name describes it": {
			strings.Replace(document(ratio, "{target: 0.7, displayName: of the objective}", rolling), "{name: a}", "{name: a, displayName: of the SLO}", 1),
			meaning + "objective: 70%\nwindow: 30d\ndescription: of the SLO\n",
		},
		"the objective's display name describes it": {
			document(ratio, "{target: 0.7, displayName: of the objective}", rolling),
			meaning + "objective: 70%\nwindow: 30d\ndescription: of the objective\n",
		},
		"a label is a value or a list of one": {
			strings.Replace(document(ratio, "{target: 0.7}", rolling), "{name: a}", "{name: a, labels: {team: shop, tier: [1]}}", 1),
			meaning + "objective: 70%\nwindow: 30d\nlabels: {team: shop, tier: '1'}\n",
		},
		"lines end as on Windows": {
			strings.ReplaceAll("---\n"+document(ratio, "{target: 0.7}", rolling)+"---\n# nothing\n", "\n", "\r\n"), meaning + "objective: 70%\nwindow: 30d\n",
		},
		"the end of the document is marked": {
			"# first\n--- # second\n" + document(ratio, "{target: 0.7}", rolling) + "...\n---\n", meaning + "objective: 70%\nwindow: 30d\n",
		},
		"what looks like a mark and is none": {
			strings.Replace(document(ratio, "{target: 0.7}", rolling), "  service: s\n", "  service: s\n  description: |\n    a\n    ---\n    b\n", 1),
			meaning + "objective: 70%\nwindow: 30d\ndescription: |\n    a\n    ---\n    b\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := written(t, "slos:\n- name: a\n  service: s\n  "+strings.ReplaceAll(strings.TrimSuffix(c.want, "\n"), "\n", "\n  ")+"\n")
			got := sound(t, openslo.Parse([]openslo.File{{Name: "a.yaml", Text: []byte(c.document)}}, noEnv))
			if diff := cmp.Diff(render(t, want), render(t, got)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestFilesAreReadAsOne(t *testing.T) {
	const sli = "apiVersion: openslo/v1\nkind: SLI\nmetadata: {name: shared}\nspec: " + ratio + "\n"
	const service = "---\napiVersion: openslo/v1\nkind: Service\nmetadata: {name: s}\nspec: {}\n"
	first := document(ratio, "{target: 0.7}", rolling)
	second := strings.NewReplacer("name: a", "name: second", "indicator: {metadata: {name: b}, spec: "+ratio+"}", "indicatorRef: ${SHARED}").Replace(first)
	env := func(name string) (string, bool) { return "shared", name == "SHARED" }
	got := sound(t, openslo.Parse([]openslo.File{{Name: "1.yaml", Text: []byte(first + "---\n" + second)}, {Name: "2.yaml", Text: []byte(sli + service)}}, env))
	if len(got.SLOs) != 2 {
		t.Fatalf("%d objectives, want 2", len(got.SLOs))
	}
	a, b := got.SLOs[0], got.SLOs[1]
	if a.Name != "a" || b.Name != "second" || a.Fingerprint() != b.Fingerprint() {
		t.Errorf("%q judges by %s, %q by %s; want a and second, by the same", a.Name, a.Fingerprint(), b.Name, b.Fingerprint())
	}
}

// TestBadFiles loads testdata/*.bad.yaml. Each has one flaw, after which it is
// named, and says in its first line what is to be said of it.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".bad.yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(text), "\n")
			want, ok := strings.CutPrefix(first, "# says ")
			if !ok {
				t.Fatalf("the first line is %q, want # says and the message", first)
			}
			if diff := cmp.Diff([]string{file + ":" + want}, said(openslo.Load([]string{file}, noEnv))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func said(r openslo.Result) []string {
	var all []string
	for _, p := range r.Problems {
		all = append(all, p.String())
	}
	return all
}

func TestAllFaultsAreSaidAtOnce(t *testing.T) {
	r := openslo.Load([]string{"testdata/many_faults.yaml", "testdata/nowhere.yaml"}, noEnv)
	golden.Check(t, "testdata/many_faults.golden", []byte(strings.Join(said(r), "\n")+"\n"))
	if len(r.Objectives) != 1 || r.Objectives[0].Objective.Name != "sound" {
		t.Errorf("%d objectives, want only sound", len(r.Objectives))
	}
}

func TestFilesThatHoldNothingToRead(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{
		"empty.yaml":    "",
		"comments.yaml": "# later\n---\n# still later\n",
		"large.yaml":    strings.Repeat("# large\n", 1<<17+1),
		"many.yaml":     strings.Repeat("---\na\n", 1001),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("folder.yaml", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"empty.yaml":    "warning: holds no document; write one, or leave the file out of slos_from",
		"comments.yaml": "warning: holds no document; write one, or leave the file out of slos_from",
		"large.yaml":    "larger than 1 MiB, not OpenSLO; mend it, or leave it out of slos_from",
		"many.yaml":     "holds more than 1000 documents; make several files of it",
		"folder.yaml":   "cannot be read: is a directory; mend it, or leave it out of slos_from",
		"nowhere.yaml":  "cannot be read: no such file or directory; mend it, or leave it out of slos_from",
	} {
		if diff := cmp.Diff([]string{name + ": " + want}, said(openslo.Load([]string{name}, noEnv))); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestFileThatIsNamedTwiceIsReadOnce(t *testing.T) {
	once := openslo.Load([]string{"testdata/example.yaml"}, noEnv)
	twice := openslo.Load([]string{"testdata/example.yaml", "testdata/example.yaml"}, noEnv)
	if len(twice.Problems) > 0 || len(twice.Objectives) != len(once.Objectives) {
		t.Errorf("%d objectives and %v, want %d and no problem", len(twice.Objectives), said(twice), len(once.Objectives))
	}
}

// TestFaultsOfAnObjectiveAreFoundInTheDocuments has what slo.Validate says
// stand where the value does.
func TestFaultsOfAnObjectiveAreFoundInTheDocuments(t *testing.T) {
	env := func(name string) (string, bool) { return "s3cr3t", name == "TEAM" }
	r := openslo.Load([]string{"testdata/places.yaml", "testdata/places_sli.yaml"}, env)
	if len(r.Problems) > 0 {
		t.Fatal(config.Errors(r.Problems))
	}
	byName := map[string]openslo.Loaded{}
	for _, l := range r.Objectives {
		byName[l.Objective.Name] = l
	}
	for _, c := range []struct{ objective, path, want string }{
		{"ratio", "", "places.yaml:1: is wrong"},
		{"ratio", "name", "places.yaml:4: metadata.name: is wrong"},
		{"ratio", "labels.team", "places.yaml:6: metadata.labels.team: is wrong"},
		{"ratio", `labels."a.b"`, `places.yaml:7: metadata.labels."a.b": is wrong`},
		{"ratio", "service", "places.yaml:9: spec.service: is wrong"},
		{"ratio", "description", "places.yaml:10: spec.description: is wrong"},
		{"ratio", "objective", "places.yaml:17: spec.objectives[0].targetPercent: is wrong"},
		{"ratio", "window", "places.yaml:13: spec.timeWindow[0]: is wrong"},
		{"ratio", "alerting.tiers[0]", "places.yaml:1: alerting.tiers[0]: is wrong"},
		{"ratio", "sli", "places_sli.yaml:4: spec: is wrong"},
		{"ratio", "sli.success_within.threshold", "places_sli.yaml:17: spec.ratioMetric.good.metricSource.spec.within: is wrong"},
		{"ratio", "sli.success_within.failed_if[1]", "places_sli.yaml:20: spec.ratioMetric.good.metricSource.spec.failed_if[1]: is wrong"},
		{"ratio", "sli.success_within.match.tags[0]", "places_sli.yaml:12: spec.ratioMetric.total.metricSource.spec.match.tags[0]: is wrong"},
		{"threshold", "sli.latency.threshold", "places.yaml:37: spec.objectives[0].value: is wrong"},
		{"threshold", "sli.latency.match.service[0]", "places.yaml:31: spec.indicator.spec.thresholdMetric.metricSource.spec.match.service[0]: is wrong"},
		{"threshold", "objective", "places.yaml:38: spec.objectives[0].target: is wrong"},
	} {
		got := byName[c.objective].Problem(config.Fault{Path: c.path, Problem: "is wrong"})
		if diff := cmp.Diff("testdata/"+c.want, got.String()); diff != "" {
			t.Errorf("%s of %s: -want +got\n%s", c.path, c.objective, diff)
		}
	}
	got := byName["ratio"].Problem(config.Fault{Path: "labels.team", Problem: `"s3cr3t" is wrong`, Cure: "not s3cr3t", Warning: true})
	if want := `testdata/places.yaml:6: warning: metadata.labels.team: "${TEAM}" is wrong; not ${TEAM}`; got.String() != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
