package source_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/source"
)

func TestASnapshotTellsHowFarEachShardWasRead(t *testing.T) {
	b := newBench(t, source.Start{Earliest: true})
	if got := b.feed.Snapshot(); !got.Surveyed.IsZero() || len(got.Indices) > 0 {
		t.Errorf("before the first survey: %+v", got)
	}
	first := b.memory.Create("jaeger-span-1", 2)
	first.Append(0, b.spans(3, time.Minute)...)
	b.drain()
	copied := b.memory.Restore(first)
	first.Append(1, b.spans(2, time.Minute)...)
	first.Set(func(x *source.Index) { x.Shards[0].Ready = false })
	b.memory.OnRead = func(source.Range) error {
		return &source.Error{Kind: source.Partial, Err: errors.New("read: half of it")}
	}
	if _, err := b.feed.Step(t.Context(), epoch); err == nil {
		t.Fatal("the step did not fail")
	}

	got := b.feed.Snapshot()
	want := []source.IndexSnapshot{
		{Name: "jaeger-span-1", UUID: "jaeger-span-1#1", Created: epoch, State: "followed", Shards: []source.ShardSnapshot{
			{Number: 0, Ready: false, Read: 2, Upto: 2},
			{Number: 1, Ready: true, Read: -1, Upto: 1},
		}},
		{Name: "jaeger-span-1", UUID: "jaeger-span-1#2", Created: epoch, State: "followed", Shards: []source.ShardSnapshot{
			{Number: 0, Ready: true, Read: -1, Upto: 2},
			{Number: 1, Ready: true, Read: -1, Upto: -1},
		}},
	}
	if diff := cmp.Diff(want, got.Indices); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if backlog := got.Indices[0].Shards[1].Backlog(); backlog != 2 {
		t.Errorf("2 spans are stored and not counted, got %d", backlog)
	}
	if got.Cluster != "c1" || got.Surveyed.IsZero() || got.Complete.IsZero() {
		t.Errorf("got %+v", got)
	}

	b.memory.OnRead = nil
	copied.Delete()
	first.Set(func(x *source.Index) { x.Closed = true })
	b.drain()
	got = b.feed.Snapshot()
	if len(got.Indices) != 1 || got.Indices[0].State != "closed" || len(got.Indices[0].Shards) != 0 {
		t.Errorf("of a closed index: %+v", got.Indices)
	}
}

func TestASnapshotRemembersTheLastFailures(t *testing.T) {
	b := newBench(t, source.Start{Earliest: true})
	fail := func(text string, times int) {
		t.Helper()
		b.memory.OnSurvey = func() error { return &source.Error{Kind: source.Unreachable, Err: errors.New(text)} }
		for range times {
			if _, err := b.feed.Step(t.Context(), epoch); err == nil {
				t.Fatal("the step did not fail")
			}
		}
	}
	fail("refused", 3)
	held := b.feed.Snapshot().Failures
	fail("refused", 1)
	fail(strings.Repeat("ü", 2000), 1)
	got := b.feed.Snapshot().Failures
	if len(got) != 2 || got[1].Text != "refused" || got[1].Times != 4 || got[1].Kind != source.Unreachable {
		t.Errorf("got %+v", got)
	}
	if text := got[0].Text; len(text) > 1100 || !strings.HasSuffix(text, "ü…") {
		t.Errorf("a text of %d bytes is kept, ending in %q", len(text), text[len(text)-8:])
	}
	if len(held) != 1 || held[0].Times != 3 {
		t.Errorf("what was handed out has changed: %+v", held)
	}
	for i := range 30 {
		fail(strings.Repeat("x", i+1), 1)
	}
	if got := b.feed.Snapshot().Failures; len(got) != 10 || len(got[0].Text) != 30 {
		t.Errorf("%d failures are remembered, the newest %q", len(got), got[0].Text)
	}

	// Being told to end is no failure.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.feed.Step(ctx, epoch); err == nil {
		t.Fatal("the step did not end")
	}
	if got := b.feed.Snapshot().Failures; got[0].Text != strings.Repeat("x", 30) {
		t.Errorf("a step that was ended is remembered as %q", got[0].Text)
	}
}
