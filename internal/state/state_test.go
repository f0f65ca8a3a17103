package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/state"
)

// kinds are the errors that a file may be refused with.
var kinds = []error{state.ErrLocked, state.ErrDamaged, state.ErrNewer, state.ErrForeign, state.ErrFull}

// isOurs holds for an error of one of the kinds.
func isOurs(err error) bool {
	return slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) })
}

// newPath returns where a file of the test can lie.
func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), state.FileName) }

func open(t testing.TB, path string) *state.Store {
	t.Helper()
	s, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func update(t testing.TB, s *state.Store, fn func(*state.Tx) error) {
	t.Helper()
	if err := s.Update(fn); err != nil {
		t.Fatal(err)
	}
}

// content is what a state holds: by bucket, then key.
type content map[string]map[string]string

// read returns everything in the store, and an error if what Get and ForEach say differs.
func read(s *state.Store) (content, error) {
	all := content{}
	err := s.View(func(tx *state.Tx) error {
		for _, name := range tx.Buckets("") {
			records := map[string]string{}
			b := tx.Bucket(name)
			err := b.ForEach(func(k, v []byte) error {
				records[string(k)] = string(v)
				if !bytes.Equal(b.Get(k), v) {
					return fmt.Errorf("bucket %q, key %q: Get and ForEach differ", name, k)
				}
				return nil
			})
			if err != nil {
				return err
			}
			all[name] = records
		}
		return nil
	})
	return all, err
}

func mustRead(t testing.TB, s *state.Store) content {
	t.Helper()
	all, err := read(s)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// put returns a function that puts the records into the bucket.
func put(bucket string, records map[string]string) func(*state.Tx) error {
	return func(tx *state.Tx) error {
		b := tx.Bucket(bucket)
		for _, k := range slices.Sorted(maps.Keys(records)) {
			if err := b.Put([]byte(k), []byte(records[k])); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestWhatIsCommittedIsThereAfterReopening(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	update(t, s, put("ledger", map[string]string{"a": "1", "b": "", "c": strings.Repeat("x", 100_000)}))
	update(t, s, put("cursor", map[string]string{"a": "another"}))
	update(t, s, func(tx *state.Tx) error {
		tx.Bucket("empty")
		return tx.Bucket("ledger").Delete([]byte("a"))
	})
	want := content{
		"ledger": {"b": "", "c": strings.Repeat("x", 100_000)},
		"cursor": {"a": "another"},
		"empty":  {},
	}
	if diff := cmp.Diff(want, mustRead(t, s)); diff != "" {
		t.Errorf("before reopening (-want +got):\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, mustRead(t, open(t, path))); diff != "" {
		t.Errorf("after reopening (-want +got):\n%s", diff)
	}
}

func TestAnUpdateSeesWhatItWrote(t *testing.T) {
	s := open(t, newPath(t))
	update(t, s, put("dropped", map[string]string{"k": "old"}))
	update(t, s, func(tx *state.Tx) error {
		b := tx.Bucket("b")
		value := []byte("first")
		if err := b.Put([]byte("k"), value); err != nil {
			return err
		}
		copy(value, "wrong")
		if got := b.Get([]byte("k")); string(got) != "first" {
			t.Errorf("Get = %q after the caller reused its value, want %q", got, "first")
		}
		if got := b.Get([]byte("b")); got != nil {
			t.Errorf("Get of a missing key = %q, want nil", got)
		}
		if err := tx.Drop("dropped"); err != nil {
			return err
		}
		if got, want := tx.Buckets(""), []string{"b"}; !slices.Equal(got, want) {
			t.Errorf("Buckets = %q, want %q", got, want)
		}
		if err := tx.Bucket("dropped").Put([]byte("k"), []byte("new")); err != nil {
			return err
		}
		n := 0
		if err := tx.Bucket("dropped").ForEach(func(_, v []byte) error { n++; return nil }); err != nil {
			return err
		}
		if n != 1 {
			t.Errorf("a bucket that was dropped and filled anew has %d records, want 1", n)
		}
		return nil
	})
	want := content{"b": {"k": "first"}, "dropped": {"k": "new"}}
	if diff := cmp.Diff(want, mustRead(t, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnUpdateThatFailsLeavesNoTrace(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	update(t, s, put("b", map[string]string{"k": "kept"}))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wrong := errors.New("the caller's own")
	change := func(tx *state.Tx) {
		_ = tx.Bucket("b").Put([]byte("k"), []byte("lost"))
		_ = tx.Bucket("new").Put([]byte("k"), []byte("lost"))
		_ = tx.Drop("b")
	}
	if err := s.Update(func(tx *state.Tx) error { change(tx); return wrong }); err != wrong {
		t.Errorf("Update = %v, want the function's error as it is", err)
	}
	func() {
		defer func() {
			if r := recover(); r != wrong {
				t.Errorf("Update let out the panic %v, want the function's", r)
			}
		}()
		_ = s.Update(func(tx *state.Tx) error { change(tx); panic(wrong) })
	}()
	if err := s.Update(func(tx *state.Tx) error { change(tx); tx.Bucket("\x00"); return nil }); err == nil {
		t.Error("Update with a reserved bucket name succeeded")
	}
	if diff := cmp.Diff(content{"b": {"k": "kept"}}, mustRead(t, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the file changed")
	}
	update(t, s, put("b", map[string]string{"k": "changed"}))
}

func TestAnUpdateThatChangesNothingWritesNothing(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	update(t, s, put("b", map[string]string{"k": "v"}))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	update(t, s, put("b", map[string]string{"k": "v"}))
	update(t, s, func(tx *state.Tx) error { return tx.Bucket("b").Delete([]byte("missing")) })
	update(t, s, func(tx *state.Tx) error { return tx.Drop("missing") })
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the file changed")
	}
}

func TestMisuseIsAnErrorAndNoHarm(t *testing.T) {
	s := open(t, newPath(t))
	update(t, s, put("b", map[string]string{"k": "v"}))
	mistakes := []struct {
		name string
		do   func(*state.Tx) error
		view bool
	}{
		{"Put in a View", func(tx *state.Tx) error { return tx.Bucket("b").Put([]byte("k"), nil) }, true},
		{"Put into a missing bucket in a View", func(tx *state.Tx) error { return tx.Bucket("c").Put([]byte("k"), nil) }, true},
		{"Delete in a View", func(tx *state.Tx) error { return tx.Bucket("b").Delete([]byte("k")) }, true},
		{"Drop in a View", func(tx *state.Tx) error { return tx.Drop("b") }, true},
		{"an empty key", func(tx *state.Tx) error { return tx.Bucket("b").Put(nil, nil) }, false},
		{"a key that is too long", func(tx *state.Tx) error { return tx.Bucket("b").Put(make([]byte, 40_000), nil) }, false},
		{"an empty bucket name", func(tx *state.Tx) error { return tx.Bucket("").Put([]byte("k"), nil) }, false},
		{"a bucket name that is too long", func(tx *state.Tx) error { tx.Bucket(strings.Repeat("n", 2000)); return nil }, false},
		{"dropping what is reserved", func(tx *state.Tx) error { return tx.Drop("\x00") }, false},
		{"using a bucket that was dropped", func(tx *state.Tx) error {
			b := tx.Bucket("b")
			if err := tx.Drop("b"); err != nil {
				return fmt.Errorf("not meant to fail: %w", err)
			}
			return b.Put([]byte("k"), nil)
		}, false},
		{"Put while walking", func(tx *state.Tx) error {
			return tx.Bucket("b").ForEach(func(k, _ []byte) error { return tx.Bucket("b").Put([]byte("z"), nil) })
		}, false},
		{"Drop while walking", func(tx *state.Tx) error {
			return tx.Bucket("b").ForEach(func(_, _ []byte) error { return tx.Drop("b") })
		}, false},
	}
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			do := s.Update
			if m.view {
				do = s.View
			}
			err := do(m.do)
			if err == nil || isOurs(err) || strings.Contains(err.Error(), "not meant") {
				t.Errorf("got %v, want an error of use", err)
			}
			if diff := cmp.Diff(content{"b": {"k": "v"}}, mustRead(t, s)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBucketsAreListedByPrefix(t *testing.T) {
	s := open(t, newPath(t))
	update(t, s, func(tx *state.Tx) error {
		for _, name := range []string{"b/2", "a", "b/1", "c", "b"} {
			tx.Bucket(name)
		}
		return nil
	})
	for prefix, want := range map[string][]string{"b/": {"b/1", "b/2"}, "": {"a", "b", "b/1", "b/2", "c"}, "\x00": nil, "d": nil} {
		err := s.View(func(tx *state.Tx) error {
			if got := tx.Buckets(prefix); !slices.Equal(got, want) {
				t.Errorf("Buckets(%q) = %q, want %q", prefix, got, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestViewsRunBesideAnUpdateOnTheStateOfTheirBeginning(t *testing.T) {
	s := open(t, newPath(t))
	update(t, s, put("b", map[string]string{"k": "old"}))
	err := s.View(func(tx *state.Tx) error {
		written := make(chan error)
		go func() { written <- s.Update(put("b", map[string]string{"k": "new"})) }()
		if err := <-written; err != nil {
			return err
		}
		if got := tx.Bucket("b").Get([]byte("k")); string(got) != "old" {
			t.Errorf("Get = %q, want %q", got, "old")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := mustRead(t, s)["b"]["k"]; got != "new" {
		t.Errorf("after the View: %q, want %q", got, "new")
	}
}

// write writes a file that only its owner can read. It is a new file: some file
// systems sync one that is cut and written again.
func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
