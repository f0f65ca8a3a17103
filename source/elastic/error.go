package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/klauspost/compress/gzip"

	"github.com/traceslo/traceslo/source"
)

// The answers after which something else than trying again is to be done.
var (
	// errGone: the index was deleted or closed since it was surveyed.
	errGone = errors.New("the index was deleted or closed meanwhile")
	// errSmaller: less has to be asked for at a time.
	errSmaller = errors.New("less has to be asked for at a time")
	// errRefused: the cluster does not do what it was asked for.
	errRefused = errors.New("the cluster does not do that")
)

// A marked error says what its text says, and is one of the errors above.
type marked struct {
	error
	mark error
}

// Unwrap returns both, for errors.Is.
func (m *marked) Unwrap() []error { return []error{m.error, m.mark} }

// A complaint is what a cluster says is wrong.
type complaint struct{ Type, Reason string }

// maxReason bounds what is repeated of what a cluster says.
const maxReason = 400

// String returns type and reason, each if there is one.
func (w complaint) String() string {
	switch {
	case w.Type == "":
		return clip(w.Reason, maxReason)
	case w.Reason == "":
		return clip(w.Type, maxReason)
	}
	return clip(w.Type+": "+w.Reason, maxReason)
}

// parseComplaint reads the body of an answer that is no success; ok is unset
// if it is not one of Elasticsearch's.
func parseComplaint(body []byte) (w complaint, ok bool) {
	var answer struct{ Error json.RawMessage }
	if json.Unmarshal(body, &answer) != nil || len(answer.Error) == 0 {
		return w, false
	}
	if json.Unmarshal(answer.Error, &w.Reason) == nil {
		return w, w.Reason != ""
	}
	var detail struct {
		complaint
		RootCause []complaint `json:"root_cause"`
		CausedBy  complaint   `json:"caused_by"`
	}
	if json.Unmarshal(answer.Error, &detail) != nil {
		return w, false
	}
	switch {
	// The outer one of a failed search only says that all shards failed.
	case len(detail.RootCause) > 0 && detail.RootCause[0].Type != "":
		w = detail.RootCause[0]
	case detail.Type != "search_phase_execution_exception" || detail.CausedBy.Type == "":
		w = detail.complaint
	default:
		w = detail.CausedBy
	}
	return w, w != complaint{}
}

// refusal returns what a status other than success means.
func (l *link) refusal(c call, status int, header http.Header, body []byte) error {
	w, ok := parseComplaint(body)
	w.Reason = l.credentials.scrub(w.Reason)
	text := w.String()
	if !ok {
		text = l.describe(header, body)
	}
	kind, mark := source.Protocol, error(nil)
	switch {
	case status == http.StatusUnauthorized:
		kind = source.Unauthorized
		text += "; see source.elasticsearch.auth"
	case status == http.StatusForbidden && w.Type == "cluster_block_exception":
		kind = source.Partial
	case status == http.StatusForbidden:
		kind = source.Forbidden
		text += "; " + l.missingRight(c.operation, w.Reason)
	case w.Type == "index_not_found_exception" || w.Type == "index_closed_exception":
		kind, mark = source.Partial, errGone
	case status == http.StatusRequestEntityTooLarge, w.Type == "circuit_breaking_exception", w.Type == "too_many_buckets_exception",
		status == http.StatusBadRequest && strings.Contains(w.Reason, "max_result_window"):
		kind, mark = source.Rejected, errSmaller
	// By reason of the mapping, or, with 500, because the operator forbids it.
	case status == http.StatusBadRequest && ok, strings.Contains(w.Reason, "search.allow_expensive_queries"):
		mark = errRefused
	case status == http.StatusInternalServerError:
		// What this search makes fail, another one may not.
		kind, mark = source.Rejected, errRefused
	case status == http.StatusRequestTimeout || status == http.StatusGatewayTimeout:
		kind = source.Timeout
	case status == http.StatusBadGateway:
		kind = source.Unreachable
	case status == http.StatusTooManyRequests || status >= 500:
		kind = source.Rejected
	case status >= 300 && status < 400:
		text = "the answer leads elsewhere; write the address it leads to: " + clip(l.credentials.scrub(header.Get("Location")), 200)
	case status == http.StatusNotFound && !ok:
		text += "; is this Elasticsearch, and its path in addresses right?"
	}
	err := fmt.Errorf("%s: %d: %s", c.name(), status, text)
	if mark != nil {
		err = &marked{err, mark}
	}
	return &source.Error{Kind: kind, RetryAfter: retryAfter(header, time.Now()), Err: err}
}

// connectionError returns why there is no answer at all.
func (l *link) connectionError(ctx context.Context, c call, err error) error {
	var timeout net.Error
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return &source.Error{Kind: source.Timeout, Err: fmt.Errorf("%s: no whole answer within %v; see source.elasticsearch.request_timeout", c.name(), l.timeout)}
	}
	if cause := tlsCause(err); cause != "" {
		return &source.Error{Kind: source.TLS, Err: fmt.Errorf("%s: %s", c.name(), cause)}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the connection was closed before the answer was whole (%w); if that is always so and the cluster speaks TLS, write https in addresses", err)
	}
	return &source.Error{Kind: source.Unreachable, Err: fmt.Errorf("%s: %w", c.name(), err)}
}

// readError returns why an answer that began did not end.
func (l *link) readError(ctx context.Context, c call, err error) error {
	switch {
	case errors.Is(err, errTooLarge):
		return &source.Error{Kind: source.Protocol, Err: &marked{fmt.Errorf("%s: %w", c.name(), err), errSmaller}}
	case errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum):
		return l.protocolError(c, "the answer is not the gzip that it says it is")
	}
	return l.connectionError(ctx, c, err)
}

func (l *link) protocolError(c call, text string) error {
	return &source.Error{Kind: source.Protocol, Err: fmt.Errorf("%s: %s", c.name(), text)}
}

// describe tells an answer that is not understood by its type and first words.
func (l *link) describe(header http.Header, body []byte) string {
	kind := header.Get("Content-Type")
	if kind == "" {
		kind = "no content type"
	}
	if len(body) == 0 {
		return "an empty answer"
	}
	return fmt.Sprintf("%s, which begins with %q, not Elasticsearch's JSON", clip(kind, 100), clip(l.credentials.scrub(string(body[:min(len(body), 1000)])), 100))
}

// retryAfter returns how long the cluster asks to be left alone, 0 if it does not; see RFC 9110, 10.2.3.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if text == "" {
		return 0
	}
	var wait time.Duration
	if seconds, err := strconv.Atoi(text); err == nil {
		wait = time.Duration(min(seconds, 3600)) * time.Second
	} else if date, err := http.ParseTime(text); err == nil {
		wait = date.Sub(now)
	}
	return max(0, min(wait, time.Hour))
}

var (
	// The text of Elasticsearch 7.10 and later.
	grantedBy = regexp.MustCompile(`granted by the (index|cluster) privileges \[([a-z_,]+)`)
	// The text of OpenSearch's security plugin.
	noPermissions = regexp.MustCompile(`no permissions for \[([a-z_:/\[\]*, ]+?)\]`)
)

// missingRight says what to grant: what the refusal names, else what the operation needs.
func (l *link) missingRight(o operation, reason string) string {
	level, on := "index", fmt.Sprintf("%q", l.pattern)
	if o.onCluster {
		level, on = "cluster", "the cluster"
	}
	if m := noPermissions.FindStringSubmatch(reason); m != nil {
		return fmt.Sprintf("grant the action %q on %s to traceslo's role", m[1], on)
	}
	privilege := o.privilege
	if m := grantedBy.FindStringSubmatch(reason); m != nil {
		level = m[1]
		if granting := strings.Split(m[2], ","); !slices.Contains(granting, privilege) {
			privilege = granting[0]
		}
	}
	return fmt.Sprintf("grant the %s privilege %q on %s to traceslo's role", level, privilege, on)
}

// clip bounds a text from outside, and makes one printable line of it.
func clip(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '\ufffd'
		}
		return r
	}, strings.TrimSpace(text))
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
