package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/traceslo/traceslo"

// flow is what each part of the module may import, besides itself and internal.
// A part is a folder with all that is in it; of two that fit, the longer one holds.
var flow = []struct {
	part    string
	imports []string
}{
	{"source", []string{"source"}},
	{"sli", []string{"source", "sli"}},
	{"slo", []string{"source", "sli", "slo"}},
	{"slo/report", []string{"source", "sli", "slo"}},
	{"rules", []string{"source", "sli", "slo"}},
	{"dashboards", []string{"source", "sli", "slo"}},
	// What is internal serves all, so that it can know none of them.
	{"internal", nil},
	// It is there for tests, which may hold anything against a real server.
	{"internal/testenv", []string{"source"}},
	// It holds the whole beside others, as its users would.
	{"internal/bench", []string{"source"}},
	// What is shipped for deploying is no package, but has tests.
	{"deploy", nil},
	{"web", []string{"source", "sli", "slo", "slo/report", "rules", "dashboards"}},
	{"cmd", []string{"source", "sli", "slo", "slo/report", "rules", "dashboards", "web"}},
}

func TestImportsFollowTheFlow(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && file != root) {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(file) != ".go" {
			return nil
		}
		seen++
		inModule, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from := path.Dir(filepath.ToSlash(inModule))
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if to, ours := strings.CutPrefix(imported, module+"/"); ours {
				if fault := judge(from, to, strings.HasSuffix(file, "_test.go")); fault != "" {
					t.Errorf("%s: %s", inModule, fault)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Fatal("no file was looked at")
	}
}

// judge returns what is wrong with package from importing package to, "" for nothing.
func judge(from, to string, test bool) string {
	part := partOf(from)
	switch {
	case part == "":
		return fmt.Sprintf("package %s has no place in the flow", from)
	case partOf(to) == part:
		return ""
	case within(to, "internal/testenv") && !test:
		return fmt.Sprintf("package %s imports %s outside of tests", from, to)
	case within(to, "internal"):
		return ""
	case slices.Contains(allowed(part), partOf(to)):
		return ""
	}
	return fmt.Sprintf("package %s imports %s, against the flow", from, to)
}

// partOf returns the longest part of the flow that holds the package, "" for none.
func partOf(pkg string) string {
	longest := ""
	for _, f := range flow {
		if within(pkg, f.part) && len(f.part) > len(longest) {
			longest = f.part
		}
	}
	return longest
}

func allowed(part string) []string {
	for _, f := range flow {
		if f.part == part {
			return f.imports
		}
	}
	return nil
}

func within(pkg, part string) bool { return pkg == part || strings.HasPrefix(pkg, part+"/") }

func TestJudgeSeesEachDirection(t *testing.T) {
	for _, test := range []struct {
		from, to string
		fault    bool
	}{
		{"sli", "source", false},
		{"source", "sli", true},
		{"source/elastic", "source", false},
		{"source/elastic", "source/jaeger", false},
		{"source/elastic", "sli", true},
		{"slo", "slo/report", true},
		{"slo/report", "slo", false},
		{"slo/report", "rules", true},
		{"rules", "dashboards", true},
		{"rules", "web", true},
		{"web", "rules", false},
		{"dashboards", "slo", false},
		{"sli", "internal/state", false},
		{"internal/state", "source", true},
		{"internal/config", "sli", true},
		{"internal/testenv", "source/footanalytics", false},
		{"internal/testenv", "sli", true},
		{"cmd/traceslo", "dashboards", false},
		{"sli", "cmd/traceslo", true},
		{"util", "source", true},
	} {
		if fault := judge(test.from, test.to, false); (fault != "") != test.fault {
			t.Errorf("%s imports %s: got %q, want a fault %t", test.from, test.to, fault, test.fault)
		}
	}
	if judge("sli", "internal/testenv", true) != "" || judge("sli", "internal/testenv", false) == "" {
		t.Error("internal/testenv is not for tests alone")
	}
}
