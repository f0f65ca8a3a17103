package config

import (
	"bytes"
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// Render returns v, the struct that the document was read into, as YAML: the
// configuration in effect, defaults included. It shows no secret: a Secret is
// <secret>, and what came from the environment is ${NAME}. It is for people to
// read; it does not always load again.
func (d *Document) Render(v any) ([]byte, error) {
	r := renderer{raw: map[string]string{}}
	for _, e := range d.expanded {
		r.raw[e.path] = e.text
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(r.node("", reflect.Indirect(reflect.ValueOf(v)))); err != nil {
		return nil, fmt.Errorf("render the configuration: %w", err)
	}
	return out.Bytes(), nil
}

type renderer struct {
	// raw holds what the file says where the environment filled something in.
	raw map[string]string
}

func (r *renderer) node(path string, v reflect.Value) *yaml.Node {
	if raw, ok := r.raw[path]; ok {
		return textNode(raw)
	}
	if isScalar(v.Type()) {
		return scalarNode(v)
	}
	if short, ok := r.short(path, v); ok {
		return textNode(short)
	}
	switch v.Kind() {
	case reflect.Struct:
		section := &yaml.Node{Kind: yaml.MappingNode}
		for i := range v.NumField() {
			key := keyOf(v.Type().Field(i))
			field := v.Field(i)
			if key == "" || field.Kind() == reflect.Pointer && field.IsNil() {
				continue
			}
			section.Content = append(section.Content, textNode(key), r.node(join(path, key), reflect.Indirect(field)))
		}
		return section
	case reflect.Slice:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		if isScalar(v.Type().Elem()) {
			list.Style = yaml.FlowStyle
		}
		for i := range v.Len() {
			list.Content = append(list.Content, r.node(path+"["+strconv.Itoa(i)+"]", v.Index(i)))
		}
		return list
	case reflect.Map:
		table := &yaml.Node{Kind: yaml.MappingNode}
		keys := map[string]reflect.Value{}
		for _, key := range v.MapKeys() {
			keys[key.String()] = key
		}
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			table.Content = append(table.Content, textNode(key), r.node(join(path, KeyPath(key)), v.MapIndex(keys[key])))
		}
		return table
	}
	panic(fmt.Sprintf("config: %s has type %s", path, v.Type()))
}

// short returns the short form of v, and whether it has one and is best shown
// in it. Where the environment filled in a part of v, only the full form can
// show what the file says.
func (r *renderer) short(path string, v reflect.Value) (string, bool) {
	marshaler, ok := v.Interface().(encoding.TextMarshaler)
	if !ok || !hasShortForm(v.Type()) {
		return "", false
	}
	for filled := range r.raw {
		if within(filled, path) {
			return "", false
		}
	}
	text, err := marshaler.MarshalText()
	return string(text), err == nil
}

// scalarNode asks v itself how it is written before it looks at its kind, so
// that a Secret stays one.
func scalarNode(v reflect.Value) *yaml.Node {
	switch value := v.Interface().(type) {
	case time.Duration:
		return textNode(FormatDuration(value))
	case encoding.TextMarshaler:
		if text, err := value.MarshalText(); err == nil {
			return textNode(string(text))
		}
		return textNode("")
	case fmt.Stringer:
		return textNode(value.String())
	}
	node := textNode(fmt.Sprint(v.Interface()))
	if v.Kind() != reflect.String {
		node.Tag = ""
	}
	return node
}

func textNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}
