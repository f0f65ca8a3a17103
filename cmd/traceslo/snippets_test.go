package main

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"
	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// documents are those whose links and commands are held to be right.
var documents = []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "deploy/elasticsearch/README.md", "deploy/examples/README.md",
	"deploy/helm/README.md", "deploy/kubernetes/README.md", "deploy/systemd/README.md", "deploy/terraform/README.md"}

// invocation is a line that runs traceslo.
var invocation = regexp.MustCompile(`^(?:go run \./cmd/traceslo|\./traceslo|traceslo)((?: [^ #]+)*)`)

func TestCommandsInDocumentsExist(t *testing.T) {
	models := commandModels()
	seen := 0
	for _, document := range documents {
		text := read(t, document)
		var lines []string
		for _, block := range blocks(text, "sh") {
			lines = append(lines, strings.Split(block, "\n")...)
		}
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			lines = append(lines, m[1])
		}
		for _, line := range lines {
			m := invocation.FindStringSubmatch(line)
			if m == nil || m[1] == "" {
				continue
			}
			seen++
			words := strings.Fields(m[1])
			name := words[0]
			if name == "state" && len(words) > 1 {
				name += " " + words[1]
			}
			if name == "state" {
				continue // all of them
			}
			if models[name] == nil {
				t.Errorf("%s: %q: there is no such command", document, line)
				continue
			}
			for _, word := range words {
				flag, _, _ := strings.Cut(word, "=")
				known := slices.ContainsFunc(models[name].Flags, func(f *kingpin.FlagModel) bool { return "--"+f.Name == flag })
				if strings.HasPrefix(flag, "--") && !known {
					t.Errorf("%s: %q: there is no flag %s", document, line, flag)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d commands were looked at", seen)
	}
}

func TestReadmeConfigurationsLoad(t *testing.T) {
	dir := t.TempDir()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	for name, content := range map[string][]byte{
		"password": []byte("hush\n"),
		"ca.crt":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TRACESLO_API_KEY", "id:key")
	sections := keysOfType(reflect.TypeFor[settings](), "")
	loads := 0
	for _, block := range blocks(read(t, "README.md"), "yaml") {
		if first, _, _ := strings.Cut(block, ":"); !slices.Contains(sections, first) {
			continue
		}
		loads++
		file := filepath.Join(dir, "traceslo.yaml")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(block, "/etc/traceslo", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := load(file)
		if err != nil {
			t.Errorf("%s\n%v", block, err)
			continue
		}
		if warnings := l.document.Warnings(); len(warnings) > 0 {
			t.Errorf("%s\n%v", block, warnings)
		}
	}
	if loads < 6 {
		t.Errorf("only %d configurations were found", loads)
	}
}

func TestReadmeOpenSLOLoads(t *testing.T) {
	dir := t.TempDir()
	var documents []string
	for _, block := range blocks(read(t, "README.md"), "yaml") {
		if strings.HasPrefix(block, "apiVersion: openslo/") {
			documents = append(documents, block)
		}
	}
	file := filepath.Join(dir, "traceslo.yaml")
	for name, content := range map[string]string{"openslo.yaml": strings.Join(documents, "\n---\n"), "traceslo.yaml": "slos_from: [openslo.yaml]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := load(file)
	if err != nil {
		t.Fatal(err)
	}
	if warnings := l.document.Warnings(); len(warnings) > 0 {
		t.Error(warnings)
	}
	if len(documents) == 0 || len(l.objectives) != len(documents) {
		t.Errorf("%d documents make %d objectives", len(documents), len(l.objectives))
	}
}

func TestReadmeHasTheShippedMonitor(t *testing.T) {
	var shipped map[string]any
	if err := yaml.Unmarshal([]byte(read(t, "deploy/kubernetes/servicemonitor.yaml")), &shipped); err != nil {
		t.Fatal(err)
	}
	monitors := 0
	for _, block := range blocks(read(t, "README.md"), "yaml") {
		var monitor map[string]any
		if err := yaml.Unmarshal([]byte(block), &monitor); err != nil {
			t.Fatal(err)
		}
		if monitor["kind"] != shipped["kind"] {
			continue
		}
		monitors++
		if diff := cmp.Diff(shipped, monitor); diff != "" {
			t.Errorf("-shipped +README\n%s", diff)
		}
	}
	if monitors != 1 {
		t.Errorf("%d ServiceMonitors, want 1", monitors)
	}
}

// TestPathsInCommandsExist looks for what commands of README name below deploy.
func TestPathsInCommandsExist(t *testing.T) {
	seen := 0
	for _, block := range blocks(read(t, "README.md"), "sh") {
		for _, m := range regexp.MustCompile(`(?:^|[\s=@])(deploy/\S*)`).FindAllStringSubmatch(block, -1) {
			seen++
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s\n%v", block, err)
			}
		}
	}
	if seen < 7 {
		t.Errorf("only %d paths were found", seen)
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, document := range documents {
		text := read(t, document)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(m[1], "https://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := document
			if file != "" {
				target = filepath.Join(filepath.Dir(document), file)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: %s: %v", document, m[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s: %s: there is no such heading", document, m[1])
			}
		}
	}
}

// anchors returns the names by which GitHub links to the headings of a document.
func anchors(text string) []string {
	var names []string
	for line := range strings.SplitSeq(text, "\n") {
		if _, title, ok := strings.Cut(line, "# "); ok && strings.HasPrefix(line, "#") {
			names = append(names, strings.Map(func(r rune) rune {
				switch {
				case r == ' ' || r == '-':
					return '-'
				case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_':
					return r
				}
				return -1
			}, strings.ToLower(title)))
		}
	}
	return names
}

func TestAnchorsAreGitHubs(t *testing.T) {
	got := anchors("# traceslo\n## Labels, and how they are bounded\n# in a `block`?\nno # heading\n### `traceslo state check`\n")
	want := []string{"traceslo", "labels-and-how-they-are-bounded", "in-a-block", "traceslo-state-check"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
