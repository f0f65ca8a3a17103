package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Binary builds a command of this module, such as "./cmd/traceslo", with further flags of go build, such as -race, and
// returns its path. Whoever comes first builds it; after that it takes a moment, until a source file changes.
func Binary(t testing.TB, pkg string, flags ...string) string {
	t.Helper()
	path, err := binary(t.Context(), pkg, flags)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func binary(ctx context.Context, pkg string, flags []string) (string, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	// One folder for each checkout and set of flags.
	dir := filepath.Join(cache, "bin", contentHash([]byte(strings.Join(append([]string{root, pkg}, flags...), "\x00"))))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	path := filepath.Join(dir, filepath.Base(pkg))
	args := append([]string{"build", "-o", path}, flags...)
	if err := run(ctx, root, "go", append(args, pkg)...); err != nil {
		return "", fmt.Errorf("build %q: %w", pkg, err)
	}
	return path, nil
}

// moduleRoot returns the folder of the module that the tests run in.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := output(ctx, "", nil, "go", "env", "GOMOD")
	if err != nil {
		return "", err
	}
	file := strings.TrimSpace(out)
	if file == "" || file == os.DevNull {
		return "", errors.New("not inside a Go module")
	}
	return filepath.Dir(file), nil
}
