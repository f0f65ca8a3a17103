// Package golden compares what a test made with a file under testdata.
//
// It serves the tests of packages that make text, and knows nothing of the text.
package golden

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Check fails t if the file at path does not hold exactly got. With
// UPDATE_GOLDEN=1 in the environment it writes got into the file instead:
//
//	UPDATE_GOLDEN=1 go test ./...
//
// and the difference is to be read in the version control's diff.
func Check(t testing.TB, path string, got []byte) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with UPDATE_GOLDEN=1", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); if that is meant, rewrite it with UPDATE_GOLDEN=1:\n%s", path, diff)
	}
}
