// Package config reads strict YAML into typed values and says everything that
// is wrong with it at once, with file and line.
//
// It serves cmd/traceslo, which owns the file's shape, and the packages that
// own a section of it, which say what is wrong with their values as Faults.
// It knows no key by name: keys are the yaml tags of the structs it fills.
//
// What it accepts is a part of YAML, so that a file means what it seems to mean:
//
//   - Keys are those of the struct, each at most once. One document, no tags,
//     no anchors, aliases or merge keys: a value stands where it holds, and no
//     file can unfold into a greater one.
//   - The type of the key decides what a value is, not its look: yes is no
//     boolean, 1e3 no whole number, and 0123 stays the text it is.
//   - A section without keys holds its defaults; an empty file is a section.
//   - What has a short form may be written in full or short: window: 30d for
//     window: {rolling: 30d}, service: cart for service: [cart].
//   - ${NAME} in a value is the environment variable NAME, $$ a dollar sign.
//     What the environment gave is never printed, the ${NAME} is.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxSize bounds a file, so that a span file named by mistake is refused at once.
const maxSize = 4 << 20

// An Environment returns the value of the environment variable of that name,
// and whether there is one: os.LookupEnv, or a test's own.
type Environment func(name string) (string, bool)

// A Document is a file that was read: what is wrong with it, and where its
// values stand. Those of its methods that add nothing (all but Check and Include) may be called
// by several goroutines at once.
type Document struct {
	file string
	// lines holds the line of every path that the file has.
	lines map[string]int
	// expanded holds the values that came out of the environment.
	expanded []expansion
	problems []Problem
}

// Load reads the file at path into the struct that into points to, which
// holds the defaults. The error says that the file cannot be read at all;
// what is wrong with its content is in the Document's Problems, and a value
// with a fault keeps its default.
func Load(path string, env Environment, into any) (*Document, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, readError(path, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return nil, readError(path, err)
	}
	if len(text) > maxSize {
		return nil, readError(path, fmt.Errorf("larger than %d MiB, not a configuration", maxSize>>20))
	}
	return Parse(path, text, env, into), nil
}

// readError names the file once, quoted, whatever os made of it.
func readError(path string, err error) error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return fmt.Errorf("read %q: %w", path, err)
}

// Parse is Load for a text that is already in memory; file is the name it has
// in messages.
//
// It panics if into is no pointer to a struct or the struct has a field, with
// a yaml tag, of a type that a configuration cannot hold.
func Parse(file string, text []byte, env Environment, into any) *Document {
	d := &Document{file: file, lines: map[string]int{}}
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("config: cannot read into %T", into))
	}
	root, ok := d.parse(text)
	if ok && root != nil {
		w := &walker{doc: d, env: env}
		w.plain(root)
		w.value("", root, target.Elem())
	}
	return d
}

// parse returns the only document of text, nil if there is none, and whether
// it could be read.
func (d *Document) parse(text []byte) (*yaml.Node, bool) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, true
	case err != nil:
		d.syntax(err)
		return nil, false
	}
	root := first.Content[0]
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.syntax(err)
		return nil, false
	default:
		d.problem(second.Line, Fault{Problem: "a second document begins here", Cure: "keep everything in one, without ---"})
	}
	return root, true
}

var (
	syntaxLine  = regexp.MustCompile(`^line (\d+): `)
	parserError = regexp.MustCompile(`^did not find expected (key|node content|'-' indicator|',' or|<)`)
)

// syntax notes an error of the YAML parser, which holds its line in its text
// and, of the file, nothing but anchors' names.
func (d *Document) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
		if parserError.MatchString(text) {
			line++ // yaml.v3 counts from 0 in these
		}
	}
	d.problem(line, Fault{Problem: "not YAML: " + text, Cure: "indent with spaces, and quote values that hold any of :#{}[],&*!|>'\"%@`"})
}

// Check notes what a section's owner found wrong with it. Each fault's path is
// relative to the section, and its line is that of the nearest thing around it
// that the file has. Left out is what may only follow from a fault of the file
// itself, as a password is missing to its owner if its key was misspelt.
func (d *Document) Check(section string, faults []Fault) {
	read := d.problems
	for _, f := range faults {
		f.Path = join(section, f.Path)
		if follows(read, f.Path) {
			continue
		}
		f.Problem, f.Cure = d.mask(f.Path, f.Problem), d.mask(f.Path, f.Cure)
		d.problem(d.Line(f.Path), f)
	}
}

// follows tells whether the value at path, something around it, or something
// directly in it already has a fault.
func follows(read []Problem, path string) bool {
	return slices.ContainsFunc(read, func(p Problem) bool {
		return !p.Warning && p.Path != "" && (within(path, p.Path) || path != "" && parent(p.Path) == path)
	})
}

// File returns the name that the file has in messages.
func (d *Document) File() string { return d.file }

// Line returns the line of the value at path or else of the nearest thing
// around it that the file has; 0 if it has nothing.
func (d *Document) Line(path string) int {
	for {
		if line, ok := d.lines[path]; ok {
			return line
		}
		if path == "" {
			return 0
		}
		path = parent(path)
	}
}

func (d *Document) problem(line int, f Fault) {
	d.problems = append(d.problems, Problem{File: d.file, Line: line, Fault: f})
}

// join returns the path of the value at path within section.
func join(section, path string) string {
	switch {
	case section == "":
		return path
	case path == "" || path[0] == '[':
		return section + path
	}
	return section + "." + path
}

// parent returns the path of what the thing at path is in, "" for the file.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// within tells whether path is around or something inside it.
func within(path, around string) bool {
	rest, ok := strings.CutPrefix(path, around)
	return ok && (around == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}
