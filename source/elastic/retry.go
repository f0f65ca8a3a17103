package elastic

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/traceslo/traceslo/source"
)

const (
	// maxAttempts and maxPatience bound how often and how long what passes is
	// tried again, before the feed, whose loop has more patience, hears of it.
	maxAttempts = 5
	maxPatience = 30 * time.Second
	firstWait   = 250 * time.Millisecond
	longestWait = 8 * time.Second
)

// retry calls attempt until it succeeds, fails with what does not pass, or
// patience ends. A wait that the cluster asks for is kept, or, if it is longer
// than the patience, left to the caller.
func retry(ctx context.Context, attempt func() error) error {
	began := time.Now()
	for n := 1; ; n++ {
		err := attempt()
		if err == nil || ctx.Err() != nil || !passes(err) || n == maxAttempts {
			return err
		}
		wait := min(firstWait<<(n-1), longestWait)
		wait = wait/2 + rand.N(wait/2)
		var e *source.Error
		if errors.As(err, &e) {
			wait = max(wait, e.RetryAfter)
		}
		if time.Since(began)+wait > maxPatience {
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// pause waits, and returns ctx's error if that ends first.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// passes tells whether err may be another one, or none, in a moment.
func passes(err error) bool {
	if errors.Is(err, errGone) || errors.Is(err, errSmaller) {
		return false
	}
	switch source.KindOf(err) {
	case source.Unreachable, source.Timeout, source.Rejected, source.Partial:
		return true
	}
	return false
}
