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
// and only when that went well for all of them do they take their places, one
// after the other: no reader finds half a file, and after an error he finds all
// of the old ones, unless the system fails between two renames. A file that is
// as it was keeps its time.
func writeAll(dir string, files []output) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder %q: %w", dir, pathless(err))
	}
	var paths, temporary []string // in the order of the files
	defer func() {
		for _, name := range temporary {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if old, err := os.Lstat(path); err == nil && !old.Mode().IsRegular() {
			return fmt.Errorf("write %q: something that is no file is in its place; move it away", path)
		}
		if old, err := os.ReadFile(path); err == nil && string(old) == string(f.content) {
			continue
		}
		name, err := writeBeside(path, f.content)
		if name != "" {
			paths, temporary = append(paths, path), append(temporary, name)
		}
		if err != nil {
			return fmt.Errorf("write %q: %w", path, pathless(err))
		}
	}
	for _, path := range paths {
		if err := os.Rename(temporary[0], path); err != nil {
			return fmt.Errorf("write %q: %w", path, pathless(err))
		}
		temporary = temporary[1:]
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
	if of, ok := errors.AsType[*os.LinkError](err); ok {
		return of.Err
	}
	return err
}

// writeAll writes the files as the function of that name does, and then their names.
func (std stdio) writeAll(dir string, files []output) error {
	if err := writeAll(dir, files); err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintln(std.out, filepath.Join(dir, f.name))
	}
	return nil
}
