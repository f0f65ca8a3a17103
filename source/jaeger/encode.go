package jaeger

import (
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/traceslo/traceslo/source"
)

// A Layout is the form in which a version of Jaeger writes its documents.
type Layout uint8

// The layouts.
const (
	// Nested is what Jaeger v1 writes, and v2 before v2.7: all tags in the list
	// tags, and the parent in references alone.
	Nested Layout = iota
	// Elevated is what Jaeger v2.20 writes: span.kind and error are fields of
	// the object tag and leave the list, which they do since v2.8; the parent
	// has a field of its own besides, which it has since v2.20.
	Elevated
)

// A Document is a span with all that Jaeger stores of it.
type Document struct {
	TraceID source.TraceID
	SpanID  uint64
	// Parent is the span in the same trace that this one is a child of, 0 for a root.
	Parent uint64
	// Links are the spans that this one follows from, in any trace.
	Links []Link
	// Flags is what came with the span; 0 is not written.
	Flags     uint32
	Operation string
	// Start is in microseconds since the Unix epoch, Duration in microseconds.
	Start, Duration int64
	// Tags are all tags of the span, span.kind and error included.
	Tags []Tag
	Logs []Log
	// Service and ProcessTags are the process that the span ran in.
	Service     string
	ProcessTags []Tag
}

// A Link names another span.
type Link struct {
	TraceID source.TraceID
	SpanID  uint64
}

// A Log is something that happened during a span, an OpenTelemetry event.
type Log struct {
	// Time is in microseconds since the Unix epoch.
	Time int64
	// Fields hold the event's name as event.
	Fields []Tag
}

// Exception returns the log that OpenTelemetry records of an exception.
func Exception(time int64, typ, message, stacktrace string) Log {
	return Log{time, []Tag{
		String("event", "exception"), String(ExceptionType, typ), String("exception.message", message),
		String("exception.stacktrace", stacktrace),
	}}
}

// A Tag is a key with a typed value. The functions named after the types make it.
type Tag struct {
	key    string
	typ    tagType
	text   string
	number uint64
}

type tagType uint8

const (
	stringType tagType = iota
	boolType
	intType
	floatType
	binaryType
)

// tagTypes are the words that Jaeger writes for them.
var tagTypes = [...]string{"string", "bool", "int64", "float64", "binary"}

// String returns a tag that is a string.
func String(key, value string) Tag { return Tag{key: key, text: value} }

// Int returns a tag that is an integer.
func Int(key string, value int64) Tag { return Tag{key: key, typ: intType, number: uint64(value)} }

// Float returns a tag that is a floating-point number. JSON has none for
// infinity and what is not a number; they are written as null.
func Float(key string, value float64) Tag {
	return Tag{key: key, typ: floatType, number: math.Float64bits(value)}
}

// Bool returns a tag that is true or false.
func Bool(key string, value bool) Tag {
	t := Tag{key: key, typ: boolType}
	if value {
		t.number = 1
	}
	return t
}

// Binary returns a tag that is bytes, which Jaeger writes in hexadecimal.
func Binary(key string, value []byte) Tag {
	return Tag{key: key, typ: binaryType, text: hex.EncodeToString(value)}
}

// AppendDocument appends what Jaeger stores of s, on one line and without a
// line's end. In strings, bytes that are not valid UTF-8 become U+FFFD.
func AppendDocument(dst []byte, s *Document, layout Layout) []byte {
	dst = append(dst, `{"traceID":`...)
	dst = appendTraceID(dst, s.TraceID, layout)
	dst = append(dst, `,"spanID":`...)
	dst = appendHex(dst, s.SpanID)
	if layout == Elevated && s.Parent != 0 {
		dst = append(dst, `,"parentSpanID":`...)
		dst = appendHex(dst, s.Parent)
	}
	if s.Flags != 0 {
		dst = append(dst, `,"flags":`...)
		dst = strconv.AppendUint(dst, uint64(s.Flags), 10)
	}
	dst = append(dst, `,"operationName":`...)
	dst = appendQuoted(dst, s.Operation)
	dst = append(dst, `,"references":`...)
	dst = appendReferences(dst, s, layout)
	dst = append(dst, `,"startTime":`...)
	dst = strconv.AppendInt(dst, s.Start, 10)
	dst = append(dst, `,"startTimeMillis":`...)
	dst = strconv.AppendInt(dst, s.Start/1000, 10)
	dst = append(dst, `,"duration":`...)
	dst = strconv.AppendInt(dst, s.Duration, 10)
	dst = append(dst, `,"tags":`...)
	dst = appendTags(dst, s.Tags, layout, layout == Elevated)
	if layout == Elevated {
		dst = appendElevated(dst, s.Tags)
	}
	dst = append(dst, `,"logs":`...)
	dst = appendLogs(dst, s.Logs, layout)
	dst = append(dst, `,"process":{"serviceName":`...)
	dst = appendQuoted(dst, s.Service)
	dst = append(dst, `,"tags":`...)
	dst = appendTags(dst, s.ProcessTags, layout, false)
	return append(dst, "}}"...)
}

// appendTraceID writes an id as v1 does, with 16 digits if they are enough, or
// as v2 does, with 32 always.
func appendTraceID(dst []byte, id source.TraceID, layout Layout) []byte {
	digits := id[:]
	if layout == Nested && [8]byte(digits) == [8]byte{} {
		digits = digits[8:]
	}
	dst = append(dst, '"')
	dst = hex.AppendEncode(dst, digits)
	return append(dst, '"')
}

func appendHex(dst []byte, id uint64) []byte {
	dst = append(dst, '"')
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[id>>shift&15])
	}
	return append(dst, '"')
}

// appendEmpty writes an empty list as v1 does, or as v2 does.
func appendEmpty(dst []byte, layout Layout) []byte {
	if layout == Nested {
		return append(dst, "[]"...)
	}
	return append(dst, "null"...)
}

func appendReferences(dst []byte, s *Document, layout Layout) []byte {
	if s.Parent == 0 && len(s.Links) == 0 {
		return appendEmpty(dst, layout)
	}
	one := func(refType string, trace source.TraceID, span uint64) {
		dst = append(dst, `{"refType":"`...)
		dst = append(dst, refType...)
		dst = append(dst, `","traceID":`...)
		dst = appendTraceID(dst, trace, layout)
		dst = append(dst, `,"spanID":`...)
		dst = appendHex(dst, span)
		dst = append(dst, "},"...)
	}
	dst = append(dst, '[')
	if s.Parent != 0 {
		one("CHILD_OF", s.TraceID, s.Parent)
	}
	for _, l := range s.Links {
		one("FOLLOWS_FROM", l.TraceID, l.SpanID)
	}
	dst[len(dst)-1] = ']'
	return dst
}

// elevated tells whether Jaeger writes a tag as a field. It does so with no
// binary one.
func (t *Tag) elevated() bool {
	return (t.key == "span.kind" || t.key == "error") && t.typ != binaryType
}

// appendTags writes the list of tags, without the elevated ones if so wanted.
func appendTags(dst []byte, tags []Tag, layout Layout, elevate bool) []byte {
	start := len(dst)
	dst = append(dst, '[')
	for i := range tags {
		t := &tags[i]
		if elevate && t.elevated() {
			continue
		}
		dst = append(dst, `{"key":`...)
		dst = appendQuoted(dst, t.key)
		dst = append(dst, `,"type":"`...)
		dst = append(dst, tagTypes[t.typ]...)
		dst = append(dst, `","value":`...)
		dst = t.appendValue(dst)
		dst = append(dst, "},"...)
	}
	if len(dst) == start+1 {
		return appendEmpty(dst[:start], layout)
	}
	dst[len(dst)-1] = ']'
	return dst
}

// appendElevated writes the object tag, if there is anything to put into it.
func appendElevated(dst []byte, tags []Tag) []byte {
	start := len(dst)
	dst = append(dst, `,"tag":{`...)
	empty := len(dst)
	for i := range tags {
		t := &tags[i]
		switch {
		case !t.elevated():
			continue
		case t.key == "error":
			dst = append(dst, `"error":`...)
		default:
			dst = append(dst, `"span@kind":`...)
		}
		dst = append(t.appendValue(dst), ',')
	}
	if len(dst) == empty {
		return dst[:start]
	}
	dst[len(dst)-1] = '}'
	return dst
}

func appendLogs(dst []byte, logs []Log, layout Layout) []byte {
	if len(logs) == 0 {
		return appendEmpty(dst, layout)
	}
	dst = append(dst, '[')
	for _, l := range logs {
		dst = append(dst, `{"timestamp":`...)
		dst = strconv.AppendInt(dst, l.Time, 10)
		dst = append(dst, `,"fields":`...)
		dst = appendTags(dst, l.Fields, layout, false)
		dst = append(dst, "},"...)
	}
	dst[len(dst)-1] = ']'
	return dst
}

// appendValue writes the tag's value.
func (t *Tag) appendValue(dst []byte) []byte {
	switch t.typ {
	case boolType:
		return strconv.AppendBool(dst, t.number == 1)
	case intType:
		return strconv.AppendInt(dst, int64(t.number), 10)
	case floatType:
		f := math.Float64frombits(t.number)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return append(dst, "null"...)
		}
		return strconv.AppendFloat(dst, f, 'g', -1, 64)
	}
	return appendQuoted(dst, t.text)
}

// appendQuoted writes a string as Go's encoding/json does, which Jaeger uses:
// besides what JSON asks for, it escapes what HTML and JavaScript would read.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < ' ' || r == '<' || r == '>' || r == '&' || r == '\u2028' || r == '\u2029' || r == utf8.RuneError:
			dst = append(dst, `\u`...)
			for shift := 12; shift >= 0; shift -= 4 {
				dst = append(dst, "0123456789abcdef"[r>>shift&15])
			}
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
