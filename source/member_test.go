package source_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/sourcetest"
)

func TestMemberText(t *testing.T) {
	for text, want := range map[string]string{
		"1/1": "1/1", "1/2": "1/2", "2/2": "2/2", "64/64": "64/64",
		"": "not one of several", "2": "not one of several", "0/2": "not one of several", "-1/2": "not one of several", "1/0": "not one of several",
		"1/2/3": "not one of several", "1 /2": "not one of several", "a/b": "not one of several", "3/2": "no reader 3 of 2", "1/65": "64 readers at most",
	} {
		var m source.Member
		err := m.UnmarshalText([]byte(text))
		switch {
		case want == text:
			if err != nil || m.String() != want || m.Alone() != (text == "1/1") {
				t.Errorf("%q: got %v, alone %t, %v", text, m, m.Alone(), err)
			}
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("%q: got error %v, want one that says %q", text, err, want)
		}
	}
}

// owner returns which of n members reads a shard, and checks that it is one.
func owner(t *testing.T, uuid string, shard, n int) int {
	t.Helper()
	reader := 0
	for k := 1; k <= n; k++ {
		if (source.Member{Number: k, Of: n}).Reads(uuid, shard) {
			if reader != 0 {
				t.Fatalf("shard %d of %q is read by %d and by %d of %d", shard, uuid, reader, k, n)
			}
			reader = k
		}
	}
	if reader == 0 {
		t.Fatalf("shard %d of %q is read by none of %d", shard, uuid, n)
	}
	return reader
}

func TestEachShardHasOneReader(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	const shards = 4000
	read := map[int]map[int]int{}
	for n := 2; n <= 8; n++ {
		read[n] = map[int]int{}
		for range shards / 5 {
			uuid, ofIndex := fmt.Sprintf("%x", rnd.Uint64()), map[int]int{}
			for shard := range 5 {
				k := owner(t, uuid, shard, n)
				ofIndex[k]++
				read[n][k]++
			}
			for k, got := range ofIndex {
				if least, most := 5/n, (5+n-1)/n; got < least || got > most {
					t.Fatalf("reader %d of %d has %d of the 5 shards of one index", k, n, got)
				}
			}
		}
	}
	for n, each := range read {
		for k := 1; k <= n; k++ {
			if got, want := each[k], shards/n; got < want*85/100 || got > want*115/100 {
				t.Errorf("reader %d of %d has %d of %d shards", k, n, got, shards)
			}
		}
	}
}

// TestReadersStayTheSame holds the formula: another one would have readers of
// two versions read the same shard, or none.
func TestReadersStayTheSame(t *testing.T) {
	var got []int
	for shard := range 8 {
		got = append(got, owner(t, "kXp3Q0nVSbqU5wWlqkYk9A", shard, 4))
	}
	if diff := cmp.Diff([]int{2, 4, 3, 1, 2, 4, 3, 1}, got); diff != "" {
		t.Errorf("readers of shards 0 to 7 (-want +got):\n%s", diff)
	}
}

// A set is the readers of one source.
type set []*bench

func newSet(t *testing.T, memory *sourcetest.Memory, n int) set {
	var all set
	for k := 1; k <= n; k++ {
		b := &bench{t: t, memory: memory, start: source.Start{Earliest: true}, member: source.Member{Number: k, Of: n}, path: filepath.Join(t.TempDir(), "state")}
		b.restart()
		t.Cleanup(func() { b.store.Close() })
		all = append(all, b)
	}
	return all
}

func (s set) drain() {
	for _, b := range s {
		b.drain()
	}
}

// TestReadersTogetherCountEachSpanOnce adds up what the readers of one source
// counted, while indices come and go and readers are killed.
func TestReadersTogetherCountEachSpanOnce(t *testing.T) {
	for _, n := range []int{2, 3, 4, 7} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			memory := sourcetest.NewMemory("c1", epoch)
			ids := &bench{}
			readers := newSet(t, memory, n)
			rnd := rand.New(rand.NewPCG(uint64(n), 1))
			want := counts{}
			var indices []*sourcetest.MemoryIndex
			for round := range 30 {
				if round%5 == 0 {
					indices = append(indices, memory.Create(fmt.Sprint("span-", round), 1+rnd.IntN(5)))
				}
				if round == 17 {
					readers.drain()
					indices[0].Delete()
					indices = indices[1:]
				}
				for _, x := range indices {
					for range rnd.IntN(20) {
						spans := ids.spans(1, 0)
						want[spans[0].SpanID] = 1
						x.Append(rnd.IntN(x.Shards()), spans...)
					}
				}
				for _, b := range readers {
					switch rnd.IntN(4) {
					case 0:
						b.restart()
					case 1:
						b.drain()
					}
				}
			}
			readers.drain()
			got := counts{}
			for _, b := range readers {
				for id, n := range b.book.visible {
					got[id] += n
				}
				if b.book.lost {
					t.Errorf("reader %s lost spans", b.member)
				}
				if !b.book.last.Watermark.Equal(epoch) {
					t.Errorf("reader %s has read up to %v", b.member, b.book.last.Watermark)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("counted together (-want +got):\n%s", diff)
			}
		})
	}
}

// ofFirst returns an index that has a shard of one of two readers alone.
func ofFirst(t *testing.T, memory *sourcetest.Memory) *sourcetest.MemoryIndex {
	t.Helper()
	for i := range 100 {
		x := memory.Create(fmt.Sprint("one-", i), 1)
		if (source.Member{Number: 1, Of: 2}).Reads(x.UUID(), 0) {
			return x
		}
		x.Delete()
	}
	t.Fatal("no index is the first's")
	return nil
}

func TestReaderWithoutAShard(t *testing.T) {
	memory := sourcetest.NewMemory("c1", epoch)
	readers := newSet(t, memory, 2)
	x := ofFirst(t, memory)
	spans := readers[0].spans(5, 0)
	x.Append(0, spans...)
	readers.drain()
	readers[0].want(spans)
	readers[1].want()
	second := readers[1]
	if got := second.metric("indices", "state", "followed"); got != 1 || strings.Contains(second.log.String(), "no index") {
		t.Errorf("the reader that has no shard follows %v indices and says:\n%s", got, second.log)
	}
	if got := second.metric("catching_up"); got != 0 {
		t.Errorf("it catches up: %v", got)
	}
	if !second.book.last.Watermark.Equal(epoch) {
		t.Errorf("it has read up to %v", second.book.last.Watermark)
	}
	// What is deleted unread is lost by whoever should have read it.
	x.Append(0, readers[0].spans(3, 0)...)
	memory.OnRead = func(source.Range) error { return &source.Error{Kind: source.Timeout, Err: fmt.Errorf("slow")} }
	for _, b := range readers {
		_, _ = b.feed.Step(t.Context(), epoch) // it fails for whoever reads
	}
	memory.OnRead = nil
	x.Delete()
	readers.drain()
	if !readers[0].book.lost || second.book.lost {
		t.Errorf("lost by the first %t, by the second %t; want the first alone", readers[0].book.lost, second.book.lost)
	}
}

// TestSilenceIsThatOfAllShards has spans come to the other reader's shards alone.
func TestSilenceIsThatOfAllShards(t *testing.T) {
	memory := sourcetest.NewMemory("c1", epoch)
	readers := newSet(t, memory, 2)
	x := ofFirst(t, memory)
	second, now := readers[1], epoch
	step := func(wait time.Duration, come int) {
		t.Helper()
		now = now.Add(wait)
		memory.Advance(wait)
		x.Append(0, second.spans(come, 0)...)
		if _, err := second.feed.Step(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	step(0, 1)
	for range 5 {
		step(4*time.Minute, 1)
		if second.metric("silent") != 0 {
			t.Fatalf("silent at %v while spans come to another", now)
		}
		if got := second.book.last.Alive; got.Before(now) {
			t.Errorf("at %v, the last sign of life is of %v", now, got)
		}
	}
	alive := now
	step(5*time.Minute+time.Second, 0)
	if second.metric("silent") != 1 {
		t.Error("not silent although no span came to anybody for five minutes")
	}
	if got := second.book.last.Alive; got.Before(alive) || got.After(alive.Add(time.Second)) {
		t.Errorf("the last sign of life is of %v, want %v", got, alive)
	}
	step(time.Second, 1)
	if second.metric("silent") != 0 {
		t.Error("silent although a span came to another")
	}
}

// TestStateOfAnotherReader refuses what would lose spans or count them twice.
func TestStateOfAnotherReader(t *testing.T) {
	member := func(text string) (m source.Member) {
		if err := m.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, test := range []struct {
		was, is string
		refused bool
	}{{"1/1", "1/1", false}, {"1/2", "1/2", false}, {"1/2", "2/2", true}, {"1/2", "1/4", true}, {"1/1", "1/2", true}, {"2/2", "1/1", true}} {
		b := &bench{t: t, memory: sourcetest.NewMemory("c1", epoch), member: member(test.was), path: filepath.Join(t.TempDir(), "state")}
		b.restart()
		b.memory.Create("span-1", 1)
		b.drain()
		b.restart()
		err := b.store.View(func(tx *state.Tx) error {
			positions, err := source.LoadPositions(tx)
			if err != nil {
				return err
			}
			return positions.Claim(member(test.is))
		})
		switch {
		case test.refused != (err != nil):
			t.Errorf("%s as %s: %v", test.was, test.is, err)
		case err != nil && (!strings.Contains(err.Error(), "--shard="+test.was) || !strings.Contains(err.Error(), "earliest")):
			t.Errorf("%s as %s: the message does not tell the way: %v", test.was, test.is, err)
		}
		b.store.Close()
	}
}
