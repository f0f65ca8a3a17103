package testenv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// A packageFolder is a folder of this module whose files name packages of another language, each in one version.
type packageFolder struct {
	folder  string   // From the module's root, with slashes.
	files   []string // What names the packages; they are copied to where these are installed.
	client  string   // Of the registry.
	runtime string   // What runs the packages, and its version.
	// install installs the packages into a folder that holds the files.
	install func(dir string) error
}

// preparePackages brings the packages of all folders into the cache.
func preparePackages(ctx context.Context, log Log) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, folder := range npmFolders() {
		group.Go(func() error {
			_, err := ensureNodeModules(ctx, log, folder)
			return err
		})
	}
	for _, folder := range pipFolders() {
		group.Go(func() error {
			_, err := ensureEnvironment(ctx, log, folder)
			return err
		})
	}
	return group.Wait()
}

// ensurePackages returns the folder of the cache in which the packages are, and installs them if it is not there. Other
// files, or another version of what runs them, have another folder.
func ensurePackages(ctx context.Context, log Log, p packageFolder) (string, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	files := map[string]string{}
	var all strings.Builder
	for _, name := range p.files {
		b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p.folder), name))
		if err != nil {
			return "", fmt.Errorf("%s packages of %s: %w", p.client, p.folder, err)
		}
		files[name] = string(b)
		fmt.Fprintf(&all, "%s %d\n%s", name, len(b), b)
	}
	name := fmt.Sprintf("%s/%s-%s-%s", p.client, strings.ReplaceAll(p.folder, "/", "_"), contentHash([]byte(all.String())), p.runtime)
	return ensure(cache, name, log, func(dir string) error {
		if err := writeFiles(dir, files); err != nil {
			return err
		}
		return p.install(dir)
	})
}

// copyFolder returns a copy of the sources in a folder of this module that goes with the test.
func copyFolder(t testing.TB, folder string) string {
	t.Helper()
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	from, to := filepath.Join(root, filepath.FromSlash(folder)), t.TempDir()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		// Whoever has built the folder where it is has these besides; git ignores them.
		if slices.Contains([]string{"node_modules", "build", "venv", "__pycache__"}, e.Name()) {
			continue
		}
		if err := copyEntry(filepath.Join(from, e.Name()), filepath.Join(to, e.Name()), e); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func copyEntry(from, to string, e os.DirEntry) error {
	if e.IsDir() {
		return os.CopyFS(to, os.DirFS(from))
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}
