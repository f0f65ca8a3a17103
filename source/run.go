package source

import (
	"context"
	"errors"
	"time"

	"github.com/traceslo/traceslo/internal/state"
)

// lastCommit is how long a feed that was told to end may take to commit what
// it has counted; what it cannot commit is read again by the next run.
const lastCommit = time.Second

// maxBackOff bounds the wait after errors that come one after the other.
const maxBackOff = time.Minute

// Run steps until ctx ends, then commits what is counted and returns nil. An
// error of a step is logged when it begins and when it ends, and the step is
// tried again, at growing intervals; but a state that turns out to be damaged
// (state.ErrDamaged) does not mend itself, and Run returns that.
func (f *Feed) Run(ctx context.Context) error {
	var failing string
	failures := 0
	for ctx.Err() == nil {
		began := time.Now()
		more, err := f.Step(ctx, began)
		wait := f.Poll - time.Since(began)
		switch {
		case errors.Is(err, state.ErrDamaged):
			return err
		case ctx.Err() != nil:
		case err != nil:
			failures++
			text := string(KindOf(err))
			is := text
			if KindOf(err) == Commit {
				// What a full disk turns into may need another cure.
				is = err.Error()
			}
			if is != failing {
				failing = is
				message := "cannot read the source; nothing is lost, trying again"
				if KindOf(err) == Commit {
					message = "cannot keep what was counted, so nothing more is counted; nothing is lost, trying again"
				}
				f.Log.Error().Err(err).Str("kind", text).Msg(message)
			}
			wait = backOff(f.Poll, failures, err)
		default:
			if failures > 0 {
				f.Log.Info().Int("failures", failures).Msg("reading the source again")
			}
			failing, failures = "", 0
			if more {
				wait = 0
			}
		}
		sleep(ctx, wait)
	}
	f.end(context.WithoutCancel(ctx))
	return nil
}

// backOff returns how long to wait after so many failures in a row.
func backOff(poll time.Duration, failures int, err error) time.Duration {
	wait := min(poll<<min(failures-1, 10), max(poll, maxBackOff))
	var e *Error
	if errors.As(err, &e) {
		wait = max(wait, e.RetryAfter)
	}
	return wait
}

// sleep waits, or returns at once when ctx ends.
func sleep(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// end commits what an interrupted step has counted, if that can be done soon.
func (f *Feed) end(ctx context.Context) {
	if f.next == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastCommit)
	defer cancel()
	f.origin = time.Now()
	f.began = f.origin
	survey, err := f.Source.Survey(ctx)
	if err == nil {
		_, err = f.settle(survey)
	}
	if err != nil {
		f.Log.Info().Err(err).Msg("what was read last is not committed; the next run reads it again")
	}
}
