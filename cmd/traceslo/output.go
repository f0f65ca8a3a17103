package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// An output is a file to be written.
type output struct {
	name    string
	content []byte
}

// writeAll writes the files into dir. Each is written beside its place first,
// and only when that went well for all of them do they take their places: after
// an error, a reader finds all of the old ones. A file that is as it was keeps its time.
func writeAll(dir string, files []output) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder %q: %w", dir, pathless(err))
	}
	temporary := map[string]string{} // by the final path
	defer func() {
		for _, name := range temporary {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if old, err := os.ReadFile(path); err == nil && string(old) == string(f.content) {
			continue
		}
		name, err := writeBeside(path, f.content)
		if name != "" {
			temporary[path] = name
		}
		if err != nil {
			return fmt.Errorf("write %q: %w", path, pathless(err))
		}
	}
	for path, name := range temporary {
		if err := os.Rename(name, path); err != nil {
			return fmt.Errorf("write %q: %w", path, pathless(err))
		}
		delete(temporary, path)
	}
	return nil
}

// writeBeside writes a file next to path and returns its name, "" if there is none.
func writeBeside(path string, content []byte) (name string, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(content); err != nil {
		return file.Name(), err
	}
	if err := file.Chmod(0o644); err != nil {
		return file.Name(), err
	}
	return file.Name(), file.Sync()
}

// pathless leaves the path out of an error that is told with it.
func pathless(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}
