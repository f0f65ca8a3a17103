package testenv

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Whoever installs the packages says from which registry: a lock file that names one works only where that is to be had.
func TestLockFilesNameNoRegistry(t *testing.T) {
	locks := foldersWith(t, "package-lock.json")
	if !slices.Equal(locks, sortedCopy(npmFolders())) {
		t.Errorf("lock files are in %q, and npmFolders names %q", locks, npmFolders())
	}
	for _, folder := range locks {
		var lock struct {
			Packages map[string]struct{ Version, Resolved, Integrity string }
		}
		if err := json.Unmarshal([]byte(readInTree(t, folder, "package-lock.json")), &lock); err != nil {
			t.Fatalf("%s: %v", folder, err)
		}
		if len(lock.Packages) < 2 {
			t.Errorf("%s: the lock file names no package", folder)
		}
		for name, p := range lock.Packages {
			if p.Resolved != "" {
				t.Errorf("%s: %s is resolved at %q; omit-lockfile-registry-resolved=true in %s/.npmrc keeps it out", folder, name, p.Resolved, folder)
			}
			if name != "" && p.Integrity == "" {
				t.Errorf("%s: %s has no hash", folder, name)
			}
		}
	}
}

func TestRequirementsNameNoRegistry(t *testing.T) {
	folders := foldersWith(t, "requirements.txt")
	if !slices.Equal(folders, sortedCopy(pipFolders())) {
		t.Errorf("requirements are in %q, and pipFolders names %q", folders, pipFolders())
	}
	pinned := regexp.MustCompile(`^[a-z0-9-]+==[^ ]+ \\\n    --hash=sha256:`)
	for _, folder := range folders {
		text := readInTree(t, folder, "requirements.txt")
		if strings.Contains(text, "://") || regexp.MustCompile(`(?m)^-`).MatchString(text) {
			t.Errorf("%s: the requirements hold an address or an option", folder)
		}
		requirements := regexp.MustCompile(`(?m)^[a-z]`).FindAllStringIndex(text, -1)
		if len(requirements) == 0 {
			t.Errorf("%s: the requirements name no package", folder)
		}
		for _, at := range requirements {
			if !pinned.MatchString(text[at[0]:]) {
				line, _, _ := strings.Cut(text[at[0]:], "\n")
				t.Errorf("%s: %q is not pinned by version and hash", folder, line)
			}
		}
	}
}

func TestPackagesAnswerForAChangedLockFile(t *testing.T) {
	t.Setenv("TRACESLO_CACHE", t.TempDir())
	get := func(runtime string, files ...string) string {
		t.Helper()
		dir, err := ensurePackages(t.Context(), t.Logf, packageFolder{
			folder: npmFolders()[0], files: files, client: "npm", runtime: runtime,
			install: func(dir string) error {
				for _, name := range files {
					if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
						return err
					}
				}
				return os.Mkdir(filepath.Join(dir, "node_modules"), 0o755)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	first := get("node-v18", "package.json")
	if got := get("node-v18", "package.json"); got != first {
		t.Errorf("the same files are in %q and %q", first, got)
	}
	if got := get("node-v20", "package.json"); got == first {
		t.Errorf("packages for two versions of what runs them are both in %q", got)
	}
	if got := get("node-v18", "package.json", "package-lock.json"); got == first {
		t.Errorf("packages of two lock files are both in %q", got)
	}
}

// foldersWith returns the folders of this module that hold a file of a name, apart from those that git ignores.
func foldersWith(t *testing.T, name string) []string {
	t.Helper()
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "node_modules", "venv"}, d.Name()) {
			return filepath.SkipDir
		}
		if d.Name() == name {
			folder, err := filepath.Rel(root, filepath.Dir(path))
			folders = append(folders, filepath.ToSlash(folder))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sortedCopy(folders)
}

func sortedCopy(s []string) []string { return slices.Sorted(slices.Values(s)) }

func readInTree(t *testing.T, folder, name string) string {
	t.Helper()
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(folder), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
