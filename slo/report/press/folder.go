package press

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/traceslo/traceslo/slo/report"
)

// dueForm is how the name of a file tells when its run was due, in UTC: sorted
// by name, files are sorted by time.
const dueForm = "2006-01-02T1504Z"

// runName names one run of a report.
func runName(name string, due time.Time) string { return name + "_" + due.UTC().Format(dueForm) }

// A file is one format of a run.
type file struct {
	name    string
	content []byte
}

// A folder holds the files of a report, perhaps beside others.
type folder struct {
	path string
	// own is what a file of the report is named like, and leftover what one is
	// that was not finished.
	own, leftover *regexp.Regexp
}

func newFolder(path, name string) folder {
	var extensions []string
	for _, f := range report.Formats() {
		extensions = append(extensions, regexp.QuoteMeta(f.Extension()))
	}
	own := regexp.QuoteMeta(name) + `_([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{4}Z)(` + strings.Join(extensions, "|") + `)`
	return folder{path, regexp.MustCompile(`^` + own + `$`), regexp.MustCompile(`^\.` + own + `\.[0-9]+\.part$`)}
}

// write puts files into the folder, which it makes if it is missing: each beside
// its place first, and only when all of them are on the disk do they take their
// places. Whoever reads a file, after a crash too, finds the old one or the new one.
func (f folder) write(files []file) (err error) {
	if err := os.MkdirAll(f.path, 0o755); err != nil {
		return fmt.Errorf("make the folder %q: %w", f.path, pathless(err))
	}
	if err := f.sweep(); err != nil {
		return err
	}
	var temporary []string
	defer func() {
		for _, name := range temporary {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	for _, file := range files {
		name, err := f.writeBeside(file)
		if name != "" {
			temporary = append(temporary, name)
		}
		if err != nil {
			return fmt.Errorf("write %q: %w", filepath.Join(f.path, file.name), pathless(err))
		}
	}
	for _, file := range files {
		path := filepath.Join(f.path, file.name)
		if err := os.Rename(temporary[0], path); err != nil {
			return fmt.Errorf("write %q: %w", path, pathless(err))
		}
		temporary = temporary[1:]
	}
	return f.sync()
}

// writeBeside writes a file next to its place and returns where, "" for nowhere.
func (f folder) writeBeside(file file) (name string, err error) {
	to, err := os.CreateTemp(f.path, "."+file.name+".*.part")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if _, err := to.Write(file.content); err != nil {
		return to.Name(), err
	}
	if err := to.Chmod(0o644); err != nil {
		return to.Name(), err
	}
	return to.Name(), to.Sync()
}

// sync makes the names in the folder outlive a loss of power.
func (f folder) sync() error {
	dir, err := os.Open(f.path)
	if err == nil {
		err = errors.Join(dir.Sync(), dir.Close())
	}
	if err != nil {
		return fmt.Errorf("sync the folder %q: %w", f.path, pathless(err))
	}
	return nil
}

// sweep removes what runs left that were killed while they wrote.
func (f folder) sweep() error {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return fmt.Errorf("read the folder %q: %w", f.path, pathless(err))
	}
	for _, entry := range entries {
		if entry.Type().IsRegular() && f.leftover.MatchString(entry.Name()) {
			if err := f.remove(entry.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// prune removes the runs that keep does not hold, which is asked with how many
// later ones there are and when the run was due; the latest run stays. Runs that
// were due after upto are left alone, as if they were not there: one of two clocks
// was wrong, and nobody knows which. Files that are not named as the report's own
// are nobody's to remove.
func (f folder) prune(upto time.Time, keep func(later int, due time.Time) bool) error {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return fmt.Errorf("read the folder %q: %w", f.path, pathless(err))
	}
	runs := map[time.Time][]string{}
	for _, entry := range entries {
		m := f.own.FindStringSubmatch(entry.Name())
		if m == nil || !entry.Type().IsRegular() {
			continue
		}
		if due, err := time.Parse(dueForm, m[1]); err == nil && !due.After(upto) {
			runs[due] = append(runs[due], entry.Name())
		}
	}
	order := slices.SortedFunc(maps.Keys(runs), func(a, b time.Time) int { return b.Compare(a) })
	for later, due := range order {
		if later == 0 || keep(later, due) {
			continue
		}
		for _, name := range runs[due] {
			if err := f.remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f folder) remove(name string) error {
	if err := os.Remove(filepath.Join(f.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %q: %w", filepath.Join(f.path, name), pathless(err))
	}
	return nil
}

// pathless leaves the path out of an error that is told with it.
func pathless(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	if of, ok := errors.AsType[*os.LinkError](err); ok {
		return of.Err
	}
	return err
}
