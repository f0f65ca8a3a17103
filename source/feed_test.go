package source_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/sourcetest"
)

// counts is how often each span was counted, by its id.
type counts map[uint64]int

// book is a Counter that keeps its counts in the state, as the daemon does.
type book struct {
	store *state.Store
	// failCommit, if set, is asked before each commit; failAfter after it is durable.
	failCommit, failAfter error
	last                  source.Step
	// lost holds if any commit was told of spans that can never be counted.
	lost bool

	mu      sync.Mutex // guards pending
	pending counts
	visible counts
	// groups and examples are the spans of groups by minute, and what was shown, discarded or not.
	groups   map[int64]uint64
	examples int
}

func (b *book) Count(_ int, spans []source.Span) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, span := range spans {
		if strings.Clone(span.Service) != "api-gateway" {
			panic(fmt.Sprintf("service %q", span.Service))
		}
		b.pending[span.SpanID]++
	}
}

func (b *book) CountGroups(_ int, groups []source.Group, examples []source.Span) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, g := range groups {
		if strings.Clone(g.Span.Service) != "api-gateway" {
			panic(fmt.Sprintf("service %q", g.Span.Service))
		}
		b.groups[g.Span.End()/60_000_000] += g.Count
	}
	b.examples += len(examples)
}

func (b *book) Commit(c source.Step) error {
	if b.failCommit != nil {
		return b.failCommit
	}
	next := maps.Clone(b.visible)
	for id, n := range b.pending {
		next[id] += n
	}
	err := b.store.Update(func(tx *state.Tx) error {
		for _, id := range slices.Sorted(maps.Keys(b.pending)) {
			if err := tx.Bucket("counts").Put(binary.BigEndian.AppendUint64(nil, id), []byte{byte(next[id])}); err != nil {
				return err
			}
		}
		return c.Save(tx)
	})
	if err != nil {
		return err
	}
	if b.failAfter != nil {
		return b.failAfter
	}
	b.visible, b.pending, b.last = next, counts{}, c
	b.lost = b.lost || c.Lost
	return nil
}

func (b *book) Discard() { b.pending = counts{} }

// A bench is a feed over a memory source with its state in a file.
type bench struct {
	t       *testing.T
	memory  *sourcetest.Memory
	start   source.Start
	member  source.Member
	path    string
	store   *state.Store
	book    *book
	feed    *source.Feed
	metrics *prometheus.Registry
	log     *strings.Builder
	ids     uint64
	// budget, if not 0, is how many spans a step reads.
	budget int
}

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newBench(t *testing.T, start source.Start) *bench {
	b := &bench{t: t, memory: sourcetest.NewMemory("c1", epoch), start: start, path: filepath.Join(t.TempDir(), "state")}
	b.restart()
	t.Cleanup(func() { b.store.Close() })
	return b
}

// restart begins anew from what is durable, as after a kill.
func (b *bench) restart() {
	b.t.Helper()
	if b.store != nil {
		if err := b.store.Close(); err != nil {
			b.t.Fatal(err)
		}
	}
	store, err := state.Open(b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.store = store
	b.book = &book{store: store, pending: counts{}, visible: counts{}, groups: map[int64]uint64{}}
	var positions *source.Positions
	err = store.View(func(tx *state.Tx) error {
		if positions, err = source.LoadPositions(tx); err != nil {
			return err
		}
		if err := positions.Claim(b.member); err != nil {
			return err
		}
		return tx.Bucket("counts").ForEach(func(k, v []byte) error {
			b.book.visible[binary.BigEndian.Uint64(k)] = int(v[0])
			return nil
		})
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.metrics = prometheus.NewRegistry()
	b.log = &strings.Builder{}
	b.feed, err = source.NewFeed(source.FeedOptions{
		Source: source.Share(b.memory, b.member), Counter: b.book, Positions: positions, Start: b.start, Readers: 2, Poll: 5 * time.Second, Silence: 5 * time.Minute,
		Log: zerolog.New(b.log), Metrics: source.NewMetrics(b.metrics, []string{"json"}, []string{"search"}),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	if b.budget > 0 {
		b.feed.SetBudget(b.budget)
	}
}

// spans returns n new spans that ended so long before the epoch.
func (b *bench) spans(n int, ago time.Duration) []source.Span {
	spans := make([]source.Span, n)
	for i := range spans {
		b.ids++
		spans[i] = source.Span{SpanID: b.ids, Service: "api-gateway", Operation: "GET /", Start: epoch.Add(-ago).UnixMicro() - 100, Duration: 100}
	}
	return spans
}

// drain steps until there is nothing more to read, or fails.
func (b *bench) drain() {
	b.t.Helper()
	for range 1000 {
		more, err := b.feed.Step(b.t.Context(), epoch)
		if err != nil {
			b.t.Fatalf("step: %v", err)
		}
		if !more {
			return
		}
	}
	b.t.Fatal("no end after 1000 steps")
}

// want checks which spans are counted, once each.
func (b *bench) want(ids ...[]source.Span) {
	b.t.Helper()
	want := counts{}
	for _, spans := range ids {
		for _, span := range spans {
			want[span.SpanID] = 1
		}
	}
	if diff := cmp.Diff(want, b.book.visible); diff != "" {
		b.t.Errorf("counted (-want +got):\n%s", diff)
	}
}

func (b *bench) metric(name string, labels ...string) float64 {
	b.t.Helper()
	families, err := b.metrics.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "traceslo_source_"+name {
			continue
		}
	series:
		for _, m := range family.GetMetric() {
			for i := 0; i < len(labels); i += 2 {
				if m.GetLabel()[i/2].GetName() != labels[i] || m.GetLabel()[i/2].GetValue() != labels[i+1] {
					continue series
				}
			}
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	b.t.Fatalf("no metric %s %v", name, labels)
	return 0
}

// TestBreakAndUnbreak breaks one part, checks that nothing false becomes
// visible, mends it, and checks that everything is counted once; with and
// without a kill in between.
func TestBreakAndUnbreak(t *testing.T) {
	broken := &source.Error{Kind: source.Unreachable, Err: errors.New("broken")}
	tests := []struct {
		name    string
		breakIt func(b *bench)
		mend    func(b *bench)
	}{
		{"the survey fails", func(b *bench) { b.memory.OnSurvey = func() error { return broken } }, func(b *bench) { b.memory.OnSurvey = nil }},
		{"the survey that confirms fails", func(b *bench) {
			n := 0
			b.memory.OnSurvey = func() error {
				if n++; n > 1 {
					return broken
				}
				return nil
			}
		}, func(b *bench) { b.memory.OnSurvey = nil }},
		{"the first page fails", func(b *bench) { b.memory.OnRead = func(source.Range) error { return broken } }, func(b *bench) { b.memory.OnRead = nil }},
		{"a later page fails", func(b *bench) {
			n := 0
			b.memory.OnRead = func(source.Range) error {
				if n++; n > 2 {
					return broken
				}
				return nil
			}
		}, func(b *bench) { b.memory.OnRead = nil }},
		{"the commit fails", func(b *bench) { b.book.failCommit = state.ErrFull }, func(b *bench) { b.book.failCommit = nil }},
		{"the commit fails after it became durable", func(b *bench) { b.book.failAfter = state.ErrFull }, func(b *bench) { b.book.failAfter = nil }},
	}
	for _, tt := range tests {
		for _, kill := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, killed %v", tt.name, kill), func(t *testing.T) {
				b := newBench(t, source.Start{Earliest: true})
				x := b.memory.Create("spans-1", 1)
				first := b.spans(4, 0)
				x.Append(0, first...)
				b.drain()

				second := b.spans(20, 0)
				x.Append(0, second...)
				tt.breakIt(b)
				for range 3 {
					if _, err := b.feed.Step(t.Context(), epoch); err == nil {
						t.Fatal("the step did not notice")
					}
				}
				for id, n := range b.book.visible {
					if n != 1 {
						t.Errorf("span %d is counted %d times", id, n)
					}
				}
				if kill {
					b.restart()
				}
				tt.mend(b)
				third := b.spans(3, 0)
				x.Append(0, third...)
				b.drain()
				b.want(first, second, third)
			})
		}
	}
}

// TestAnythingMayHappen does what can happen to a store and to the daemon, in
// random order, and then compares with what was stored.
func TestAnythingMayHappen(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t, source.Start{Earliest: true})
		b.memory.PageSize = 1 + rnd.IntN(5)
		if b.budget = rnd.IntN(20); b.budget > 0 {
			b.feed.SetBudget(b.budget)
		}
		var live []*sourcetest.MemoryIndex
		names := map[*sourcetest.MemoryIndex]string{}
		free := []string{"spans-0", "spans-1", "spans-2", "spans-3"}
		spansOf := map[*sourcetest.MemoryIndex][]source.Span{}
		var kept, gone [][]source.Span
		flaky := func() error {
			if rnd.IntN(8) == 0 {
				return &source.Error{Kind: source.Unreachable, Err: errors.New("flaky")}
			}
			return nil
		}
		var mu sync.Mutex // the readers call OnRead side by side
		locked := func() error { mu.Lock(); defer mu.Unlock(); return flaky() }
		b.memory.OnSurvey, b.memory.OnRead = locked, func(source.Range) error { return locked() }
		for range 150 {
			switch op := rnd.IntN(12); {
			case (op == 0 || len(live) == 0) && len(free) > 0:
				b.memory.Advance(time.Second)
				x := b.memory.Create(free[0], 1+rnd.IntN(3))
				names[x], free = free[0], free[1:]
				live = append(live, x)
			case op < 6:
				x := live[rnd.IntN(len(live))]
				spans := b.spans(rnd.IntN(9), 0)
				x.Append(0, spans...)
				spansOf[x] = append(spansOf[x], spans...)
			case op == 6 && len(live) > 2:
				i := rnd.IntN(len(live))
				live[i].Delete()
				free = append(free, names[live[i]])
				gone = append(gone, spansOf[live[i]])
				delete(spansOf, live[i])
				live = append(live[:i], live[i+1:]...)
			case op == 7:
				x, on := live[rnd.IntN(len(live))], rnd.IntN(2) == 0
				x.Set(func(i *source.Index) { i.Closed = on })
			case op == 8:
				x, on := live[rnd.IntN(len(live))], rnd.IntN(2) == 0
				x.Set(func(i *source.Index) { i.Shards[0].Ready = on })
			case op == 9:
				b.book.failCommit = [...]error{nil, nil, state.ErrFull}[rnd.IntN(3)]
			case op == 10 && rnd.IntN(3) == 0:
				b.restart()
			default:
				_, _ = b.feed.Step(t.Context(), epoch)
			}
		}
		b.memory.OnSurvey, b.memory.OnRead, b.book.failCommit = nil, nil, nil
		for _, x := range live {
			x.Set(func(i *source.Index) { i.Closed, i.Shards[0].Ready = false, true })
			kept = append(kept, spansOf[x])
		}
		// A survey that was made ahead may know an index that is gone.
		_, _ = b.feed.Step(t.Context(), epoch)
		b.drain()
		b.drain()
		if got := b.feed.Snapshot(); slices.ContainsFunc(got.Indices, func(x source.IndexSnapshot) bool {
			return slices.ContainsFunc(x.Shards, func(s source.ShardSnapshot) bool { return s.Ahead > 0 || s.Backlog() > 0 })
		}) {
			t.Errorf("seed %d: all is read, and this is told: %+v", seed, got.Indices)
		}
		for _, spans := range gone {
			for _, span := range spans {
				if n := b.book.visible[span.SpanID]; n > 1 {
					t.Errorf("seed %d: span %d of a deleted index is counted %d times", seed, span.SpanID, n)
				}
				delete(b.book.visible, span.SpanID)
			}
		}
		b.want(kept...)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestTheMemorySourceKeepsTheContract(t *testing.T) {
	b := newBench(t, source.Start{Earliest: true})
	x := b.memory.Create("spans-1", 3)
	x.Append(0, b.spans(20, 0)...)
	x.Append(2, b.spans(5, 0)...)
	x.Rewrite(0, 7)
	sourcetest.Contract(t, b.memory)
}
