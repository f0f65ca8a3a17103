package source_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/source"
)

func TestAStepIsBounded(t *testing.T) {
	b := newBench(t, source.Start{Earliest: true})
	b.memory.PageSize = 1000
	x := b.memory.Create("spans-1", 1)
	for range 25 {
		x.Append(0, b.spans(10_000, 0)...)
	}
	more, err := b.feed.Step(t.Context(), epoch)
	if err != nil || !more || len(b.book.visible) != 50_000 {
		t.Errorf("the first step counted %d spans, more %v, error %v", len(b.book.visible), more, err)
	}
	b.drain()
	// The last step found nothing more, and has told that all the same.
	if b.book.last.Watermark.IsZero() {
		t.Error("no commit told that all is read")
	}
	if len(b.book.visible) != 250_000 {
		t.Errorf("counted %d spans, want 250000", len(b.book.visible))
	}
}

func TestRunCommitsWhatItCountedWhenItIsToldToEnd(t *testing.T) {
	b := newBench(t, source.Start{Earliest: true})
	x := b.memory.Create("spans-1", 1)
	all := b.spans(9, 0)
	x.Append(0, all...)
	ctx, cancel := context.WithCancel(t.Context())
	pages := 0
	b.memory.OnRead = func(source.Range) error {
		if pages++; pages == 3 {
			cancel()
		}
		return ctx.Err()
	}
	if err := b.feed.Run(ctx); err != nil {
		t.Fatal(err)
	}
	b.want(all[:6])
	b.memory.OnRead = nil
	b.restart()
	b.drain()
	b.want(all)
}

func TestRunPollsBacksOffAndSpeaksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, source.Start{Earliest: true})
		surveys := 0
		var at []time.Duration
		began := time.Now()
		b.memory.OnSurvey = func() error {
			surveys++
			at = append(at, time.Since(began))
			if surveys > 2 && surveys < 7 {
				return &source.Error{Kind: source.Rejected, RetryAfter: 30 * time.Second, Err: errors.New("too busy")}
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		if err := b.feed.Run(ctx); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, 5, 10, 40, 70, 100, 140, 145}
		for i := range want {
			if got := at[i].Round(time.Second); got != want[i]*time.Second {
				t.Errorf("survey %d after %v, want %vs", i, got, int(want[i]))
			}
		}
		if n := strings.Count(b.log.String(), "too busy"); n != 1 {
			t.Errorf("the error was logged %d times:\n%s", n, b.log)
		}
		if !strings.Contains(b.log.String(), "reading the source again") {
			t.Errorf("the recovery was not logged:\n%s", b.log)
		}
	})
}

func TestOneIndexThatCannotBeReadKeepsNoOtherFromBeingRead(t *testing.T) {
	b := newBench(t, source.Start{Earliest: true})
	var good [][]source.Span
	for i := range 6 {
		x := b.memory.Create(fmt.Sprintf("spans-%d", i), 1)
		spans := b.spans(9, 0)
		x.Append(0, spans...)
		if i > 0 {
			good = append(good, spans)
		}
	}
	b.memory.OnRead = func(r source.Range) error {
		if r.Index == "spans-0" {
			return &source.Error{Kind: source.Forbidden, Err: errors.New("not this one")}
		}
		return nil
	}
	if _, err := b.feed.Step(t.Context(), epoch); source.KindOf(err) != source.Forbidden {
		t.Errorf("got %v", err)
	}
	b.want(good...)
	if !b.book.last.Watermark.IsZero() {
		t.Errorf("watermark %v while an index is not read", b.book.last.Watermark)
	}
}

func TestACommitBearsTheTimeAtWhichItIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, source.Start{Earliest: true})
		x := b.memory.Create("spans-1", 1)
		x.Append(0, b.spans(5, 0)...)
		b.memory.OnRead = func(source.Range) error { <-time.After(time.Minute); return nil }
		if _, err := b.feed.Step(t.Context(), epoch); err != nil {
			t.Fatal(err)
		}
		if want := epoch.Add(2 * time.Minute); !b.book.last.Now.Equal(want) {
			t.Errorf("committed as of %v, want %v", b.book.last.Now, want)
		}
	})
}

func TestRunEndsWhenTheStateIsDamaged(t *testing.T) {
	b := newBench(t, source.Start{Earliest: true})
	b.book.failCommit = fmt.Errorf("page 7: %w", state.ErrDamaged)
	if err := b.feed.Run(t.Context()); !errors.Is(err, state.ErrDamaged) {
		t.Errorf("got %v", err)
	}
}
