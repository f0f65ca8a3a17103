package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/state"
)

func TestDamageWhileTheFileIsOpenIsAnErrorAndNoHang(t *testing.T) {
	h := makeHistory(t)
	image, now, _ := h.last()
	for _, size := range []int64{0, pageSize, 3 * pageSize, int64(len(image)) / 2} {
		t.Run(fmt.Sprintf("cut to %d bytes", size), func(t *testing.T) {
			path := newPath(t)
			write(t, path, image)
			s := open(t, path)
			if diff := cmp.Diff(now, mustRead(t, s)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			// A reader in the midst, and others that come.
			inside, cut := make(chan struct{}), make(chan struct{})
			errs := make(chan error)
			go func() {
				errs <- s.View(func(tx *state.Tx) error {
					close(inside)
					<-cut
					var err error
					for _, name := range tx.Buckets("") {
						err = errors.Join(err, tx.Bucket(name).ForEach(func(_, _ []byte) error { return nil }))
					}
					return err
				})
			}()
			<-inside
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
			close(cut)
			const more = 12
			for i := range more {
				go func() {
					if i%2 == 0 {
						_, err := read(s)
						errs <- err
						return
					}
					errs <- s.Update(put("counters", map[string]string{"k": random(rand.New(rand.NewPCG(1, uint64(i))), 30_000)}))
				}()
			}
			timeout := time.After(30 * time.Second)
			var damaged int
			for range more + 1 {
				select {
				case err := <-errs:
					if err != nil && !errors.Is(err, state.ErrDamaged) {
						t.Errorf("got %v, want ErrDamaged or none", err)
					}
					if err != nil {
						damaged++
					}
				case <-timeout:
					t.Fatal("still at it after 30 s")
				}
			}
			if damaged == 0 {
				t.Error("nobody was told")
			}
			if err := s.Update(put("counters", nil)); !errors.Is(err, state.ErrDamaged) {
				t.Errorf("Update afterwards = %v, want ErrDamaged", err)
			}
			closed := make(chan error)
			go func() { closed <- s.Close() }()
			select {
			case err := <-closed:
				if err != nil {
					t.Errorf("Close = %v", err)
				}
			case <-timeout:
				t.Fatal("Close: still at it after 30 s")
			}
			if size == 0 {
				open(t, path) // an empty file is a new one
				return
			}
			if _, err := state.Open(path); !errors.Is(err, state.ErrDamaged) {
				t.Errorf("Open afterwards = %v, want ErrDamaged", err)
			}
		})
	}
}

func TestNobodyWaitsForALockThatAPanicLeftBehind(t *testing.T) {
	h := makeHistory(t)
	image, _, _ := h.last()
	for range 5 {
		path := newPath(t)
		write(t, path, image)
		s := open(t, path)
		const crowd = 64
		errs := make(chan error, crowd)
		started := make(chan struct{}, crowd)
		for i := range crowd {
			go func() {
				for n := 0; ; n++ {
					do := s.View
					if i == 0 {
						do = s.Update
					}
					if err := do(func(*state.Tx) error { return nil }); err != nil {
						errs <- err
						return
					}
					if n == 0 {
						started <- struct{}{}
					}
				}
			}()
		}
		for range crowd {
			<-started
		}
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		timeout := time.After(30 * time.Second)
		for range crowd {
			select {
			case err := <-errs:
				if !errors.Is(err, state.ErrDamaged) {
					t.Errorf("got %v, want ErrDamaged", err)
				}
			case <-timeout:
				t.Fatal("still at it after 30 s")
			}
		}
	}
}

func TestAValueThatChangesWhileTheFileIsOpenIsNoticed(t *testing.T) {
	h := makeHistory(t)
	image, now, _ := h.last()
	key := "service-042/operation"
	value := now["counters"][key]
	own := errors.New("the function's own")
	uses := []struct {
		name  string
		reads bool // can be done in a View, too
		use   func(*state.Tx) error
	}{
		{"Get", true, func(tx *state.Tx) error {
			if got := tx.Bucket("counters").Get([]byte(key)); got != nil {
				t.Errorf("Get = %q, want nil", got)
			}
			return nil
		}},
		{"Get before an error", true, func(tx *state.Tx) error { tx.Bucket("counters").Get([]byte(key)); return own }},
		{"ForEach", true, func(tx *state.Tx) error {
			return tx.Bucket("counters").ForEach(func(k, v []byte) error {
				if string(k) == key {
					t.Errorf("ForEach handed over the damaged record")
				}
				return nil
			})
		}},
		{"Put", false, func(tx *state.Tx) error { _ = tx.Bucket("counters").Put([]byte(key), nil); return nil }},
		{"Delete", false, func(tx *state.Tx) error { _ = tx.Bucket("counters").Delete([]byte(key)); return nil }},
	}
	damage := func(t *testing.T) *state.Store {
		path := newPath(t)
		write(t, path, image)
		s := open(t, path)
		spoilt := []byte(value)
		spoilt[50] ^= 1
		exchange(t, path, []byte(value), spoilt)
		return s
	}
	for _, u := range uses {
		t.Run(u.name, func(t *testing.T) {
			s := damage(t)
			if err := s.Update(u.use); !errors.Is(err, state.ErrDamaged) {
				t.Errorf("Update = %v, want ErrDamaged", err)
			}
			if err := s.View(func(*state.Tx) error { return nil }); !errors.Is(err, state.ErrDamaged) {
				t.Errorf("View afterwards = %v, want ErrDamaged", err)
			}
			if !u.reads {
				return
			}
			s = damage(t)
			if err := s.View(u.use); !errors.Is(err, state.ErrDamaged) {
				t.Errorf("View = %v, want ErrDamaged", err)
			}
			if err := s.Update(func(*state.Tx) error { return nil }); !errors.Is(err, state.ErrDamaged) {
				t.Errorf("Update afterwards = %v, want ErrDamaged", err)
			}
		})
	}
	var written bytes.Buffer
	if _, err := damage(t).Backup(&written); !errors.Is(err, state.ErrDamaged) || written.Len() > 0 {
		t.Errorf("Backup = %v after %d bytes, want ErrDamaged before the first", err, written.Len())
	}
}

// exchange overwrites every place of the file that has these bytes with others,
// as many.
func exchange(t *testing.T, path string, old, other []byte) {
	t.Helper()
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found := 0
	for at := 0; ; at++ {
		i := bytes.Index(image[at:], old)
		if i < 0 {
			break
		}
		at += i
		found++
		if _, err := f.WriteAt(other, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	if found == 0 {
		t.Fatal("the bytes are not in the file")
	}
}

func TestForEachNoticesARecordThatWasExchangedWhileTheFileIsOpen(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	value := []byte("a value that is found easily")
	update(t, s, put("b", map[string]string{"k": string(value), "l": "another"}))
	exchange(t, path, seal("b", "k", value), seal("b", "k", []byte("a value of an older version!")))
	handed := ""
	err := s.View(func(tx *state.Tx) error {
		return tx.Bucket("b").ForEach(func(k, v []byte) error { handed += string(k); return nil })
	})
	if !errors.Is(err, state.ErrDamaged) || handed != "kl" {
		t.Errorf("View = %v after handing over %q, want ErrDamaged after all", err, handed)
	}
}
