package jaeger

import (
	"strconv"
	"unsafe"

	"github.com/traceslo/traceslo/source"
)

// unknown is the error type of a failed span that does not tell.
const unknown = "unknown"

// grpcCodes are the names of gRPC's status codes, by number; see
// https://grpc.github.io/grpc/core/md_doc_statuscodes.html.
var grpcCodes = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
	"UNAUTHENTICATED",
}

// judge tells s what kind it is of, whether it failed and of what. It returns
// false if what it reads is broken. The logs, most of a large document, are
// only read for a failed span.
func (d *Decoder) judge(b []byte, logs token, s *source.Span) bool {
	kind, state := d.tag(b, tagKind)
	if state == broken {
		return false
	}
	s.Kind = source.ParseKind(kind)
	s.Failed, s.ErrorType = false, ""
	for place := spanTag; place <= spanTags; place++ {
		failed, state := d.scalar(d.slots[place][tagError].of(b))
		if state == broken {
			return false
		}
		s.Failed = s.Failed || failed == "true"
	}
	status, state := d.tag(b, tagStatus)
	if state == broken {
		return false
	}
	if s.Failed = s.Failed || status == "ERROR"; !s.Failed {
		return true
	}
	s.ErrorType, state = d.errorType(b, logs)
	return state != broken
}

// isTrue tells whether a tag's value is true, or the string "true".
func (d *Decoder) isTrue(raw []byte) bool {
	s, _ := d.scalar(raw)
	return s == "true"
}

// errorType returns the first of what tells why a span failed: the tag
// error.type, an exception in its logs, its HTTP status, its gRPC status.
func (d *Decoder) errorType(b []byte, logs token) (string, state) {
	if s, state := d.tag(b, tagErrorType); state == broken || s != "" {
		return s, state
	}
	if logs.from > 0 {
		s, ok := d.exception(b, logs.from)
		switch {
		case !ok:
			return "", broken
		case s != "":
			return s, good
		}
	}
	for slot := tagResponseCode; slot <= tagGRPCCode; slot++ {
		n, state := d.code(b, slot)
		switch {
		case state == broken:
			return "", broken
		case state != good || !isError(slot, n):
		case slot == tagGRPCCode:
			return grpcCodes[n], good
		default:
			return d.number(n), good
		}
	}
	return unknown, good
}

// isError tells whether a status tells why a span failed.
func isError(slot int, n int64) bool {
	if slot == tagGRPCCode {
		return n >= 0 && n < int64(len(grpcCodes))
	}
	return n >= 400
}

// code reads a known tag that is an integer, in the place where it is set.
func (d *Decoder) code(b []byte, slot int) (int64, state) {
	place := spanTag
	if _, state := d.scalar(d.slots[spanTag][slot].of(b)); state == absent || state == wrong {
		place = spanTags
	}
	return d.integer(d.slots[place][slot].of(b))
}

// ExceptionType is the field of a log that names the exception it is.
const ExceptionType = "exception.type"

// ErrorTags returns the tags that tell why a span failed: error.type, which
// goes before an exception in its logs, then its HTTP and gRPC status, which go behind.
func ErrorTags() []string { return known[tagErrorType : tagGRPCCode+1] }

// number writes n into the arena.
func (d *Decoder) number(n int64) string {
	start := len(d.arena)
	d.arena = strconv.AppendInt(d.arena, n, 10)
	made := d.arena[start:]
	return unsafe.String(unsafe.SliceData(made), len(made))
}

// exception returns exception.type of the first log that is an exception and
// names one: a log with the field event=exception. ok is unset if the logs are broken.
func (d *Decoder) exception(b []byte, logs int) (typ string, ok bool) {
	end := each(b, logs, func(i int) int {
		if typ != "" {
			return skip(b, i)
		}
		var fields token
		i, more := open(b, i, '}')
		for ; more; i, more = next(b, i, '}') {
			key, v := d.key(b, i)
			if string(key) == "fields" {
				i = take(b, v, &fields)
			} else {
				i = skip(b, v)
			}
		}
		if i < 0 || fields.from == 0 {
			return i
		}
		name, ok := d.exceptionType(b, fields.from)
		if !ok {
			return -1
		}
		typ = name
		return i
	})
	return typ, end >= 0
}

// exceptionType returns exception.type of the fields of a log that is an
// exception, "" of any other. ok is unset if the fields are broken.
func (d *Decoder) exceptionType(b []byte, fields int) (typ string, ok bool) {
	var event, exception token
	end := each(b, fields, func(i int) int {
		key, value, i := d.pair(b, i)
		switch string(key) {
		case "event":
			event = value
		case ExceptionType:
			exception = value
		}
		return i
	})
	if end < 0 {
		return "", false
	}
	name, state := d.str(event.of(b))
	if name != "exception" {
		return "", state != broken
	}
	typ, state = d.scalar(exception.of(b))
	return typ, state != broken
}
