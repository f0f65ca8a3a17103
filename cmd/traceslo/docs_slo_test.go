package main

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
)

// objectiveOf returns an objective of a service, as a configuration makes it.
func objectiveOf(service string) slo.Objective {
	return slo.Objective{
		Name:           service + "-availability",
		Service:        service,
		SLI:            sli.Indicator{Availability: &sli.Availability{}},
		Target:         999_000_000,
		Window:         slo.Window{Rolling: 30 * 24 * time.Hour},
		ExpectsTraffic: true,
	}.With(slo.DefaultAlerting())
}

// fieldKeys returns the keys of a section, in order.
func fieldKeys(section reflect.Type) []string {
	var keys []string
	for i := range section.NumField() {
		keys = append(keys, section.Field(i).Tag.Get("yaml"))
	}
	return keys
}

func TestReadmeHasEveryKeyOfAnObjective(t *testing.T) {
	if diff := cmp.Diff(fieldKeys(reflect.TypeFor[slo.Objective]()), firsts(t, "### Keys of an objective")); diff != "" {
		t.Errorf("-code +README\n%s", diff)
	}
	if diff := cmp.Diff(fieldKeys(reflect.TypeFor[sli.Match]()), firsts(t, "### Which spans are events")); diff != "" {
		t.Errorf("match: -code +README\n%s", diff)
	}
}

func TestReadmeHasEveryKindOfSLI(t *testing.T) {
	kinds := reflect.TypeFor[sli.Indicator]()
	want := map[string][]string{}
	for i := range kinds.NumField() {
		field := kinds.Field(i)
		want[field.Tag.Get("yaml")] = slices.DeleteFunc(fieldKeys(field.Type.Elem()), func(key string) bool { return key == "match" })
	}
	got := map[string][]string{}
	for _, row := range rows(t, "### Kinds of SLI") {
		got[codes(row[0])[0]] = codes(row[2])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-code +README\n%s", diff)
	}
}

func TestReadmeHasTheStatesOfMinutes(t *testing.T) {
	want := []string{slo.Measured.String(), slo.Idle.String(), slo.Unmeasured.String()}
	if diff := cmp.Diff(want, firsts(t, "## The ledger")); diff != "" {
		t.Errorf("-code +README\n%s", diff)
	}
}

func TestReadmeHasTheStandardTiers(t *testing.T) {
	all := table(t, "### Tiers")
	for column, head := range all[0][2:] {
		length, err := config.ParseDuration(codes(head)[0])
		if err != nil {
			t.Fatal(err)
		}
		window := slo.Window{Rolling: length}
		var want, got [][]string
		for _, tier := range slo.StandardTiers(window) {
			share := fmt.Sprintf("%.0f%%", 100*tier.Share(window))
			want = append(want, []string{tier.Severity, share, slo.FormatWindow(tier.Long), slo.FormatWindow(tier.Short), tier.BurnRate.String()})
		}
		for _, row := range all[2:] {
			got = append(got, append([]string{codes(row[0])[0], row[1]}, codes(row[column+2])...))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -code +README\n%s", head, diff)
		}
	}
}

// rendered returns the rule files of an objective that has every alert there is.
func rendered(t *testing.T) map[string]string {
	t.Helper()
	files, err := rules.Render([]slo.Objective{objectiveOf("api")}, slo.Links{}, rules.Default(), rules.Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{}
	for _, f := range files {
		contents[f.Name] = string(f.Content)
	}
	return contents
}

func TestReadmeHasEveryAlert(t *testing.T) {
	files := rendered(t)
	described := firsts(t, "## Alerts")
	if diff := cmp.Diff(slices.Sorted(maps.Keys(files)), slices.Sorted(slices.Values(described))); diff != "" {
		t.Errorf("files: -made +README\n%s", diff)
	}
	for heading, file := range map[string]string{"### Alerts of objectives": "traceslo-slos.yaml", "### Other alerts": "traceslo-platform.yaml"} {
		var made struct {
			Groups []struct {
				Rules []struct {
					Alert  string
					Labels map[string]string
				}
			}
		}
		if err := yaml.Unmarshal([]byte(files[file]), &made); err != nil {
			t.Fatal(err)
		}
		want := map[string][]string{}
		for _, group := range made.Groups {
			for _, rule := range group.Rules {
				if severity := rule.Labels["severity"]; rule.Alert != "" && !slices.Contains(want[rule.Alert], severity) {
					want[rule.Alert] = append(want[rule.Alert], severity)
				}
			}
		}
		got := map[string][]string{}
		for _, row := range rows(t, heading) {
			got[codes(row[0])[0]] = codes(row[1])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -made +README\n%s", heading, diff)
		}
	}
}

// An inhibition is a rule of Alertmanager.
type inhibition struct {
	Source []string `yaml:"source_matchers"`
	Target []string `yaml:"target_matchers"`
	Equal  []string `yaml:"equal"`
}

// inhibitions reads the inhibit_rules of a configuration of Alertmanager.
func inhibitions(t *testing.T, text string) []inhibition {
	t.Helper()
	var file struct {
		Rules []inhibition `yaml:"inhibit_rules"`
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	return file.Rules
}

func TestReadmeMutesAsAlertmanagerDoes(t *testing.T) {
	matcher := regexp.MustCompile(`^(\w+)=~?"(.*)"$`)
	// A side is the names of alerts, and the word for their severity.
	side := func(matchers []string, words map[string]string) (names []string, word string) {
		for _, text := range matchers {
			m := matcher.FindStringSubmatch(text)
			switch {
			case m == nil:
				t.Fatalf("%q is not understood", text)
			case m[1] == "alertname":
				names = strings.Split(m[2], "|")
			default:
				word = words[m[1]+"="+m[2]]
			}
		}
		return names, word
	}
	words := map[string]string{"sloth_severity=page": "that pages", "sloth_severity=ticket": "that open tickets"}
	var want, got [][]string
	for _, rule := range inhibitions(t, rendered(t)["alertmanager-inhibition.yaml"]) {
		source, is := side(rule.Source, words)
		target, are := side(rule.Target, words)
		want = append(want, slices.Concat(source, []string{is, "mutes"}, target, []string{are, "of the same"}, rule.Equal))
	}
	for _, row := range rows(t, "### What mutes what") {
		word := func(cell string) string {
			_, after, _ := strings.Cut(cell[strings.LastIndex(cell, "`")+1:], " ")
			return after
		}
		got = append(got, slices.Concat(codes(row[0]), []string{word(row[0]), "mutes"}, codes(row[1]), []string{word(row[1]), "of the same"}, codes(row[2])))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-made +README\n%s", diff)
	}
}
