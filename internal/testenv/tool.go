package testenv

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// A module is a released Go module from which programs are built. To add a server, add a line to modules.
type module struct {
	path, version string
	// programs maps a program's name here to its package in the module.
	programs map[string]string
	tags     string
	// copied is for modules that "go install" refuses because their go.mod replaces others: they are built inside a copy.
	copied bool
	// files are written into the copy before it is built, by their path: what a release embeds and its module lacks.
	files map[string]string
	tests bool // Tests need it, so it is built before they start.
}

func modules() []module {
	return []module{
		{
			path: "github.com/jaegertracing/jaeger", version: "v1.76.0", copied: true, tests: true,
			programs: map[string]string{
				"jaeger":           "./cmd/jaeger",
				"jaeger-collector": "./cmd/collector",
				"jaeger-query":     "./cmd/query",
				"hotrod":           "./examples/hotrod",
			},
		},
		{
			path: "github.com/prometheus/prometheus", version: "v0.315.0", copied: true, tests: true, tags: "remove_all_sd",
			programs: map[string]string{"prometheus": "./cmd/prometheus", "promtool": "./cmd/promtool"},
		},
		{
			path: "github.com/prometheus/alertmanager", version: "v0.34.2", copied: true, tests: true,
			files:    map[string]string{"ui/app/dist/index.html": "no pages in this build\n"},
			programs: map[string]string{"alertmanager": "./cmd/alertmanager", "amtool": "./cmd/amtool"},
		},
		{
			path: "github.com/slok/sloth", version: "v0.12.0", copied: true, tests: true,
			programs: map[string]string{"sloth": "./cmd/sloth"},
		},
		{
			path: "github.com/yannh/kubeconform", version: "v0.8.0", tests: true,
			programs: map[string]string{"kubeconform": "./cmd/kubeconform"},
		},
		{
			path: "helm.sh/helm/v4", version: "v4.3.1", tests: true,
			programs: map[string]string{"helm": "./cmd/helm"},
		},
		{
			path: "github.com/hashicorp/terraform-config-inspect", version: "v0.0.0-20260904064934-75d64de68c31", tests: true,
			programs: map[string]string{"terraform-config-inspect": "."},
		},
		{
			path: "github.com/hashicorp/hcl/v2", version: "v2.25.0", tests: true,
			programs: map[string]string{"hclfmt": "./cmd/hclfmt"},
		},
		{
			path: "github.com/golangci/golangci-lint/v2", version: "v2.15.0",
			programs: map[string]string{"golangci-lint": "./cmd/golangci-lint"},
		},
		{
			path: "honnef.co/go/tools", version: "v0.8.2",
			programs: map[string]string{"staticcheck": "./cmd/staticcheck"},
		},
	}
}

// Tool returns the path of a program from the table of modules, and builds it if the cache lacks it.
func Tool(ctx context.Context, log Log, name string) (string, error) {
	for _, m := range modules() {
		if _, ok := m.programs[name]; ok {
			dir, err := m.ensure(ctx, log)
			return filepath.Join(dir, name), err
		}
	}
	return "", fmt.Errorf("%q is not in the table of programs", name)
}

// ToolVersion returns the version of the module that a program in the table of modules is built from, "" if it is not there.
func ToolVersion(name string) string {
	for _, m := range modules() {
		if _, ok := m.programs[name]; ok {
			return m.version
		}
	}
	return ""
}

func (m module) ensure(ctx context.Context, log Log) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("programs/%s@%s-%s", strings.ReplaceAll(m.path, "/", "_"), m.version, runtime.Version())
	return ensure(cache, name, log, func(dir string) error {
		if m.copied {
			return m.build(ctx, dir)
		}
		return m.install(ctx, dir)
	})
}

// build builds the programs inside a copy of the module, into dir.
func (m module) build(ctx context.Context, dir string) error {
	downloaded, err := download(ctx, dir, m.path+"@"+m.version)
	if err != nil {
		return err
	}
	source := filepath.Join(dir, "source")
	if err := os.CopyFS(source, os.DirFS(downloaded)); err != nil {
		return err
	}
	if err := writeFiles(source, m.files); err != nil {
		return err
	}
	for name, pkg := range sorted(m.programs) {
		args := []string{"build", "-ldflags=-s -w", "-tags=" + m.tags, "-o", filepath.Join(dir, name), pkg}
		if _, err := output(ctx, source, []string{"GOWORK=off"}, "go", args...); err != nil {
			return err
		}
	}
	return os.RemoveAll(source)
}

// download returns the folder in which the go command keeps the sources of a module, as path@version.
func download(ctx context.Context, dir, module string) (string, error) {
	out, err := output(ctx, dir, []string{"GOWORK=off"}, "go", "mod", "download", "-json", module)
	if err != nil {
		return "", err
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &downloaded); err != nil {
		return "", fmt.Errorf("go mod download: %w", err)
	}
	return downloaded.Dir, nil
}

// install builds the programs as "go install" does, into dir.
func (m module) install(ctx context.Context, dir string) error {
	for name, pkg := range sorted(m.programs) {
		full := path.Join(m.path, pkg)
		if _, err := output(ctx, dir, []string{"GOWORK=off", "GOBIN=" + dir}, "go", "install", full+"@"+m.version); err != nil {
			return err
		}
		if built := path.Base(full); built != name {
			if err := os.Rename(filepath.Join(dir, built), filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sorted yields the map in the order of its keys.
func sorted[V any](m map[string]V) func(yield func(string, V) bool) {
	return func(yield func(string, V) bool) {
		names := make([]string, 0, len(m))
		for name := range m {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if !yield(name, m[name]) {
				return
			}
		}
	}
}
