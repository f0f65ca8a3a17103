package source_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/source"
)

func TestWhatIsNewAndWhatIsOld(t *testing.T) {
	t.Run("start now counts nothing that was stored before the first run, and all after it", func(t *testing.T) {
		b := newBench(t, source.Start{})
		x := b.memory.Create("spans-1", 2)
		x.Append(0, b.spans(5, 0)...)
		b.memory.Advance(time.Minute)
		b.drain()
		after := b.spans(4, time.Hour)
		x.Append(0, after[:2]...)
		x.Append(1, after[2:]...)
		b.drain()
		b.want(after)
	})
	t.Run("start earliest counts all", func(t *testing.T) {
		b := newBench(t, source.Start{Earliest: true})
		old := b.spans(7, 1000*time.Hour)
		b.memory.Create("spans-1", 1).Append(0, old...)
		b.memory.Advance(time.Minute)
		b.drain()
		b.want(old)
	})
	t.Run("start 24h counts of the old ones those that ended since, and later every late one", func(t *testing.T) {
		b := newBench(t, source.Start{Back: 24 * time.Hour})
		x := b.memory.Create("spans-1", 1)
		tooOld, fresh := b.spans(5, 25*time.Hour), b.spans(5, 23*time.Hour)
		x.Append(0, tooOld...)
		x.Append(0, fresh...)
		b.memory.Advance(time.Minute)
		b.drain()
		b.want(fresh)
		if got := b.metric("spans_before_start_total"); got != 5 {
			t.Errorf("spans_before_start_total = %v, want 5", got)
		}
		late := b.spans(3, 25*time.Hour)
		x.Append(0, late...)
		b.drain()
		b.want(fresh, late)
	})
	t.Run("start 24h does not take what came between the first survey and the reading for old", func(t *testing.T) {
		b := newBench(t, source.Start{Back: 24 * time.Hour})
		x := b.memory.Create("spans-1", 1)
		x.Append(0, b.spans(10, 25*time.Hour)...)
		b.memory.Advance(time.Minute)
		b.memory.OnRead = func(source.Range) error { return &source.Error{Kind: source.Timeout, Err: errors.New("slow")} }
		if _, err := b.feed.Step(t.Context(), epoch); err == nil {
			t.Fatal("got no error")
		}
		b.memory.OnRead = nil
		late := b.spans(3, 25*time.Hour)
		x.Append(0, late...)
		b.restart()
		b.drain()
		b.want(late)
	})
	t.Run("an index that was closed at the first run is old when it opens", func(t *testing.T) {
		b := newBench(t, source.Start{})
		x := b.memory.Create("spans-1", 1)
		x.Append(0, b.spans(5, 0)...)
		x.Set(func(i *source.Index) { i.Closed = true })
		b.memory.Advance(time.Minute)
		b.drain()
		x.Set(func(i *source.Index) { i.Closed = false })
		b.drain()
		after := b.spans(2, 0)
		x.Append(0, after...)
		b.drain()
		b.want(after)
	})
	t.Run("an index that was hidden at the first run is old by its creation time", func(t *testing.T) {
		b := newBench(t, source.Start{})
		x := b.memory.Create("spans-1", 1)
		x.Append(0, b.spans(5, 0)...)
		b.memory.Advance(time.Minute)
		x.Delete()
		b.drain()
		b.memory.Advance(time.Minute)
		y := b.memory.Restore(x)
		b.drain()
		after := b.spans(1, 0)
		y.Append(0, after...)
		b.drain()
		b.want(after)
	})
	t.Run("an index created later is read from its beginning, under any start", func(t *testing.T) {
		b := newBench(t, source.Start{})
		b.memory.Advance(time.Minute)
		b.drain()
		all := b.spans(7, 1000*time.Hour)
		b.memory.Create("spans-1", 1).Append(0, all...)
		b.restart()
		b.drain()
		b.want(all)
	})
	t.Run("start is of the first run alone", func(t *testing.T) {
		b := newBench(t, source.Start{})
		x := b.memory.Create("spans-1", 1)
		x.Append(0, b.spans(5, 0)...)
		b.memory.Advance(time.Minute)
		b.drain()
		b.start = source.Start{Earliest: true}
		b.restart()
		b.drain()
		b.want()
	})
	t.Run("a restored copy is left out, and an index made again under the name is not", func(t *testing.T) {
		b := newBench(t, source.Start{Earliest: true})
		b.drain()
		b.memory.Advance(time.Minute)
		x := b.memory.Create("spans-1", 1)
		first := b.spans(4, 0)
		x.Append(0, first...)
		b.drain()
		x.Delete()
		b.restart()
		b.memory.Advance(time.Minute)
		copied := b.memory.Restore(x)
		b.drain()
		b.want(first)
		if got := b.metric("indices", "state", "restored"); got != 1 {
			t.Errorf("indices{state=restored} = %v, want 1", got)
		}
		copied.Delete()
		b.memory.Advance(time.Minute)
		second := b.spans(3, 0)
		b.memory.Create("spans-1", 1).Append(0, second...)
		b.drain()
		b.want(first, second)
	})
	t.Run("an index that was out of sight goes on where it was", func(t *testing.T) {
		b := newBench(t, source.Start{})
		b.drain()
		b.memory.Advance(time.Minute)
		x := b.memory.Create("spans-1", 2)
		first := b.spans(6, 0)
		x.Append(0, first...)
		b.drain()
		x.Delete()
		b.drain()
		b.restart()
		b.drain()
		second := b.spans(5, 0)
		x.Append(0, second[:2]...)
		x.Append(1, second[2:]...)
		x.Undelete()
		b.drain()
		b.want(first, second)
		b.restart()
		b.drain()
		b.want(first, second)
		if got := b.metric("indices", "state", "followed"); got != 1 {
			t.Errorf("indices{state=followed} = %v, want 1", got)
		}
	})
	t.Run("a copy that the source knows as one is left out and said once", func(t *testing.T) {
		b := newBench(t, source.Start{Earliest: true})
		x := b.memory.Create("spans-1", 1)
		x.Append(0, b.spans(4, 0)...)
		x.Set(func(i *source.Index) { i.Unfollowed = source.Resized })
		b.drain()
		b.drain()
		b.restart()
		b.drain()
		b.want()
		if n := strings.Count(b.log.String(), "left out"); n != 0 {
			t.Errorf("said %d times more after the first run", n)
		}
	})
	t.Run("another cluster is refused", func(t *testing.T) {
		b := newBench(t, source.Start{Earliest: true})
		b.drain()
		b.memory.SetCluster("c2")
		b.restart()
		_, err := b.feed.Step(t.Context(), epoch)
		if source.KindOf(err) != source.Foreign || !strings.Contains(err.Error(), "--storage.path") {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhatBefallsIndices(t *testing.T) {
	t.Run("a deleted index is forgotten, and what was unread of it is lost and said", func(t *testing.T) {
		b := newBench(t, source.Start{Earliest: true})
		x := b.memory.Create("spans-1", 2)
		read := b.spans(4, 0)
		x.Append(0, read...)
		b.drain()
		x.Append(0, b.spans(3, 0)...)
		x.Append(1, b.spans(2, 0)...)
		b.memory.OnRead = func(source.Range) error { return &source.Error{Kind: source.Timeout, Err: errors.New("slow")} }
		_, _ = b.feed.Step(t.Context(), epoch)
		b.memory.OnRead = nil
		x.Delete()
		b.drain()
		b.want(read)
		if got := b.metric("lost_spans_total", "reason", "deleted"); got != 5 {
			t.Errorf("lost = %v, want 5", got)
		}
		if !b.book.lost {
			t.Error("no commit said that spans are lost")
		}
	})
	t.Run("an index that is made again while it is read is not taken for the former one", func(t *testing.T) {
		b := newBench(t, source.Start{Earliest: true})
		x := b.memory.Create("spans-1", 1)
		x.Append(0, b.spans(9, 0)...)
		second := b.spans(9, 0)
		pages := 0
		b.memory.OnRead = func(source.Range) error {
			if pages++; pages == 2 {
				x.Delete()
				b.memory.Advance(time.Minute)
				b.memory.Create("spans-1", 1).Append(0, second...)
			}
			return nil
		}
		b.drain()
		b.want(second)
		if b.book.lost {
			t.Error("a commit said that spans are lost, and none is known to be")
		}
		if got := b.metric("discards_total"); got != 1 {
			t.Errorf("discards = %v, want 1", got)
		}
	})
	t.Run("a new history starts again at the end, with an alarm", func(t *testing.T) {
		b := newBench(t, source.Start{Earliest: true})
		x := b.memory.Create("spans-1", 1)
		read := b.spans(4, 0)
		x.Append(0, read...)
		b.drain()
		x.Append(0, b.spans(3, 0)...)
		x.Set(func(i *source.Index) { i.Shards[0].History = "h1" })
		b.drain()
		after := b.spans(2, 0)
		x.Append(0, after...)
		b.drain()
		b.want(read, after)
		if got := b.metric("gaps_total", "reason", "new_history"); got != 1 {
			t.Errorf("gaps = %v, want 1", got)
		}
		if !b.book.lost {
			t.Error("no commit said that spans are lost")
		}
	})
	t.Run("a checkpoint below what was read is waited for", func(t *testing.T) {
		b := newBench(t, source.Start{Earliest: true})
		x := b.memory.Create("spans-1", 1)
		first := b.spans(4, 0)
		x.Append(0, first...)
		b.drain()
		x.Hide(0, 3)
		b.drain()
		if got := b.metric("catching_up"); got != 1 {
			t.Errorf("catching_up = %v, want 1", got)
		}
		second := b.spans(2, 0)
		x.Append(0, second...)
		x.Hide(0, 0)
		b.drain()
		b.want(first, second)
	})
	t.Run("numbers that the store lost and gives out again are read again", func(t *testing.T) {
		b := newBench(t, source.Start{Earliest: true})
		x := b.memory.Create("spans-1", 1)
		first := b.spans(4, 0)
		x.Append(0, first...)
		b.drain()
		x.Lose(0, 2)
		b.drain()
		second := b.spans(3, 0)
		x.Append(0, second...)
		b.drain()
		b.want(first, second)
	})
	t.Run("a shard out of reach holds up no other, and is read when it is back", func(t *testing.T) {
		b := newBench(t, source.Start{Earliest: true})
		x := b.memory.Create("spans-1", 2)
		red, green := b.spans(3, 0), b.spans(3, 0)
		x.Append(0, red...)
		x.Append(1, green...)
		x.Set(func(i *source.Index) { i.Shards[0].Ready = false })
		b.drain()
		b.want(green)
		if !b.book.last.Watermark.IsZero() {
			t.Errorf("watermark %v while a shard is out of reach", b.book.last.Watermark)
		}
		x.Set(func(i *source.Index) { i.Shards[0].Ready = true })
		b.drain()
		b.want(green, red)
		if !b.book.last.Watermark.Equal(epoch) {
			t.Errorf("watermark %v, want %v", b.book.last.Watermark, epoch)
		}
	})
}
