package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/traceslo/traceslo/internal/harmless"
	"github.com/traceslo/traceslo/internal/nearest"
)

// A Problem is the answer to a request that gets no other, under "error".
type Problem struct {
	// Code is one word from a closed set.
	Code string `json:"code"`
	// Message says what is wrong, and the cure.
	Message string `json:"message"`
	// Nearest are the names that were probably meant.
	Nearest []string `json:"nearest,omitempty"`

	status int
	// cause is the message without the names that were probably meant; "" if it names none.
	cause string
}

// Sentence returns what is wrong as a page says it, which lists the nearest names itself.
func (p *Problem) Sentence() string {
	text := cmp.Or(p.cause, p.Message)
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// Error implements error.
func (p *Problem) Error() string { return p.Message }

// The codes of problems.
const (
	badRequest       = "bad_request"
	notFound         = "not_found"
	ambiguous        = "ambiguous"
	gone             = "gone"
	methodNotAllowed = "method_not_allowed"
	notReady         = "not_ready"
	internal         = "internal"
)

var statuses = map[string]int{
	badRequest:       http.StatusBadRequest,
	notFound:         http.StatusNotFound,
	ambiguous:        http.StatusConflict,
	gone:             http.StatusGone,
	methodNotAllowed: http.StatusMethodNotAllowed,
	notReady:         http.StatusServiceUnavailable,
	internal:         http.StatusInternalServerError,
}

func problem(code, format string, args ...any) *Problem {
	return &Problem{Code: code, Message: fmt.Sprintf(format, args...), status: statuses[code]}
}

var errNotReady = problem(notReady, "the state is being loaded; ask again soon")

// problemOf returns what err is to whoever asked. What nobody is to blame for
// but us is logged, and not told.
func (s *Server) problemOf(r *http.Request, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	s.Log.Error().Err(err).Str("path", r.URL.Path).Msg("answer a request")
	return problem(internal, "this cannot be answered; the log tells why")
}

// maxNearest is how many names are offered in the place of one that nobody has.
const maxNearest = 3

// maxShownName bounds how much of what somebody asked for is repeated.
const maxShownName = 120

// shown writes what somebody asked for so that it can be repeated.
func shown(text string) string { return strconv.Quote(harmless.Cut(text, maxShownName)) }

// noObjective returns the problem of a name that no objective has.
func noObjective(name string, names []string) *Problem {
	near := nearest.Words(name, names, maxNearest)
	p := problem(notFound, "there is no objective %s", shown(name))
	p.Nearest, p.cause = near, p.Message
	switch {
	case len(names) == 0:
		p.Message += "; there is none at all yet"
	case len(near) > 0:
		p.Message += "; did you mean " + strings.Join(near, ", ") + "?"
	default:
		p.Message += "; the list of them is at /api/v1/objectives"
	}
	return p
}

// Around returns a handler that answers as mux does, and in the manner of pages
// and API what mux has no pattern for.
func (s *Server) Around(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		verdict := &verdict{header: http.Header{}}
		handler.ServeHTTP(verdict, r)
		var p *Problem
		switch verdict.status {
		case http.StatusMethodNotAllowed:
			allowed := verdict.header.Get("Allow")
			w.Header().Set("Allow", allowed)
			p = problem(methodNotAllowed, "%s is not for %s; it answers %s", shown(r.URL.Path), shown(r.Method), allowed)
		case http.StatusNotFound:
			p = problem(notFound, "there is no %s", shown(r.URL.Path))
		default:
			mux.ServeHTTP(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/") {
			p.Message += "; /api/v1/openapi.yaml says what there is"
			s.json(func(*http.Request) (any, error) { return nil, p }).ServeHTTP(w, r)
			return
		}
		s.page(func(*http.Request) (*view, error) { return nil, p }).ServeHTTP(w, r)
	})
}

// A verdict takes an answer's status and header, and nothing else of it.
type verdict struct {
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (v *verdict) Header() http.Header { return v.header }

// Write implements http.ResponseWriter.
func (v *verdict) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements http.ResponseWriter.
func (v *verdict) WriteHeader(status int) { v.status = status }
