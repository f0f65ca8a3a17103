package elastic

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// lookEvery is how often a file is looked at for changes, at most.
const lookEvery = time.Second

// A watch tells when files have changed, as those of a mounted secret do. It
// has no lock of its own.
type watch struct {
	names  []string
	seen   []fs.FileInfo
	looked time.Time
}

// newWatch watches the files whose names are not empty. It takes them for read now.
func newWatch(now time.Time, names ...string) *watch {
	w := &watch{looked: now}
	for _, name := range names {
		if name != "" {
			w.names = append(w.names, name)
		}
	}
	w.seen = w.look()
	return w
}

// changed returns whether a file is another one than when changed last
// returned true. It looks at most once in lookEvery.
func (w *watch) changed(now time.Time) bool {
	if len(w.names) == 0 || now.Sub(w.looked) < lookEvery {
		return false
	}
	w.looked = now
	infos := w.look()
	for i, info := range infos {
		if !sameFile(w.seen[i], info) {
			w.seen = infos
			return true
		}
	}
	return false
}

// again has changed return true at the next look: what was read then was not whole.
func (w *watch) again() { clear(w.seen) }

func (w *watch) look() []fs.FileInfo {
	infos := make([]fs.FileInfo, len(w.names))
	for i, name := range w.names {
		// A missing file counts as changed when it is there again.
		infos[i], _ = os.Stat(name)
	}
	return infos
}

func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// readSecret returns what a file holds but its last line end. The error names
// the file and holds nothing of it.
func readSecret(name string) (string, error) {
	b, err := readSmall(name)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	switch {
	case secret == "":
		return "", fmt.Errorf("%q is empty", name)
	case !isOneLine(secret):
		return "", fmt.Errorf("%q has more than one line, or control characters", name)
	}
	return secret, nil
}

func isOneLine(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// readSmall returns what a file of a few kilobytes holds.
func readSmall(name string) ([]byte, error) {
	const most = 1 << 20
	file, err := os.Open(name)
	if err != nil {
		return nil, fileError(name, err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, fileError(name, err)
	}
	if len(b) > most {
		return nil, fmt.Errorf("%q is larger than %d bytes", name, most)
	}
	return b, nil
}

// fileError names the file once, quoted, whatever os made of it.
func fileError(name string, err error) error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return fmt.Errorf("read %q: %w", name, err)
}
