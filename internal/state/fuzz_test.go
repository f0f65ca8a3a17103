package state_test

import (
	"encoding/binary"
	"hash/fnv"
	"testing"

	"github.com/traceslo/traceslo/internal/state"
)

// FuzzOpen opens arbitrary bytes. With mend the checksums of the meta pages are set
// right first, so that what is behind them is reached.
func FuzzOpen(f *testing.F) {
	path := newPath(f)
	s := open(f, path)
	f.Add([]byte("source:\n"), false)
	f.Add(make([]byte, 3*pageSize), true)
	for _, n := range []int{0, 1, 50} {
		update(f, s, func(tx *state.Tx) error {
			for i := range n {
				if err := tx.Bucket("b").Put([]byte{byte(i)}, make([]byte, 100)); err != nil {
					return err
				}
			}
			tx.Bucket("small")
			return nil
		})
		var backup sliceWriter
		if _, err := s.Backup(&backup); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(backup), false)
		f.Add([]byte(backup), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		if mend && len(b) >= 2*pageSize {
			for _, meta := range [][]byte{b[16:pageSize], b[pageSize+16 : 2*pageSize]} {
				sum := fnv.New64a()
				sum.Write(meta[:56])
				binary.NativeEndian.PutUint64(meta[56:], sum.Sum64())
			}
		}
		path := newPath(t)
		write(t, path, b)
		s, err := state.OpenUnsynced(path)
		if err != nil {
			if !isOurs(err) {
				t.Errorf("Open: %v", err)
			}
			return
		}
		defer s.Close()
		if _, err := read(s); err != nil {
			t.Errorf("reading what Open passed: %v", err)
		}
		if err := s.Update(put("b", map[string]string{"k": "v", "l": string(make([]byte, 5000))})); err != nil {
			t.Errorf("updating what Open passed: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if _, err := state.Check(path); err != nil {
			t.Errorf("Check of what was updated: %v", err)
		}
	})
}

// sliceWriter is what was written to it.
type sliceWriter []byte

func (w *sliceWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
