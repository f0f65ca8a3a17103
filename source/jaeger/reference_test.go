package jaeger_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// reference is the Decoder as one would write it without a thought of speed:
// encoding/json makes a tree, and the tree is asked. It accepts only documents
// that are valid throughout.
type reference struct {
	tags []string
	dot  string
}

func (d reference) Decode(doc []byte, s *source.Span) string {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var m map[string]any
	if !json.Valid(doc) || dec.Decode(&m) != nil || m == nil {
		return jaeger.ReasonJSON
	}
	*s = source.Span{}
	b, ok := hexadecimal(m["traceID"], 32)
	if !ok {
		return jaeger.ReasonTraceID
	}
	copy(s.TraceID[:], b)
	if b, ok = hexadecimal(m["spanID"], 16); !ok {
		return jaeger.ReasonSpanID
	}
	for _, c := range b {
		s.SpanID = s.SpanID<<8 | uint64(c)
	}
	process, _ := m["process"].(map[string]any)
	name, _ := process["serviceName"].(string)
	if s.Service = cut(name); name == "" {
		return jaeger.ReasonService
	}
	switch name := m["operationName"].(type) {
	case nil:
	case string:
		s.Operation = cut(name)
	default:
		return jaeger.ReasonOperation
	}
	if s.Operation == "" {
		s.Operation = jaeger.EmptyOperation
	}
	if s.Start, ok = integer(m["startTime"]); !ok {
		return jaeger.ReasonStartTime
	}
	if s.Duration, ok = integer(m["duration"]); !ok || s.Duration < 0 {
		return jaeger.ReasonDuration
	}
	tag := func(key string) any { return d.find(m["tag"], m["tags"], key) }
	kind, _ := text(tag("span.kind"))
	s.Kind = source.ParseKind(kind)
	s.Failed = isTrue(tag("error")) || tag("otel.status_code") == "ERROR"
	for _, t := range objects(m["tags"]) {
		s.Failed = s.Failed || t["key"] == "error" && isTrue(t["value"])
	}
	if s.Failed {
		s.ErrorType = errorType(tag, m["logs"])
	}
	s.Root = !isParent(m["parentSpanID"])
	for _, r := range objects(m["references"]) {
		trace, ok := hexadecimal(r["traceID"], 32)
		kind := r["refType"] == "CHILD_OF" || r["refType"] == "FOLLOWS_FROM"
		if kind && ok && source.TraceID(trace) == s.TraceID && isParent(r["spanID"]) {
			s.Root = false
		}
	}
	for _, key := range d.tags {
		value, ok := text(tag(key))
		if !ok {
			value, _ = text(d.find(process["tag"], process["tags"], key))
		}
		s.Tags = append(s.Tags, value)
	}
	return ""
}

// find returns a tag's value, from elevated if it has one there.
func (d reference) find(elevated, nested any, key string) (found any) {
	if m, ok := elevated.(map[string]any); ok {
		v := m[strings.ReplaceAll(key, ".", d.dot)]
		if _, ok := text(v); ok {
			return v
		}
	}
	for _, m := range objects(nested) {
		if m["key"] == key {
			found = m["value"]
		}
	}
	return found
}

func errorType(tag func(string) any, logs any) string {
	if t, _ := text(tag("error.type")); t != "" {
		return t
	}
	for _, l := range objects(logs) {
		var event, typ any
		for _, f := range objects(l["fields"]) {
			switch f["key"] {
			case "event":
				event = f["value"]
			case "exception.type":
				typ = f["value"]
			}
		}
		if t, _ := text(typ); event == "exception" && t != "" {
			return t
		}
	}
	for _, key := range []string{"http.response.status_code", "http.status_code"} {
		if code, ok := integer(tag(key)); ok && code >= 400 {
			return strconv.FormatInt(code, 10)
		}
	}
	if code, ok := integer(tag("rpc.grpc.status_code")); ok && code >= 0 && code < int64(len(grpcCodes)) {
		return grpcCodes[code]
	}
	return "unknown"
}

var grpcCodes = [...]string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL",
	"UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}

func isTrue(v any) bool { return v == true || v == "true" }

func isParent(v any) bool {
	id, _ := v.(string)
	return strings.Trim(cut(id), "0") != ""
}

// objects returns the objects in a list, or the one object that stands for a list.
func objects(v any) (all []map[string]any) {
	switch v := v.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []any:
		for _, e := range v {
			if m, ok := e.(map[string]any); ok {
				all = append(all, m)
			}
		}
	}
	return all
}

func cut(s string) string {
	r := []rune(s)
	return string(r[:min(len(r), source.MaxOperation)])
}

// text is a string, a number or a boolean as text.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return cut(v), true
	case json.Number:
		return cut(v.String()), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case json.Number:
		mantissa, exponent, _ := strings.Cut(strings.ToLower(v.String()), "e")
		if len(strings.TrimLeft(exponent, "+-0")) > 4 {
			return 0, strings.Trim(mantissa, "-0.") == ""
		}
		r, ok := new(big.Rat).SetString(v.String())
		if !ok || !r.IsInt() || !r.Num().IsInt64() {
			return 0, false
		}
		return r.Num().Int64(), true
	case string:
		if digits := strings.TrimPrefix(v, "-"); len(digits) > 19 || strings.Trim(digits, "0123456789") != "" {
			return 0, false
		}
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	}
	return 0, false
}

func hexadecimal(v any, digits int) ([]byte, bool) {
	s, _ := v.(string)
	if s == "" || len(s) > digits {
		return nil, false
	}
	b, err := hex.DecodeString(strings.Repeat("0", digits-len(s)) + s)
	return b, err == nil
}
