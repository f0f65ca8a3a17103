package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/traceslo/traceslo/source"
)

// refreshes sees to it that each index is refreshed once after each survey,
// however many of its shards are read.
type refreshes struct {
	mu      sync.Mutex // guards all below
	byIndex map[string]*refresh
	// denied is when the cluster last said that refreshing is not allowed;
	// zero if it is.
	denied time.Time
	// aged is the survey whose numbers are old enough to be shown without.
	aged time.Time
}

// A refresh is one that was asked for, and what came of it.
type refresh struct {
	surveyed time.Time
	done     chan struct{}
	err      error // when done is closed
}

// forget drops what was refreshed: a new survey needs new ones.
func (r *refreshes) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.byIndex)
	r.aged = time.Time{}
}

// forbidden tells whether refreshing is not allowed.
func (r *refreshes) forbidden() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.denied.IsZero()
}

// claim returns the refresh of an index for a survey, and whether it is the
// caller's to do.
func (r *refreshes) claim(index string, surveyed time.Time) (claimed *refresh, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.byIndex[index]; known != nil && known.surveyed.Equal(surveyed) {
		return known, false
	}
	if r.byIndex == nil {
		r.byIndex = map[string]*refresh{}
	}
	claimed = &refresh{surveyed: surveyed, done: make(chan struct{})}
	r.byIndex[index] = claimed
	return claimed, true
}

// finish tells what came of a refresh. One that failed is not remembered.
func (r *refreshes) finish(index string, done *refresh, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if done.err = err; err != nil && r.byIndex[index] == done {
		delete(r.byIndex, index)
	}
	close(done.done)
}

// deniedRetry is after how long a forbidden refresh is tried again.
const deniedRetry = 10 * time.Minute

// deny notes that refreshing is not allowed, and tells whether that is new.
func (r *refreshes) deny(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := r.denied.IsZero()
	r.denied = now
	return fresh
}

// allow notes that refreshing is allowed, and tells whether that is new.
func (r *refreshes) allow() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := !r.denied.IsZero()
	r.denied = time.Time{}
	return fresh
}

// surveyAged notes that a survey's numbers are old enough to be shown without a refresh.
func (r *refreshes) surveyAged(surveyed time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aged = surveyed
}

// needless tells whether a survey's numbers are old enough to be shown without
// a refresh, and whether one is to be tried all the same, to learn if it is
// still forbidden. The caller that is told so is the one to try.
func (r *refreshes) needless(surveyed, now time.Time) (aged, try bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	aged = !r.aged.IsZero() && r.aged.Equal(surveyed)
	if try = !r.denied.IsZero() && now.Sub(r.denied) >= deniedRetry; try {
		r.denied = now
	}
	return aged, try
}

// MayRefresh tells whether indices can be refreshed before they are read. While
// it is false, spans are read some seconds later, when the indices refresh by
// themselves. It may be called at any time.
func (s *Source) MayRefresh() bool { return !s.refreshes.forbidden() }

// show makes everything searchable that the survey told of.
func (s *Source) show(ctx context.Context, r source.Range) error {
	aged, try := s.refreshes.needless(r.Surveyed, time.Now())
	if aged && !try {
		return nil
	}
	for {
		claimed, mine := s.refreshes.claim(r.Index, r.Surveyed)
		if mine {
			err := s.refresh(ctx, r.Index)
			if source.KindOf(err) == source.Forbidden {
				if s.refreshes.deny(time.Now()) {
					s.log.Warn().Err(err).Msg("spans are read some seconds later, when the indices have refreshed themselves; this is weaker, as one that does not is not noticed")
				}
				if aged {
					err = nil
				}
			} else if err == nil && s.refreshes.allow() {
				s.log.Info().Msg("indices can be refreshed again")
			}
			s.refreshes.finish(r.Index, claimed, err)
			return err
		}
		select {
		case <-claimed.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		// What ended another's context need not end ours.
		if err := claimed.err; !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

func (s *Source) refresh(ctx context.Context, index string) error {
	c := call{opRefresh, fmt.Sprintf("%q", index), func() esapi.Request {
		return esapi.IndicesRefreshRequest{Index: []string{index}}
	}}
	return retry(ctx, func() error {
		body, err := s.link.ask(ctx, c, nil)
		if err != nil {
			return err
		}
		var answer struct {
			Shards *struct {
				Successful, Failed int
				Failures           []struct{ Reason complaint }
			} `json:"_shards"`
		}
		if err := json.Unmarshal(body, &answer); err != nil || answer.Shards == nil {
			return s.link.protocolError(c, "the answer has no _shards")
		}
		if a := answer.Shards; a.Failed > 0 || a.Successful == 0 {
			text := fmt.Sprintf("%s: %d copies of shards did, %d failed to", c.name(), a.Successful, a.Failed)
			if len(a.Failures) > 0 {
				text += ": " + a.Failures[0].Reason.String()
			}
			return &source.Error{Kind: source.Partial, Err: errors.New(text)}
		}
		return nil
	})
}
