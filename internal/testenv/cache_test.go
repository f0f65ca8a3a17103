package testenv

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestEnsureFillsOnceHoweverManyAsk(t *testing.T) {
	cache := t.TempDir()
	var fills atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			dir, err := ensure(cache, "a/b", t.Logf, func(dir string) error {
				fills.Add(1)
				return os.WriteFile(filepath.Join(dir, "f"), []byte("whole"), 0o600)
			})
			if err != nil {
				t.Error(err)
			}
			if got := read(filepath.Join(dir, "f")); got != "whole" {
				t.Errorf("got %q, want the whole file", got)
			}
		})
	}
	group.Wait()
	if got := fills.Load(); got != 1 {
		t.Errorf("filled %d times, want once", got)
	}
}

func TestEnsureLeavesNothingOfAFailedFill(t *testing.T) {
	cache := t.TempDir()
	broken := errors.New("broken off")
	_, err := ensure(cache, "a", t.Logf, func(dir string) error {
		return errors.Join(broken, os.WriteFile(filepath.Join(dir, "half"), nil, 0o600))
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want %v", err, broken)
	}
	// A killed process leaves its temporary folder behind.
	if err := os.MkdirAll(filepath.Join(cache, "tmp", "a", "left"), 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := ensure(cache, "a", t.Logf, func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("got %v, %v, want an empty folder", entries, err)
	}
}

func TestReachable(t *testing.T) {
	open := OpenDir(t)
	closed := filepath.Join(open, "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{
		open:                            true,
		filepath.Join(open, "not yet"):  true,
		closed:                          false,
		filepath.Join(closed, "a", "b"): false,
	} {
		if got := reachable(dir); got != want {
			t.Errorf("reachable(%q) = %t, want %t", dir, got, want)
		}
	}
}
