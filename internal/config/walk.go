package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// A walker goes along a tree of YAML nodes and a Go value of the same shape.
type walker struct {
	doc *Document
	env Environment
	// around are the sections around what is read, from the whole file inwards.
	around []section
}

// plain notes what the tree under n has and a configuration may not: anchors,
// aliases, merge keys, tags. It follows no alias, so that it ends.
func (w *walker) plain(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		w.fault("", n, "anchors and aliases (& and *) are not read", "write the value out")
	case n.Tag == mergeTag:
		w.fault("", n, "merge keys (<<) are not read", "write the keys out")
	case n.Style&yaml.TaggedStyle != 0:
		w.fault("", n, fmt.Sprintf("the tag %q is not read", clip(n.Tag)), "leave it out: the key says what a value is")
	}
	for _, child := range n.Content {
		w.plain(child)
	}
}

const mergeTag = "!!merge"

// value reads n into v. It keeps what v holds if n has a fault.
func (w *walker) value(path string, n *yaml.Node, v reflect.Value) {
	if _, ok := w.doc.lines[path]; !ok {
		w.doc.lines[path] = n.Line
	}
	if n.Kind == yaml.AliasNode {
		return // plain said so
	}
	if isScalar(v.Type()) || hasShortForm(v.Type()) && n.Kind == yaml.ScalarNode {
		w.scalar(path, n, v)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		w.pointer(path, n, v)
	case reflect.Struct:
		w.section(path, n, v)
	case reflect.Slice:
		w.list(path, n, v)
	case reflect.Map:
		w.table(path, n, v)
	default:
		panic(fmt.Sprintf("config: %s has type %s", path, v.Type()))
	}
}

// pointer reads a section that is there or not: the pointer is nil without it.
func (w *walker) pointer(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) {
		w.fault(path, n, "has no value", "leave the key out, or write {} for its defaults")
		return
	}
	target := reflect.New(v.Type().Elem())
	if !v.IsNil() {
		target.Elem().Set(v.Elem())
	}
	w.value(path, n, target.Elem())
	v.Set(target)
}

func (w *walker) section(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) {
		return
	}
	if !w.mapping(path, n) {
		return
	}
	w.around = append(w.around, section{path, v.Type()})
	defer func() { w.around = w.around[:len(w.around)-1] }()
	fields := fieldsOf(v.Type())
	for key, value := range w.pairs(path, n) {
		at := join(path, KeyPath(key.Value))
		w.doc.lines[at] = key.Line
		i, known := fields[key.Value]
		if !known {
			w.fault(at, key, "unknown key", w.unknown(key.Value))
			continue
		}
		w.value(at, value, v.Field(i))
	}
}

func (w *walker) list(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) {
		w.fault(path, n, "has no value", "write [] for an empty list, or leave the key out")
		return
	}
	if n.Kind != yaml.SequenceNode {
		w.fault(path, n, "is "+nameOf(n)+", not a list", "write [a, b], or each on a line of its own after a dash")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		w.value(path+"["+strconv.Itoa(i)+"]", item, list.Index(i))
	}
	v.Set(list)
}

// table reads a mapping whose keys are the user's own.
func (w *walker) table(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) {
		w.fault(path, n, "has no value", "write {} for none, or leave the key out")
		return
	}
	if !w.mapping(path, n) {
		return
	}
	table := reflect.MakeMap(v.Type())
	for key, value := range w.pairs(path, n) {
		at := join(path, KeyPath(key.Value))
		w.doc.lines[at] = key.Line
		element := reflect.New(v.Type().Elem()).Elem()
		w.value(at, value, element)
		table.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), element)
	}
	v.Set(table)
}

// mapping tells whether n is a mapping, and notes it if not.
func (w *walker) mapping(path string, n *yaml.Node) bool {
	if n.Kind == yaml.MappingNode {
		return true
	}
	w.fault(path, n, "is "+nameOf(n)+", not a section of keys", "write its keys below it, indented, as key: value")
	return false
}

// pairs yields the keys and values of a mapping, each key once, and notes
// what is no key or stands there again.
func (w *walker) pairs(path string, n *yaml.Node) func(func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		first := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if key.Tag == mergeTag || key.Kind == yaml.AliasNode {
				continue // plain said so
			}
			if key.Kind != yaml.ScalarNode {
				w.fault(path, key, "has "+nameOf(key)+" as a key", "write the key as text")
				continue
			}
			if line, doubled := first[key.Value]; doubled {
				w.fault(join(path, KeyPath(key.Value)), key, fmt.Sprintf("stands here again after line %d", line), "keep one of the two")
				continue
			}
			first[key.Value] = key.Line
			if !yield(key, value) {
				return
			}
		}
	}
}

func (w *walker) fault(path string, n *yaml.Node, problem, cure string) {
	w.doc.problem(n.Line, Fault{Path: path, Problem: problem, Cure: cure})
}

// fieldsOf returns the index of each field that has a key. A field without a
// yaml tag, or with the tag "-", has none.
func fieldsOf(t reflect.Type) map[string]int {
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		if key := keyOf(t.Field(i)); key != "" {
			fields[key] = i
		}
	}
	return fields
}

func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if key == "-" || !f.IsExported() {
		return ""
	}
	return key
}

// KeyPath returns a key that is the user's own as it stands in a Fault's Path:
// quoted unless it is a plain word.
func KeyPath(key string) string {
	for _, c := range key {
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return strconv.Quote(clip(key))
		}
	}
	if key == "" || len(key) > len(clip(key)) {
		return strconv.Quote(clip(key))
	}
	return clip(key)
}

// isNull tells whether nothing stands after a key. A text that is quoted is something.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// nameOf names what n is, never what it says.
func nameOf(n *yaml.Node) string {
	switch {
	case isNull(n):
		return "empty"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a section of keys"
	}
	return "a single value"
}
