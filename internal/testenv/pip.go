package testenv

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// pipFolders returns the folders of this module whose requirements.txt names packages that tests need.
func pipFolders() []string {
	return []string{"deploy/examples/python", schemathesisFolder}
}

// Python returns the path of a Python in whose virtual environment are the packages that the requirements.txt in a
// folder of this module names, such as "deploy/examples/python". The programs that packages bring are run by its -m:
// those beside it name the folder in which they were made.
func Python(t testing.TB, folder string) string {
	t.Helper()
	Live(t)
	dir, err := ensureEnvironment(t.Context(), t.Logf, folder)
	if err != nil {
		t.Fatal(err)
	}
	return pythonOf(dir)
}

// PythonProject returns a copy of a folder of this module, to run it outside the tree. It goes with the test.
func PythonProject(t testing.TB, folder string) string {
	t.Helper()
	return copyFolder(t, folder)
}

func pythonOf(environment string) string { return filepath.Join(environment, "bin", "python3") }

// ensureEnvironment has pip install the packages into a virtual environment, exactly those of the file and each only
// with a hash that it names.
func ensureEnvironment(ctx context.Context, log Log, folder string) (string, error) {
	if err := requireVenv(ctx, log); err != nil {
		return "", fmt.Errorf("Python packages of %s: %w", folder, err)
	}
	version, err := output(ctx, "", nil, "python3", "--version")
	if err != nil {
		return "", err
	}
	return ensurePackages(ctx, log, packageFolder{
		folder:  folder,
		files:   []string{"requirements.txt"},
		client:  "pip",
		runtime: strings.ToLower(strings.ReplaceAll(strings.TrimSpace(version), " ", "-")),
		install: func(dir string) error {
			if err := run(ctx, dir, "python3", "-m", "venv", "."); err != nil {
				return err
			}
			return run(ctx, dir, pythonOf(dir), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
				"--require-hashes", "--requirement", "requirements.txt")
		},
	})
}
