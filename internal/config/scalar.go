package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

var (
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	durationType    = reflect.TypeFor[time.Duration]()
	timeType        = reflect.TypeFor[time.Time]()
)

// isScalar tells whether a value of type t is always a single value of the file.
func isScalar(t reflect.Type) bool {
	if readsText(t) {
		return !hasShortForm(t)
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float64, reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64:
		return true
	}
	return false
}

// readsText tells whether a value of type t reads itself from a text.
func readsText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(unmarshalerType) }

// hasShortForm tells whether a value of type t is a single value of the file or
// else a list, or a section. It reads the single value itself.
func hasShortForm(t reflect.Type) bool {
	if !readsText(t) {
		return false
	}
	switch t.Kind() {
	case reflect.Slice:
		return t.Elem().Kind() != reflect.Uint8
	case reflect.Struct:
		return len(fieldsOf(t)) > 0
	}
	return false
}

// scalar reads n, which has to be a single value, into v.
func (w *walker) scalar(path string, n *yaml.Node, v reflect.Value) {
	switch {
	case isNull(n) && hasShortForm(v.Type()):
		w.fault(path, n, "has no value", "leave the key out for its default")
		return
	case isNull(n):
		w.fault(path, n, "has no value", "leave the key out for its default, or write \"\" for an empty text")
		return
	case n.Kind != yaml.ScalarNode:
		w.fault(path, n, "is "+nameOf(n)+", not a single value", "write one value")
		return
	}
	text, ok := w.expand(path, n.Line, n.Value)
	if !ok {
		return
	}
	if err := set(v, text); err != nil {
		if text != n.Value {
			// What the file says, not what the environment made of it, goes into
			// the message. That it is refused too tells what is wanted.
			if scratch := set(reflect.New(v.Type()).Elem(), n.Value); scratch != nil {
				err = scratch
			} else {
				err = fmt.Errorf("what %s stands for is not accepted", clip(n.Value))
			}
		}
		w.fault(path, n, err.Error(), "")
	}
}

// set reads text into v as v's type reads it. It leaves v alone if it cannot;
// the error tells the cure.
func set(v reflect.Value, text string) error {
	t := v.Type()
	if t == timeType {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return fmt.Errorf("%q is not a time with its offset; write for example 2026-03-29T02:00:00Z or 2026-03-29T02:00:00+01:00", clip(text))
		}
		v.Set(reflect.ValueOf(at))
		return nil
	}
	if readsText(t) {
		fresh := reflect.New(t)
		if err := fresh.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			return err
		}
		v.Set(fresh.Elem())
		return nil
	}
	if t == durationType {
		d, err := ParseDuration(text)
		if err == nil {
			v.SetInt(int64(d))
		}
		return err
	}
	switch t.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is neither true nor false; write one of them", clip(text))
		}
		v.SetBool(text == "true")
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%q is not a number; write for example 0.5", clip(text))
		}
		v.SetFloat(f)
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number; write for example 50000", clip(text))
		}
		v.SetInt(i)
	default:
		u, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number from 0; write for example 50000", clip(text))
		}
		v.SetUint(u)
	}
	return nil
}
