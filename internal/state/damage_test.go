package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/state"
)

const pageSize = 4096

// A history is a file as it was after each of several transactions.
type history struct {
	images [][]byte
	states []content
}

// last returns the newest image, what it holds, and what the transaction before it held.
func (h *history) last() (image []byte, now, before content) {
	n := len(h.images)
	return h.images[n-1], h.states[n-1], h.states[n-2]
}

// usedPages returns how many pages of a file are used, free ones included: what
// is beyond, it has grown in advance.
func usedPages(t testing.TB, image []byte) int {
	path := newPath(t)
	write(t, path, image)
	report, err := state.Check(path)
	if err != nil {
		t.Fatal(err)
	}
	return report.Pages
}

// random returns a text of n letters that does not compress into a pattern.
func random(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(r.UintN(26))
	}
	return string(b)
}

// makeHistory makes a file such as the daemon's: counters that are overwritten, a
// ledger that grows and loses its oldest, large blocks, a bucket that is small
// enough to lie within another's page, one without records.
func makeHistory(t testing.TB) *history {
	r := rand.New(rand.NewPCG(1, 2))
	path := newPath(t)
	s := open(t, path)
	h := &history{}
	for step := range 12 {
		update(t, s, func(tx *state.Tx) error {
			var errs []error
			counters := tx.Bucket("counters")
			for i := range 300 {
				if step == 0 || r.UintN(3) == 0 {
					errs = append(errs, counters.Put(fmt.Appendf(nil, "service-%03d/operation", i), []byte(random(r, 150))))
				}
			}
			ledger := tx.Bucket("ledger")
			for i := range 40 {
				errs = append(errs, ledger.Put(fmt.Appendf(nil, "%06d", step*40+i), []byte(random(r, 16+r.IntN(60)))))
				if step > 4 {
					errs = append(errs, ledger.Delete(fmt.Appendf(nil, "%06d", (step-5)*40+i)))
				}
			}
			blocks := tx.Bucket(fmt.Sprintf("blocks/%d", step/4))
			errs = append(errs, blocks.Put(fmt.Appendf(nil, "%d", step), []byte(random(r, 64<<10))))
			if step == 7 {
				errs = append(errs, tx.Drop("blocks/0"))
			}
			errs = append(errs, tx.Bucket("cursor").Put([]byte("shard"), fmt.Append(nil, step)))
			tx.Bucket("empty")
			return errors.Join(errs...)
		})
		image, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		h.images = append(h.images, image)
		h.states = append(h.states, mustRead(t, s))
	}
	return h
}

// A verdict is what came of opening a damaged file.
type verdict string

const (
	refused  verdict = "refused"
	kept     verdict = "kept"
	previous verdict = "previous"
)

// judge opens a damaged file, reads it, updates it and checks it. It returns
// an error unless all of that works and the content is now or before, or the
// file is refused with one of our errors.
func judge(path string, now, before content) (verdict, error) {
	// Nothing here has to outlive a power cut, and syncing takes most of the time.
	s, err := state.OpenUnsynced(path)
	if err != nil {
		if _, checkErr := state.Check(path); checkErr == nil {
			return "", fmt.Errorf("Open refused (%w) what Check passed", err)
		}
		if !isOurs(err) {
			return "", fmt.Errorf("Open: %w", err)
		}
		return refused, nil
	}
	defer s.Close()
	got, err := read(s)
	if err != nil {
		return "", fmt.Errorf("reading what Open passed: %w", err)
	}
	v := kept
	if !cmp.Equal(got, now) {
		if v = previous; !cmp.Equal(got, before) {
			return "", errors.New("the content is another")
		}
	}
	added := map[string]string{"new": strings.Repeat("n", 500), "service-007/operation": "overwritten"}
	if err := s.Update(put("counters", added)); err != nil {
		return "", fmt.Errorf("updating what Open passed: %w", err)
	}
	want := maps.Clone(got)
	want["counters"] = maps.Clone(got["counters"])
	maps.Copy(want["counters"], added)
	if got, err = read(s); err != nil || !cmp.Equal(got, want) {
		return "", fmt.Errorf("after an Update the content is another (%w)", err)
	}
	if err := s.Close(); err != nil {
		return "", fmt.Errorf("Close: %w", err)
	}
	if _, err := state.Check(path); err != nil {
		return "", fmt.Errorf("Check of what was updated: %w", err)
	}
	return v, nil
}

// within runs judge, which must end in reasonable time.
func within(t *testing.T, what string, path string, now, before content) verdict {
	t.Helper()
	type result struct {
		verdict
		error
	}
	done := make(chan result, 1)
	go func() {
		v, err := judge(path, now, before)
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		if r.error != nil {
			t.Errorf("%s: %v", what, r.error)
		}
		return r.verdict
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: still at it after 30 s", what)
		return ""
	}
}

func TestDamageIsRefusedOrDoesNoHarm(t *testing.T) {
	trials := 4000
	if testing.Short() {
		trials = 800
	}
	h := makeHistory(t)
	image, now, before := h.last()
	image = image[:usedPages(t, image)*pageSize]
	older := func(r *rand.Rand) []byte { return h.images[r.IntN(len(h.images)-1)] }
	kinds := []struct {
		name  string
		share int
		// spoil changes the copy of the image that it is given and says what it did.
		// meta holds if it changed no more than a meta page.
		spoil func(r *rand.Rand, b []byte) (spoilt []byte, what string, meta bool)
	}{
		{"a flipped bit", 6, func(r *rand.Rand, b []byte) ([]byte, string, bool) {
			at, bit := r.IntN(len(b)), r.IntN(8)
			b[at] ^= 1 << bit
			return b, fmt.Sprintf("bit %d of byte %d", bit, at), at < 2*pageSize
		}},
		{"a changed byte in the first 128 bytes of a page", 6, func(r *rand.Rand, b []byte) ([]byte, string, bool) {
			at, value := r.IntN(len(b)/pageSize)*pageSize+r.IntN(128), byte(r.UintN(256))
			b[at] = value
			return b, fmt.Sprintf("byte %d set to %d", at, value), at < 2*pageSize
		}},
		{"a changed byte in a meta page", 1, func(r *rand.Rand, b []byte) ([]byte, string, bool) {
			at, value := r.IntN(2)*pageSize+r.IntN(96), byte(r.UintN(256))
			b[at] = value
			return b, fmt.Sprintf("byte %d set to %d", at, value), true
		}},
		{"a file cut short", 1, func(r *rand.Rand, b []byte) ([]byte, string, bool) {
			n := r.IntN(len(b))
			if r.UintN(2) == 0 {
				n = n / pageSize * pageSize
			}
			// An empty file is a new one.
			n = max(n, 1)
			return b[:n], fmt.Sprintf("cut to %d bytes", n), false
		}},
		{"a page of zeros", 1, func(r *rand.Rand, b []byte) ([]byte, string, bool) {
			page := r.IntN(len(b) / pageSize)
			clear(b[page*pageSize:][:pageSize])
			return b, fmt.Sprintf("page %d cleared", page), page < 2
		}},
		{"a torn page", 3, func(r *rand.Rand, b []byte) ([]byte, string, bool) {
			old := older(r)
			page := r.IntN(min(len(old), len(b)) / pageSize)
			from, to := page*pageSize, (page+1)*pageSize
			if cut := from + 512*(1+r.IntN(7)); r.UintN(2) == 0 {
				from = cut
			} else {
				to = cut
			}
			copy(b[from:to], old[from:to])
			return b, fmt.Sprintf("bytes %d to %d of an older page %d", from, to, page), page < 2
		}},
		{"a page that was never written", 3, func(r *rand.Rand, b []byte) ([]byte, string, bool) {
			old := older(r)
			page := r.IntN(min(len(old), len(b)) / pageSize)
			copy(b[page*pageSize:][:pageSize], old[page*pageSize:])
			return b, fmt.Sprintf("an older page %d", page), page < 2
		}},
		{"two pages exchanged", 1, func(r *rand.Rand, b []byte) ([]byte, string, bool) {
			one, two := r.IntN(len(b)/pageSize), r.IntN(len(b)/pageSize)
			page := slices.Clone(b[one*pageSize:][:pageSize])
			copy(b[one*pageSize:], b[two*pageSize:][:pageSize])
			copy(b[two*pageSize:], page)
			return b, fmt.Sprintf("pages %d and %d exchanged", one, two), one < 2 && two < 2
		}},
		{"a page with the content of another", 1, func(r *rand.Rand, b []byte) ([]byte, string, bool) {
			one, two := r.IntN(len(b)/pageSize), r.IntN(len(b)/pageSize)
			copy(b[one*pageSize+8:][:pageSize-8], b[two*pageSize+8:])
			return b, fmt.Sprintf("page %d as page %d", two, one), one < 2
		}},
	}
	shares := 0
	for _, kind := range kinds {
		shares += kind.share
	}
	dir := t.TempDir()
	for i, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(i), 3))
			count := map[verdict]int{}
			path := filepath.Join(dir, fmt.Sprint(i))
			for range trials * kind.share / shares {
				b, what, meta := kind.spoil(r, slices.Clone(image))
				write(t, path, b)
				v := within(t, what, path, now, before)
				if v == previous && !meta {
					t.Errorf("%s: the content is that of the transaction before", what)
				}
				count[v]++
			}
			if count[refused] == 0 {
				t.Error("nothing was refused")
			}
			t.Log(count)
		})
	}
}

// TestEveryByteOfASmallFileIsRefusedOrDoesNoHarm leaves out only zeros deep in a page.
func TestEveryByteOfASmallFileIsRefusedOrDoesNoHarm(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	update(t, s, put("counters", map[string]string{"a": "1", "b": "2", "service-007/operation": "3"}))
	update(t, s, put("ledger", map[string]string{"c": random(rand.New(rand.NewPCG(1, 1)), 1200)}))
	now := mustRead(t, s)
	var backup bytes.Buffer
	if _, err := s.Backup(&backup); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := state.Compact(path); err != nil {
		t.Fatal(err)
	}
	compacted, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, image := range map[string][]byte{"backup": backup.Bytes(), "compacted": compacted} {
		t.Run(what, func(t *testing.T) {
			count := map[verdict]int{}
			for at := range image {
				if image[at] == 0 && at%pageSize > 128 || testing.Short() && at%7 != 0 {
					continue
				}
				b := slices.Clone(image)
				if b[at]++; at%2 == 0 {
					b[at] = ^image[at]
				}
				write(t, path, b)
				// Neither has a transaction before the last to fall back to.
				count[within(t, fmt.Sprintf("byte %d", at), path, now, now)]++
			}
			t.Log(count)
		})
	}
}
