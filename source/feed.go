package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
)

// A Counter is what a Feed hands spans to. What it counted becomes durable
// with the positions or not at all.
type Counter interface {
	// Count counts spans, each of which it is handed once between two
	// commits. They are only valid during the call. Several goroutines call it
	// at once, each with a worker number of its own in [0, Readers).
	Count(worker int, spans []Span)
	// CountGroups counts the spans of groups; of examples it keeps only what
	// they show. All else is as with Count.
	CountGroups(worker int, groups []Group, examples []Span)
	// Commit makes everything that was counted since the last commit durable,
	// in one transaction with what s.Save writes, and only then visible. After an
	// error nothing of it is durable or visible, and all of it is kept for the
	// next Commit. No Count is under way.
	Commit(s Step) error
	// Discard forgets everything that was counted since the last commit. No
	// Count is under way.
	Discard()
}

// A Step is what becomes durable at once with what was counted.
type Step struct {
	// Now is the time of the commit.
	Now time.Time
	// Watermark is a time before which every stored span has been counted; zero says nothing.
	Watermark time.Time
	// Since is when the counting begins: of spans that were stored before the
	// first run, none that ended before it counts. Zero is the beginning of what is stored.
	Since time.Time
	// Lost holds if spans that were stored since the last Watermark can never be counted.
	Lost bool
	// Alive is when it was seen last that spans come, be it to shards that other
	// members read; the beginning of the reading if that was not seen yet.
	Alive time.Time
	// Save writes how far was read.
	Save func(*state.Tx) error
}

// FeedOptions are what a Feed is made of. All fields are required but where they say so.
type FeedOptions struct {
	Source  Source
	Counter Counter
	// Positions are where the last run ended. The feed owns them from now on.
	Positions *Positions
	// Start says what counts of that which was stored before the first run.
	Start Start
	// Readers is how many shards are read side by side, at least 1.
	Readers int
	// Poll is the time between two surveys while there is nothing more to read.
	Poll time.Duration
	// Silence is for how long no span may come before the source is called silent; 0 for never.
	Silence time.Duration
	Log     zerolog.Logger
	Metrics *Metrics
}

// A Feed reads a source to its end again and again, each stored span once. Its
// methods are for one goroutine, but for Snapshot.
type Feed struct {
	FeedOptions

	// budget is how many spans and groups a step reads before it commits.
	budget    int
	committed *Positions
	// next is where the reading stands; it runs ahead of committed by what is
	// counted and not yet committed. nil if nothing is.
	next *Positions
	// read are the ranges whose spans are counted and not yet confirmed to be
	// of the indices that were meant.
	read []Range
	// ahead is a survey that was made to confirm and serves the next step too.
	ahead *Survey
	tally tally

	// origin is the time at which the step began, as its caller has it, and
	// began the same as this machine has it.
	origin, began time.Time
	// progress is how far a catching up came, nil if none goes on. What it
	// leads to is never changed.
	progress *Progress
	// whole holds if the last step that was settled read the source to its end.
	whole bool
	// watermark is when the last survey began up to which everything is counted.
	watermark time.Time
	lastSpan  time.Time
	// lastOther is when the last survey was taken by which spans came to other members.
	lastOther  time.Time
	lastCommit time.Time
	// silent and empty are what was logged last of the source.
	silent, empty bool
	// unreadableLogged are the reasons for which a document was logged.
	unreadableLogged map[string]bool

	// surveyed is the last survey, failures are what Snapshot says of steps that failed.
	surveyed *Survey
	failures []Failure
	// standing is what Snapshot is made of, whoever asks for one.
	standing atomic.Pointer[standing]
}

// tally counts, for the metrics, what was read and not yet committed.
type tally struct {
	mu     sync.Mutex // guards all below, while readers run
	spans  int64
	before int64
	// read is by how many numbers the positions came on, backlog how many were
	// to be read, and finished holds if all that was planned is read.
	read, backlog int64
	finished      bool
	unreadable    map[string]int
	lateness      latenessCount
	events        []event
	whole         bool
	taken         time.Time
}

const (
	// budget is how many spans and groups a step reads before it commits, so
	// that a crash during a long catching up costs little. It also bounds
	// memory: what a step counts is kept beside what is committed.
	budget = 50_000
	// mostSpans is how many spans the groups of a step may stand for, so that
	// a Counter can do with numbers of 32 bits.
	mostSpans = 1 << 30
)

// backlogShare is the part of the budget that is left to a backlog, however
// much is fresh: one in four.
const backlogShare = 4

// idleCommit is how often a feed commits when nothing comes, so that the
// counter can end what has aged, and can tell that all is read.
const idleCommit = 15 * time.Second

// NewFeed returns a feed that has read nothing yet.
func NewFeed(o FeedOptions) (*Feed, error) {
	switch {
	case o.Readers < 1:
		return nil, fmt.Errorf("%d readers; at least 1 is needed", o.Readers)
	case o.Poll <= 0:
		return nil, fmt.Errorf("poll interval %v; it must be positive", o.Poll)
	}
	f := &Feed{FeedOptions: o, budget: budget, committed: o.Positions, unreadableLogged: map[string]bool{}}
	f.stand(nil)
	return f, nil
}

// Step surveys the source once, reads what is new, up to a bounded number of
// spans, and commits it. It returns whether there is more to read now. After an
// error the next Step goes on where this one ended; what was read before it is
// committed, now or then.
func (f *Feed) Step(ctx context.Context, now time.Time) (more bool, err error) {
	f.origin, f.began = now, time.Now()
	more, whole, err := f.step(ctx)
	if err == nil || ctx.Err() == nil {
		f.stand(err)
	}
	switch {
	case err != nil:
		f.Metrics.polls.WithLabelValues(pollError).Inc()
		if ctx.Err() == nil {
			f.Metrics.errors.WithLabelValues(string(KindOf(err))).Inc()
		}
	case more || !whole:
		f.Metrics.polls.WithLabelValues(pollPartial).Inc()
	default:
		f.Metrics.polls.WithLabelValues(pollComplete).Inc()
	}
	if more || !whole || err != nil {
		f.Metrics.catchingUp.Set(1)
	} else {
		f.Metrics.catchingUp.Set(0)
	}
	silent := f.Silence > 0 && err == nil && whole && !f.lastSpan.IsZero() && now.Sub(f.alive()) >= f.Silence
	f.noteSilence(silent)
	return more, err
}

// noteSilence tells, when it begins and when it ends, that no span comes.
func (f *Feed) noteSilence(silent bool) {
	f.Metrics.silent.Set(map[bool]float64{true: 1}[silent])
	if silent != f.silent {
		f.silent = silent
		if silent {
			f.Log.Warn().Dur("silence", f.Silence).Msg("no span came from any service for longer than source.silence, and all that is stored is read")
		} else {
			f.Log.Info().Msg("spans come again")
		}
	}
}

// noteIndices tells, when it begins and when it ends, that there is nothing to follow.
func (f *Feed) noteIndices(followed int) {
	if empty := followed == 0; empty != f.empty {
		f.empty = empty
		if empty {
			f.Log.Warn().Msg("there is no index of spans to read; if there should be, correct index_prefix and see `traceslo check --live`")
		} else {
			f.Log.Info().Int("indices", followed).Msg("there are indices of spans to read")
		}
	}
}

func (f *Feed) step(ctx context.Context) (more, whole bool, err error) {
	survey, err := f.survey(ctx)
	if err != nil {
		return false, false, err
	}
	if f.next != nil {
		// Left over from a step whose survey or commit failed.
		if settled, err := f.settle(survey); err != nil || !settled {
			return err == nil, false, err
		}
	}
	if f.lastSpan.IsZero() {
		f.lastSpan = f.now()
	}
	f.next = f.committed.clone()
	plan, err := f.next.plan(survey, f.Start, int64(f.budget))
	if err != nil {
		f.next = nil
		return false, false, err
	}
	f.Metrics.setIndices(plan.indices)
	f.Metrics.backlog.Set(float64(plan.backlog))
	f.tally = tally{unreadable: map[string]int{}, events: plan.events, taken: survey.Taken, backlog: plan.backlog}

	f.noteIndices(plan.indices[indexFollowed])

	finished, readErr := f.readAll(ctx, plan.ranges)
	finished = finished && !plan.split
	f.tally.finished = finished
	f.tally.whole = plan.whole && finished
	if len(f.read) > 0 {
		if survey, err = f.survey(ctx); err != nil {
			return false, false, errors.Join(readErr, err)
		}
	}
	settled, err := f.settle(survey)
	if err != nil {
		return false, false, errors.Join(readErr, err)
	}
	if readErr != nil {
		return false, false, readErr
	}
	more = !settled || !finished
	if more && settled {
		f.ahead = &survey
	}
	return more, plan.whole, nil
}

// now is the time as the caller of Step has it.
func (f *Feed) now() time.Time { return f.origin.Add(time.Since(f.began)) }

func (f *Feed) survey(ctx context.Context) (Survey, error) {
	if ahead := f.ahead; ahead != nil {
		f.ahead = nil
		return *ahead, nil
	}
	survey, err := f.Source.Survey(ctx)
	if err == nil {
		f.surveyed = &survey
		if survey.Others > 0 {
			f.lastOther = f.now()
		}
	}
	return survey, err
}

// alive is when it was seen last that spans come.
func (f *Feed) alive() time.Time {
	if f.lastOther.After(f.lastSpan) {
		return f.lastOther
	}
	return f.lastSpan
}

// settle confirms by a later survey that what was read is what was meant, and
// commits it; or drops it, to be read again. It returns whether it committed.
func (f *Feed) settle(later Survey) (bool, error) {
	// Not the time at which the step began: a step can take long, and what is
	// born in it is born now.
	now := f.now()
	if index, ok := later.confirms(f.read, f.next); !ok {
		f.Counter.Discard()
		f.next, f.read = nil, nil
		f.Metrics.discards.Inc()
		f.Log.Info().Str("index", index).Msg("an index was deleted or made again while it was read; reading again what was not committed")
		return false, nil
	}
	// Confirmed once is confirmed for good: a commit that fails is tried again as it is.
	f.read = nil
	watermark := f.watermark
	// A source may show what is older after what was newer: nothing that is
	// counted becomes uncounted by that.
	if f.tally.whole && f.tally.taken.After(watermark) {
		watermark = f.tally.taken
	}
	// The end of a catching up is told at once, also if it found nothing more to read.
	caughtUp := f.tally.whole && !f.whole
	if f.tally.spans > 0 || f.next.dirty() || caughtUp || now.Sub(f.lastCommit) >= idleCommit {
		began := time.Now()
		alive := f.alive()
		if f.tally.spans > 0 {
			alive = now
		}
		err := f.Counter.Commit(Step{
			Now:       now,
			Watermark: watermark,
			Since:     f.next.since(),
			Lost:      slices.ContainsFunc(f.tally.events, event.leavesGap),
			Alive:     alive,
			Save:      f.next.save,
		})
		if err != nil {
			return false, &Error{Kind: Commit, Err: fmt.Errorf("commit: %w", err)}
		}
		f.lastCommit = now
		f.Metrics.commits.Observe(time.Since(began).Seconds())
	}
	f.whole = f.tally.whole
	f.next.clearChanges()
	f.committed, f.next, f.watermark = f.next, nil, watermark
	f.publish(now)
	return true, nil
}
