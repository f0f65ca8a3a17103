package main

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report/press"
)

const example = "../../config.example.yaml"

func TestExampleIsTheDefaults(t *testing.T) {
	got, err := load(example)
	if err != nil {
		t.Fatal(err)
	}
	if warnings := got.document.Warnings(); len(warnings) > 0 {
		t.Errorf("warns:\n%v", warnings)
	}
	if diff := cmp.Diff(defaultSettings(), got.settings, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-defaults +example\n%s", diff)
	}
}

// TestExampleHasEveryKey holds besides that the keys stand in the order of the
// structs, which is that of the flow.
func TestExampleHasEveryKey(t *testing.T) {
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	var file yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	want := keysOfType(reflect.TypeFor[settings](), "")
	got := keysOfNode(file.Content[0], "")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-structs +example\n%s", diff)
	}
}

// keysOfType returns the path of every key that a configuration can have.
func keysOfType(t reflect.Type, path string) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("yaml")
		switch key {
		case "":
			panic(path + "." + f.Name + " has no key")
		case "-":
			continue
		}
		keys = append(keys, path+key)
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if isSection(inner) {
			keys = append(keys, keysOfType(inner, path+key+".")...)
		}
	}
	return keys
}

// isSection tells whether a type is written as keys: a struct that has some.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() > 0 && t.Field(0).Tag.Get("yaml") != ""
}

// TestTheExamplesInCommentsLoad takes the objective and the report that the
// example shows in comments, and holds that they have no fault and that no key of
// one is left out.
func TestTheExamplesInCommentsLoad(t *testing.T) {
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	for line := range strings.Lines(string(text)) {
		if line, ok := strings.CutPrefix(line, "#   "); ok {
			shown.WriteString(line)
		}
	}
	file := filepath.Join(t.TempDir(), "objective.yaml")
	if err := os.WriteFile(file, []byte(shown.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := load(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, &shown)
	}
	if warnings := got.document.Warnings(); len(warnings) > 0 {
		t.Errorf("warns:\n%v", warnings)
	}
	if len(got.SLOs) != 1 {
		t.Fatalf("there are %d objectives", len(got.SLOs))
	}
	if len(got.Reports) != 1 {
		t.Fatalf("there are %d reports", len(got.Reports))
	}
	keys := keysWithin(reflect.TypeFor[slo.Objective]())
	maps.Copy(keys, keysWithin(reflect.TypeFor[press.Config]()))
	for key := range keys {
		if !regexp.MustCompile(`(?m)\b` + key + `\b`).MatchString(shown.String()) {
			t.Errorf("%s is not shown", key)
		}
	}
}

// keysWithin returns every key at any depth, lists looked through.
func keysWithin(t reflect.Type) map[string]bool {
	keys := map[string]bool{}
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || t == reflect.TypeFor[slo.Alerting]() {
			return // the section alerting shows those
		}
		for i := range t.NumField() {
			if key := t.Field(i).Tag.Get("yaml"); key != "" {
				keys[key] = true
				walk(t.Field(i).Type)
			}
		}
	}
	walk(t)
	return keys
}

func keysOfNode(n *yaml.Node, path string) []string {
	var keys []string
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		keys = append(keys, path+key)
		if value.Kind == yaml.MappingNode {
			keys = append(keys, keysOfNode(value, path+key+".")...)
		}
	}
	return keys
}

// TestBadFiles loads testdata/config/*.bad.yaml. Each has one flaw, after
// which it is named, and says in its first line what is to be said of it.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.bad.yaml")
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
			_, err = load(file)
			if err == nil {
				t.Fatalf("loads, want %s", want)
			}
			if diff := cmp.Diff(want, strings.TrimPrefix(err.Error(), file+":")); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestEveryKeyIsExplained keeps a comment above or beside every key of the
// example that does not explain itself.
func TestEveryKeyIsExplained(t *testing.T) {
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	plain := []string{"min_failures", "annotations", "basic", "username", "password_file", "api_key_file", "bearer_token", "bearer_token_file", "key_file",
		"services", "operations_per_service", "error_types_per_service"}
	key := regexp.MustCompile(`^\s*([a-z_]+):`)
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		m := key.FindStringSubmatch(line)
		if m == nil || slices.Contains(plain, m[1]) {
			continue
		}
		if i == 0 || !strings.HasPrefix(strings.TrimSpace(lines[i-1]), "#") {
			t.Errorf("line %d: %s has no comment above it", i+1, m[1])
		}
	}
}
