package deploy_test

import (
	"encoding/json"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/testenv"
)

const terraformModule = "modules/traceslo"

// terraform returns the files of the root module and of the module that it calls, by their paths below deploy/terraform.
func terraform(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, folder := range []string{".", terraformModule} {
		files, err := filepath.Glob(filepath.Join("terraform", folder, "*.tf"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 {
			t.Fatalf("there is no module in %s", folder)
		}
		for _, file := range files {
			texts[path.Join(folder, filepath.Base(file))] = read(t, file)
		}
	}
	return texts
}

// matches returns, without repetition and in order, what the first group of a pattern matches in files whose paths begin
// with the prefix.
func matches(texts map[string]string, prefix, pattern string) []string {
	var found []string
	for name, text := range texts {
		if strings.HasPrefix(name, prefix) {
			for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
				found = append(found, m[1])
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func TestTerraformModuleIsOne(t *testing.T) {
	texts := terraform(t)
	names := slices.Sorted(maps.Keys(texts))
	if out, err := testenv.Hclfmt(t, texts, append([]string{"-check"}, names...)...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	out, err := testenv.TerraformConfigInspect(t, texts, "--json", terraformModule)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got struct {
		Variables         map[string]struct{ Description string }
		Outputs           map[string]struct{ Description string }
		RequiredProviders map[string]any `json:"required_providers"`
		ManagedResources  map[string]any `json:"managed_resources"`
		Diagnostics       []any
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"helm_release.traceslo", "kubernetes_secret_v1.elasticsearch"}, slices.Sorted(maps.Keys(got.ManagedResources))); diff != "" {
		t.Errorf("resources: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"helm", "kubernetes"}, slices.Sorted(maps.Keys(got.RequiredProviders))); diff != "" || len(got.Diagnostics) > 0 {
		t.Errorf("%v; providers: -want +got\n%s", got.Diagnostics, diff)
	}
	for _, described := range []map[string]struct{ Description string }{got.Variables, got.Outputs} {
		for name, v := range described {
			if v.Description == "" {
				t.Errorf("%s has no description", name)
			}
		}
	}
	texts[terraformModule+"/main.tf"] += "\nresource \"helm_release\" {\n"
	if out, err := testenv.TerraformConfigInspect(t, texts, "--json", terraformModule); err == nil {
		t.Errorf("a file that ends in the middle is taken:\n%s", out)
	}
}

func TestTerraformUsesWhatItDeclares(t *testing.T) {
	texts := terraform(t)
	declared := matches(texts, terraformModule, `(?m)^variable "(\w+)"`)
	if diff := cmp.Diff(declared, matches(texts, terraformModule, `\bvar\.(\w+)`)); diff != "" {
		t.Errorf("variables: -declared +used\n%s", diff)
	}
	locals := regexp.MustCompile(`(?s)\nlocals \{.*?\n\}`).FindString(texts[terraformModule+"/main.tf"])
	if diff := cmp.Diff(matches(map[string]string{"": locals}, "", `(?m)^  (\w+) +=`), matches(texts, terraformModule, `\blocal\.(\w+)`)); diff != "" {
		t.Errorf("locals: -declared +used\n%s", diff)
	}
	call := regexp.MustCompile(`(?s)module "traceslo" \{.*?\n\}`).FindString(texts["main.tf"])
	for _, name := range matches(map[string]string{"": call}, "", `(?m)^  (\w+) +=`) {
		if name != "source" && !slices.Contains(declared, name) {
			t.Errorf("the module is called with %s, which it has not", name)
		}
	}
}

func TestTerraformGivesTheChartWhatItHas(t *testing.T) {
	var schema struct{ Properties map[string]any }
	if err := json.Unmarshal([]byte(read(t, chart+"/values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	values := regexp.MustCompile(`(?s)yamlencode\(\{.*?\n    \}\)`).FindString(terraform(t)[terraformModule+"/main.tf"])
	given := matches(map[string]string{"": values}, "", `(?m)^      (\w+) +=`)
	if len(given) == 0 {
		t.Fatal("no value is given")
	}
	for _, name := range given {
		if schema.Properties[name] == nil {
			t.Errorf("the chart has no value %s", name)
		}
	}
	if out, err := traceslo(t, read(t, "terraform/traceslo.yaml"), "check"); err != nil || !strings.HasSuffix(out, "0 warnings)\n") {
		t.Errorf("%v\n%s", err, out)
	}
}
