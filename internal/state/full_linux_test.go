package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/traceslo/traceslo/internal/state"
)

func TestAFullDiskIsReadOnAndWrittenOnWhenThereIsRoom(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a file system of a known size cannot be mounted: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	path := filepath.Join(dir, state.FileName)
	ballast := filepath.Join(dir, "ballast")
	write(t, ballast, make([]byte, 2<<20))
	s := open(t, path)
	for range 2 {
		if err := fillUp(s); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(ballast); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := state.Compact(path); !errors.Is(err, state.ErrFull) {
		t.Errorf("Compact on a full disk = %v, want ErrFull", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("there are %v, want the file alone", entries)
	}
	if _, err := state.Check(path); err != nil {
		t.Error(err)
	}
	write(t, ballast, nil)
	if err := fillDisk(ballast); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Open(filepath.Join(dir, "another.db")); !errors.Is(err, state.ErrFull) {
		t.Errorf("creating a file on a full disk = %v, want ErrFull", err)
	}
	open(t, path)
}

// fillDisk makes the file grow until the disk is full.
func fillDisk(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		if _, err := f.Write(make([]byte, pageSize)); errors.Is(err, syscall.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
