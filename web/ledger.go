package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
)

// Readers says which of several readers this is, and how far they are added up.
type Readers struct {
	// Reader is this one's name, as 1/2.
	Reader string `json:"reader"`
	// AddedUp holds if figures are those of all readers together.
	AddedUp bool `json:"added_up"`
	// Missing says, a sentence each, which readers are not added up now.
	Missing []string `json:"missing"`
}

// Notes returns what is to be said beside figures, nothing if all is well.
func (r *Readers) Notes() []string {
	switch {
	case r == nil:
		return nil
	case !r.AddedUp && len(r.Missing) == 0:
		return []string{"This is reader " + r.Reader + ", and all figures are of its part of the spans alone."}
	case !r.AddedUp:
		return append([]string{"The readers are not added up yet."}, r.Missing...)
	}
	return r.Missing
}

// whole fails if figures of all readers are wanted and there are none yet.
func (r *Running) whole() error {
	if r.Readers == nil || r.Readers.AddedUp || len(r.Readers.Missing) == 0 {
		return nil
	}
	return problem(notReady, "%s", strings.Join(r.Readers.Notes(), " "))
}

// A Share is this reader's part of the ledger.
type Share struct {
	Ledger *slo.Ledger
	// View reads the state file that it lies in.
	View func(func(*state.Tx) error) error
}

// share returns this reader's part.
func (s *Server) share() (*Share, error) {
	running := s.Running()
	switch {
	case running == nil:
		return nil, errNotReady
	case running.Share == nil:
		return nil, problem(notFound, "this daemon reads all, and has no part to tell of; see serve --shard")
	}
	return running.Share, nil
}

// part answers how far this reader came, or with what it added after an increment.
func (s *Server) part(r *http.Request) (any, error) {
	query, err := parameters(r, "after", "mark")
	if err != nil {
		return nil, err
	}
	own, err := s.share()
	if err != nil {
		return nil, err
	}
	if len(query) == 0 {
		var head slo.PartHead
		err := own.View(func(tx *state.Tx) (err error) {
			head, err = own.Ledger.Head(tx)
			return err
		})
		return head, err
	}
	after, err := strconv.ParseUint(query.Get("after"), 10, 64)
	if err != nil || query.Get("mark") == "" {
		return nil, problem(badRequest, "the parameters after and mark name an increment: write its number and its mark, or neither")
	}
	var part *slo.Part
	err = own.View(func(tx *state.Tx) (err error) {
		part, err = own.Ledger.Part(tx, after, query.Get("mark"))
		return err
	})
	if errors.Is(err, slo.ErrGone) {
		return nil, problem(gone, "%v", err)
	}
	return part, err
}

// allWithin bounds how long an answer of all takes, however eagerly the client
// reads: as long as it does, the state file keeps what is written anew meanwhile.
const allWithin = time.Hour

var errTooSlow = fmt.Errorf("the client had not taken all within %v", allWithin)

// A bounded is an answer that ends at a time.
type bounded struct {
	http.ResponseWriter
	ends time.Time
	now  func() time.Time
}

// Write implements io.Writer.
func (b bounded) Write(p []byte) (int, error) {
	if b.now().After(b.ends) {
		return 0, errTooSlow
	}
	return b.ResponseWriter.Write(p)
}

// serveAll answers with all that this reader has, line by line.
func (s *Server) serveAll(w http.ResponseWriter, r *http.Request) {
	own, err := s.share()
	if err == nil {
		_, err = parameters(r)
	}
	if err != nil {
		s.json(func(*http.Request) (any, error) { return nil, err }).ServeHTTP(w, r)
		return
	}
	w = bounded{Unhurried(w), s.Now().Add(allWithin), s.Now}
	guard(w, "application/x-ndjson", "no-store")
	if err := own.View(func(tx *state.Tx) error { return own.Ledger.WritePart(tx, w) }); err != nil {
		s.Log.Warn().Err(err).Str("remote", r.RemoteAddr).Msg("the ledger was not sent whole")
		// The client must not take what it has for the whole.
		panic(http.ErrAbortHandler)
	}
}
