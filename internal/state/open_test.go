package state_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/traceslo/traceslo/internal/state"
)

func TestAFileThatIsOpenIsLocked(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	if _, err := state.Open(path); !errors.Is(err, state.ErrLocked) {
		t.Errorf("Open = %v, want ErrLocked", err)
	}
	if _, err := state.Check(path); !errors.Is(err, state.ErrLocked) {
		t.Errorf("Check = %v, want ErrLocked", err)
	}
	if _, _, err := state.Compact(path); !errors.Is(err, state.ErrLocked) {
		t.Errorf("Compact = %v, want ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("the second Close = %v, want nil", err)
	}
	if err := s.Update(put("b", nil)); err == nil {
		t.Error("Update after Close succeeded")
	}
	open(t, path)
}

func TestWhatCannotBeOpenedIsRefusedWithACure(t *testing.T) {
	bolt := func(t *testing.T, path string, pageSize int, fill func(*bbolt.Tx) error) {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: pageSize})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(fill); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	somebody := func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("somebody's")); return err }
	tests := []struct {
		name string
		lay  func(t *testing.T, path string)
		want error
		says string
	}{
		{"a text file", func(t *testing.T, path string) { write(t, path, []byte("source:\n")) }, state.ErrForeign, "move it away"},
		{"a long text file", func(t *testing.T, path string) { write(t, path, bytes.Repeat([]byte("text "), 10_000)) }, state.ErrForeign, "move it away"},
		{"zeros", func(t *testing.T, path string) { write(t, path, make([]byte, 100_000)) }, state.ErrForeign, "move it away"},
		{"somebody's bbolt file", func(t *testing.T, path string) { bolt(t, path, 4096, somebody) }, state.ErrForeign, "move it away"},
		{"somebody's bbolt file with other pages", func(t *testing.T, path string) { bolt(t, path, 16384, somebody) }, state.ErrForeign, "move it away"},
		{"a bbolt file with nothing in it", func(t *testing.T, path string) { bolt(t, path, 4096, func(*bbolt.Tx) error { return nil }) }, state.ErrForeign, "move it away"},
		{"a file in a newer format", newer, state.ErrNewer, "use that version or restore a backup"},
		{"the beginning of a file", func(t *testing.T, path string) {
			open(t, path).Close()
			if err := os.Truncate(path, 5000); err != nil {
				t.Fatal(err)
			}
		}, state.ErrDamaged, "restore a backup"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := newPath(t)
			test.lay(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range opened(path) {
				if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %v, want %q, the file's name, and %q", err, test.want, test.says)
				}
			}
			after, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
			if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
				t.Errorf("%v lie beside it, want the file alone", entries)
			}
		})
	}
}

func TestAPathThatLeadsNowhereIsSaidPlainly(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "none", state.FileName)
	if _, err := state.Open(missing); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "create it") {
		t.Errorf("Open in a missing directory = %v, want fs.ErrNotExist and a cure", err)
	}
	if _, err := state.Open(dir); err == nil {
		t.Error("Open of a directory succeeded")
	}
	if _, err := state.Check(filepath.Join(dir, state.FileName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Check of a missing file = %v, want fs.ErrNotExist", err)
	}
	if _, _, err := state.Compact(filepath.Join(dir, state.FileName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Compact of a missing file = %v, want fs.ErrNotExist", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%v were left behind", entries)
	}
}

func TestAnEmptyFileIsMadeAStateFile(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "volume.db")
	write(t, target, nil)
	// What a crash while creating leaves.
	write(t, target+".new", []byte("half"))
	path := filepath.Join(dir, state.FileName)
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	update(t, s, put("b", map[string]string{"k": "v"}))
	info, err := os.Lstat(target)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("the mode is %v, want -rw-------", info.Mode())
	}
	if s.Size() != info.Size() {
		t.Errorf("Size = %d, want %d", s.Size(), info.Size())
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("there are %v, want the file and the link", entries)
	}
}
