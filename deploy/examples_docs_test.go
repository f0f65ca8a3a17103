package deploy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sources returns the text of all files of the examples under a pattern.
func sources(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob("examples/" + pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %d files", pattern, err, len(files))
	}
	texts := map[string]string{}
	for _, file := range files {
		texts[filepath.Base(file)] = read(t, file)
	}
	return texts
}

// submatches returns what the first group of an expression matches in texts, sorted, each once.
func submatches(expression string, texts map[string]string) []string {
	var all []string
	for _, text := range texts {
		for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestReadmeQuotesTheExamples(t *testing.T) {
	for language, pattern := range map[string]string{"ts": "node/src/*.ts", "python": "python/*.py"} {
		quotes := submatches("(?s)\n```"+language+"\n(.*?)```", map[string]string{"": read(t, "../README.md")})
		if len(quotes) == 0 {
			t.Errorf("README quotes nothing in %s", language)
		}
		for _, quote := range quotes {
			found := false
			for _, text := range sources(t, pattern) {
				found = found || strings.Contains(text, quote)
			}
			if !found {
				t.Errorf("no file of %s has what README quotes:\n%s", pattern, quote)
			}
		}
	}
}

func TestExamplesReadmeNamesTheirSettings(t *testing.T) {
	node, python := sources(t, "node/src/*.ts"), sources(t, "python/*.py")
	want := slices.Concat(
		[]string{"OTEL_EXPORTER_OTLP_ENDPOINT"}, // The SDKs read it.
		submatches(`process\.env\.([A-Z_]+)`, node),
		submatches(`positive\('([A-Z_]+)'`, node),
		submatches(`os\.environ\.get\("([A-Z_]+)"`, python),
	)
	slices.Sort(want)
	_, settings, _ := strings.Cut(read(t, "examples/README.md"), "\n## Settings\n")
	settings, _, _ = strings.Cut(settings, "\n## ")
	rows := submatches(`(?m)^\| (.*?) \|`, map[string]string{"": settings})
	got := submatches("`([A-Z_]+)`", map[string]string{"": strings.Join(rows, " ")})
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Errorf("variables (-read by the examples +named in their README):\n%s", diff)
	}
}

func TestExamplesReadmeNamesTheirFaults(t *testing.T) {
	code := map[string]string{}
	for _, pattern := range []string{"node/src/*.ts", "python/*.py"} {
		for name, text := range sources(t, pattern) {
			code[name] = text
		}
	}
	handled := submatches(`fault ===? ['"]([a-z]+)['"]`, code)
	var tested []string
	for fault := range exampleStatuses {
		if fault != "" {
			tested = append(tested, fault)
		}
	}
	slices.Sort(tested)
	named := submatches("(?m)^\\| `([a-z]+)` \\| [0-9]{3} \\|", map[string]string{"": read(t, "examples/README.md")})
	load := submatches(`'([a-z]+)'`, map[string]string{"": submatches(`(const faults = .*)`, code)[0]})
	for what, got := range map[string][]string{"named in their README": named, "asked for by the load": load, "tested": tested} {
		if diff := cmp.Diff(handled, got); diff != "" {
			t.Errorf("faults (-of the examples +%s):\n%s", what, diff)
		}
	}
}

func TestExamplesImagesStartWhatTheReadmeStarts(t *testing.T) {
	var project struct{ Scripts map[string]string }
	if err := json.Unmarshal([]byte(read(t, "examples/node/package.json")), &project); err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]string{"node": project.Scripts["start"], "python": "python app.py"} {
		file := read(t, "examples/"+folder+"/Dockerfile")
		_, command, _ := strings.Cut(file, "\nCMD ")
		var words []string
		if err := json.Unmarshal([]byte(command), &words); err != nil {
			t.Errorf("%s: the command %q: %v", folder, command, err)
		}
		if got := strings.Join(words, " "); got != want {
			t.Errorf("%s: the image starts %q, want %q", folder, got, want)
		}
		if !strings.Contains(file, "\nUSER ") {
			t.Errorf("%s: the image runs as root", folder)
		}
		var copied []string
		for _, line := range submatches(`(?m)^COPY ([^-].*) \S+$`, map[string]string{"": file}) {
			copied = append(copied, strings.Fields(line)...)
		}
		for _, name := range copied {
			if _, err := os.Stat(filepath.Join("examples", folder, name)); err != nil {
				t.Errorf("%s: the image is to have %v", folder, err)
			}
		}
		if folder == "python" {
			for name := range sources(t, "python/*.py") {
				if !slices.Contains(copied, name) {
					t.Errorf("the image lacks %s", name)
				}
			}
		}
	}
}
