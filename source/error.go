package source

import (
	"errors"
	"time"
)

// An Error is why a source could not be surveyed or read.
type Error struct {
	// Kind sorts errors into a closed set, for metrics and for advice.
	Kind ErrorKind
	// RetryAfter is how long the source asked to be left alone; 0 if it did not.
	RetryAfter time.Duration
	// Err names the act, the thing and the cause. It holds no secret.
	Err error
}

// Error returns the text of Err.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// An ErrorKind is a word for what went wrong; it serves as a metric's label.
type ErrorKind string

// The kinds of errors of a source.
const (
	// Unreachable: no answer, the connection failed or broke.
	Unreachable ErrorKind = "unreachable"
	// Timeout: no whole answer within the deadline.
	Timeout ErrorKind = "timeout"
	// TLS: the connection's certificates are not accepted, by us or by them.
	TLS ErrorKind = "tls"
	// Unauthorized: the credentials are refused (401).
	Unauthorized ErrorKind = "unauthorized"
	// Forbidden: a right is missing (403); Err names it.
	Forbidden ErrorKind = "forbidden"
	// Rejected: the source has too much to do (429, 503).
	Rejected ErrorKind = "rejected"
	// Partial: an answer that leaves out a part: failed shards, timed_out.
	Partial ErrorKind = "partial"
	// Protocol: an answer that is not understood, HTML for example.
	Protocol ErrorKind = "protocol"
	// Foreign: the store is not the one that the positions belong to.
	Foreign ErrorKind = "foreign"
	// Commit: what was counted could not be made durable.
	Commit ErrorKind = "commit"
	// Internal: anything else.
	Internal ErrorKind = "internal"
)

// ErrorKinds lists every kind, so that metrics can start them at zero.
var ErrorKinds = []ErrorKind{Unreachable, Timeout, TLS, Unauthorized, Forbidden, Rejected, Partial, Protocol, Foreign, Commit, Internal}

// KindOf returns the kind of the first *Error in err's chain, and Internal if there is none.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
