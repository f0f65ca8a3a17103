package source_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/sourcetest"
)

// behind returns a bench whose steps read so many spans, with days of indices
// that nothing was read of, the last of which is today's.
func behind(t *testing.T, budget, days, each int) (*bench, []*sourcetest.MemoryIndex, [][]source.Span) {
	b := newBench(t, source.Start{Earliest: true})
	b.budget = budget
	b.feed.SetBudget(budget)
	var indices []*sourcetest.MemoryIndex
	var stored [][]source.Span
	for day := range days {
		b.memory.Advance(time.Hour)
		x := b.memory.Create(fmt.Sprintf("spans-%d", day), 1)
		spans := b.spans(each, time.Duration(days-day)*24*time.Hour)
		x.Append(0, spans...)
		indices, stored = append(indices, x), append(stored, spans)
	}
	return b, indices, stored
}

func (b *bench) step() (more bool) {
	b.t.Helper()
	more, err := b.feed.Step(b.t.Context(), epoch)
	if err != nil {
		b.t.Fatalf("step: %v", err)
	}
	return more
}

// counted tells whether all of the spans are counted.
func (b *bench) counted(spans []source.Span) bool {
	return !slices.ContainsFunc(spans, func(s source.Span) bool { return b.book.visible[s.SpanID] != 1 })
}

// TestCatchingUpStarvesNoFreshSpan stores spans of today, late ones, and a new
// index while days are caught up with: each is counted by the next step but one.
func TestCatchingUpStarvesNoFreshSpan(t *testing.T) {
	b, indices, stored := behind(t, 40, 5, 200)
	b.step() // learns how much there is
	today, yesterday := indices[4], indices[3]
	var fresh [][]source.Span
	steps := 0
	for more := true; more; steps++ {
		if len(fresh) < 15 {
			late, now := b.spans(2, 24*time.Hour), b.spans(5, 0)
			yesterday.Append(0, late...)
			today.Append(0, now...)
			fresh = append(fresh, late, now)
			if steps == 2 {
				b.memory.Advance(time.Hour)
				fresh = append(fresh, b.spans(4, 0))
				b.memory.Create("spans-new", 2).Append(1, fresh[len(fresh)-1]...)
			}
			// The survey that confirmed the last step is also that of the next.
			for range 2 {
				more = b.step()
			}
			for _, spans := range fresh {
				if !b.counted(spans) {
					t.Fatalf("step %d: fresh spans wait for the backlog", steps)
				}
			}
			if !b.book.last.Watermark.IsZero() {
				t.Fatalf("step %d: watermark %v while there is a backlog", steps, b.book.last.Watermark)
			}
			continue
		}
		more = b.step()
	}
	if steps < 15 {
		t.Fatalf("caught up after %d steps; the test needs more to tell anything", steps)
	}
	b.want(append(stored, fresh...)...)
	if !b.book.last.Watermark.After(epoch) {
		t.Error("no commit told that all is read")
	}
}

func TestABacklogIsReadOldestFirst(t *testing.T) {
	b, _, stored := behind(t, 40, 5, 200)
	done := make([]int, len(stored))
	for steps := 1; ; steps++ {
		more := b.step()
		for day, spans := range stored {
			if done[day] == 0 && b.counted(spans) {
				done[day] = steps
			}
		}
		if !more {
			break
		}
	}
	// Two readers have two days under way.
	for day := range done[2:] {
		if done[day] == 0 || done[day+2] < done[day] {
			t.Errorf("days, oldest first, were read after so many steps: %v", done)
		}
	}
	if done[4] < done[0]+10 {
		t.Errorf("the oldest day was read after %d steps, the youngest after %d", done[0], done[4])
	}
}

// TestABacklogIsReadHoweverMuchIsFresh stores more than a step reads before each step.
func TestABacklogIsReadHoweverMuchIsFresh(t *testing.T) {
	b, indices, stored := behind(t, 40, 2, 200)
	b.step()
	all := slices.Clone(stored)
	for range 80 {
		all = append(all, b.spans(60, 0))
		indices[1].Append(0, all[len(all)-1]...)
		b.step()
	}
	for day, spans := range stored {
		if !b.counted(spans) {
			t.Errorf("day %d is not counted after 80 steps", day)
		}
	}
	for more := true; more; {
		more = b.step()
	}
	b.want(all...)
}

// TestAStepThatCatchesUpIsBounded holds the budget while both ends are read.
func TestAStepThatCatchesUpIsBounded(t *testing.T) {
	b, indices, _ := behind(t, 40, 3, 500)
	for range 30 {
		before := len(b.book.visible)
		indices[2].Append(0, b.spans(25, 0)...)
		b.step()
		// A page of each of two readers may be under way when the budget is spent.
		if read := len(b.book.visible) - before; read > 40+2*3 {
			t.Fatalf("a step read %d spans, its budget is 40", read)
		}
	}
}

// TestABacklogThatIsSlowToReadEndsTheStepInTime reads pages that take two
// seconds each, of which twenty would be within the budget.
func TestABacklogThatIsSlowToReadEndsTheStepInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, indices, stored := behind(t, 60, 2, 120)
		b.memory.OnRead = func(source.Range) error { <-time.After(2 * time.Second); return nil }
		var fresh [][]source.Span
		for more, steps := true, 0; more; steps++ {
			if steps < 5 {
				fresh = append(fresh, b.spans(2, 0))
				indices[1].Append(0, fresh[steps]...)
			}
			before, began := len(b.book.visible), time.Now()
			more = b.step()
			// The poll interval, a page that was under way, and one of what is fresh.
			if took := time.Since(began); took > 9*time.Second {
				t.Fatalf("a step took %v", took)
			}
			if more && len(b.book.visible) == before {
				t.Fatal("a step read nothing")
			}
		}
		b.want(append(stored, fresh...)...)
	})
}

func TestWhatBefallsAShardThatIsReadAtTwoEnds(t *testing.T) {
	// Each begins with 40 of 300 numbers of the backlog counted, and 20 that
	// came after it.
	begin := func(t *testing.T) (b *bench, x *sourcetest.MemoryIndex, old, fresh []source.Span) {
		b, indices, stored := behind(t, 40, 1, 300)
		x = indices[0]
		b.step()
		fresh = b.spans(20, 0)
		x.Append(0, fresh...)
		b.memory.OnRead = func(r source.Range) error {
			if r.After < 250 {
				return &source.Error{Kind: source.Timeout, Err: errors.New("slow")}
			}
			return nil
		}
		for range 2 {
			_, _ = b.feed.Step(t.Context(), epoch)
		}
		b.memory.OnRead = nil
		b.want(stored[0][:42], fresh)
		want := []source.ShardSnapshot{{Number: 0, Ready: true, Read: 41, Upto: 319, Ahead: 20}}
		if diff := cmp.Diff(want, b.feed.Snapshot().Indices[0].Shards); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		return b, x, stored[0], fresh
	}
	t.Run("a restart counts nothing twice", func(t *testing.T) {
		b, x, old, fresh := begin(t)
		b.restart()
		more := b.spans(20, 0)
		x.Append(0, more...)
		b.drain()
		b.want(old, fresh, more)
	})
	t.Run("a deleted index has lost what lay between", func(t *testing.T) {
		b, x, old, fresh := begin(t)
		x.Delete()
		b.drain()
		b.want(old[:42], fresh)
		if got := b.metric("lost_spans_total", "reason", "deleted"); got != 258 {
			t.Errorf("lost = %v, want 258", got)
		}
	})
	t.Run("a new history has lost what lay between", func(t *testing.T) {
		b, x, old, fresh := begin(t)
		x.Set(func(i *source.Index) { i.Shards[0].History = "h1" })
		b.drain()
		after := b.spans(5, 0)
		x.Append(0, after...)
		b.drain()
		b.want(old[:42], fresh, after)
		if got := b.metric("lost_spans_total", "reason", "new_history"); got != 258 {
			t.Errorf("lost = %v, want 258", got)
		}
	})
	for _, lost := range []int{5, 20, 100, 290} {
		t.Run(fmt.Sprintf("of %d numbers that the store loses, those given out again are read again", lost), func(t *testing.T) {
			b, x, old, fresh := begin(t)
			x.Lose(0, lost)
			b.drain()
			after := b.spans(8, 0)
			x.Append(0, after...)
			b.drain()
			left := old[:max(42, min(300, 320-lost))]
			b.want(left, fresh, after)
			if taken := min(lost, 20) + max(0, lost-278); !strings.Contains(b.log.String(), fmt.Sprintf(`"numbers":%d`, taken)) {
				t.Errorf("not said that %d numbers were taken back:\n%s", taken, b.log)
			}
		})
	}
	t.Run("a checkpoint below what was read ahead is waited for", func(t *testing.T) {
		b, x, old, fresh := begin(t)
		x.Hide(0, 10)
		b.drain()
		b.want(old[:42], fresh)
		if !b.book.last.Watermark.IsZero() {
			t.Errorf("watermark %v while the checkpoint is behind", b.book.last.Watermark)
		}
		x.Hide(0, 0)
		b.drain()
		b.want(old, fresh)
	})
	t.Run("what ended before start does not count, what came since does", func(t *testing.T) {
		b := newBench(t, source.Start{Back: 24 * time.Hour})
		b.feed.SetBudget(40)
		x := b.memory.Create("spans-1", 1)
		tooOld, old := b.spans(100, 25*time.Hour), b.spans(100, 23*time.Hour)
		x.Append(0, tooOld...)
		x.Append(0, old...)
		b.memory.Advance(time.Minute)
		b.step()
		late := b.spans(10, 25*time.Hour)
		x.Append(0, late...)
		b.step()
		b.step()
		if !b.counted(late) || b.counted(old) {
			t.Error("what came late waits for the backlog, or there is none")
		}
		b.drain()
		b.want(old, late)
	})
}

// TestProgressTellsWhatIsReadAndLeft catches up at 40 spans a second while ten
// are stored each second.
func TestProgressTellsWhatIsReadAndLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, indices, _ := behind(t, 40, 2, 1000)
		indices[0].Append(0, b.spans(1, 0)...)
		if b.feed.Progress() != nil {
			t.Error("there is progress before anything was read")
		}
		clock := epoch
		b.memory.OnSurvey = func() error {
			<-time.After(time.Second)
			return nil
		}
		step := func() bool {
			began := time.Now()
			more, err := b.feed.Step(t.Context(), clock)
			if err != nil {
				t.Fatal(err)
			}
			clock = clock.Add(time.Since(began))
			return more
		}
		step()
		for range 20 {
			indices[1].Append(0, b.spans(10, 0)...)
			step()
		}
		p := b.feed.Progress()
		if p == nil || p.Read < 800 || p.Read > 1000 || p.Spans != p.Read || p.Part() != float64(p.Read)/float64(p.Read+p.Left) || p.Read+p.Left < 2150 || p.Read+p.Left > 2201 || !p.Began.Equal(epoch) {
			t.Fatalf("after 20 steps: %+v", p)
		}
		if p.Rate < 30 || p.Rate > 50 {
			t.Errorf("rates: %+v", p)
		}
		remaining, ok := p.Remaining()
		if !ok || remaining < 25*time.Second || remaining > time.Minute {
			t.Errorf("remaining: %v, %v of %+v", remaining, ok, p)
		}
		if got := b.metric("catch_up_read_spans"); got != float64(p.Read) {
			t.Errorf("catch_up_read_spans = %v, want %d", got, p.Read)
		}
		if got := b.metric("catch_up_remaining_seconds"); got != remaining.Seconds() {
			t.Errorf("catch_up_remaining_seconds = %v, want %v", got, remaining)
		}
		for range 60 {
			indices[1].Append(0, b.spans(50, 0)...)
			step()
		}
		if remaining, ok := b.feed.Progress().Remaining(); ok {
			t.Errorf("remaining %v while it comes no nearer to its end", remaining)
		}
		if got := b.metric("catch_up_remaining_seconds"); !math.IsInf(got, 1) {
			t.Errorf("catch_up_remaining_seconds = %v", got)
		}
		for step() {
			continue
		}
		if p := b.feed.Progress(); p != nil || b.metric("catch_up_read_spans") != 0 || b.metric("catch_up_remaining_seconds") != 0 {
			t.Errorf("when all is read: %+v", p)
		}
		// What one step reads is no catching up.
		indices[1].Append(0, b.spans(30, 0)...)
		step()
		if p := b.feed.Progress(); p != nil {
			t.Errorf("after an ordinary step: %+v", p)
		}
	})
}
