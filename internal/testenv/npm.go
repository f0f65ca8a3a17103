package testenv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// npmFolders returns the folders of this module whose package-lock.json names packages that tests need.
func npmFolders() []string {
	return []string{"deploy/examples/node", browserFolder}
}

// NodeModules returns a folder of the cache whose node_modules holds the npm packages that the package-lock.json in a
// folder of this module names, such as "deploy/examples/node". Node.js finds them from there, and from any folder in
// which a link node_modules leads there. Nobody may write to it.
func NodeModules(t testing.TB, folder string) string {
	t.Helper()
	Live(t)
	dir, err := ensureNodeModules(t.Context(), t.Logf, folder)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// NodeProject returns a copy of a folder of this module, with its packages, to build and to run it outside the tree. It
// goes with the test.
func NodeProject(t testing.TB, folder string) string {
	t.Helper()
	modules := NodeModules(t, folder)
	dir := copyFolder(t, folder)
	if err := os.Symlink(filepath.Join(modules, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ensureNodeModules has npm install the packages, exactly those of the lock file, without running any script of theirs.
func ensureNodeModules(ctx context.Context, log Log, folder string) (string, error) {
	if err := require(ctx, log, map[string][]string{"node": {"nodejs"}, "npm": {"npm"}}); err != nil {
		return "", fmt.Errorf("npm packages of %s: %w", folder, err)
	}
	version, err := output(ctx, "", nil, "node", "--version")
	if err != nil {
		return "", err
	}
	return ensurePackages(ctx, log, packageFolder{
		folder:  folder,
		files:   []string{"package.json", "package-lock.json"},
		client:  "npm",
		runtime: "node-" + strings.TrimSpace(version),
		install: func(dir string) error {
			return run(ctx, dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
		},
	})
}
