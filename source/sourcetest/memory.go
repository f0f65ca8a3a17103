package sourcetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/traceslo/traceslo/source"
)

// Memory is a source in memory, for tests of what reads sources. Its methods
// may be called at any time, from several goroutines.
//
// It reuses and spoils the memory of a page after the page was handed over, so
// that whoever keeps a string of a span without cloning it is found out.
type Memory struct {
	// PageSize is how many numbers a page holds; 3 if it is 0.
	PageSize int
	// Grouped has spans that did not fail handed out as groups: those of a page
	// that are alike in all but their ids, and in the minute in which they ended.
	Grouped bool
	// OnSurvey and OnRead, if set, are called before a survey is answered and
	// before each page is handed over; their error is what the caller gets.
	OnSurvey func() error
	OnRead   func(r source.Range) error

	mu      sync.Mutex // guards all below
	cluster string
	now     time.Time
	created int
	indices []*MemoryIndex
}

// A MemoryIndex is one index of a Memory.
type MemoryIndex struct {
	memory *Memory
	index  source.Index
	shards [][]*source.Span // nil for a number without a span
	hidden map[int]int64    // shards that tell a lower checkpoint than they have
}

// NewMemory returns an empty store whose clock stands at now.
func NewMemory(cluster string, now time.Time) *Memory {
	return &Memory{cluster: cluster, now: now}
}

// SetCluster makes the store another one.
func (m *Memory) SetCluster(cluster string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cluster = cluster
}

// Advance sets the clock forward.
func (m *Memory) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

// Create makes an index with that many shards, created now.
func (m *Memory) Create(name string, shards int) *MemoryIndex {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.created++
	x := &MemoryIndex{memory: m, shards: make([][]*source.Span, shards), hidden: map[int]int64{}}
	x.index = source.Index{Name: name, UUID: fmt.Sprintf("%s#%d", name, m.created), Created: m.now}
	for n := range shards {
		x.index.Shards = append(x.index.Shards, source.Shard{Number: n, History: "h0", Upto: -1, Max: -1, Ready: true})
	}
	m.indices = append(m.indices, x)
	return x
}

// Restore makes a copy of an index under its name, with its creation time and
// a UUID of its own, as a restored snapshot is one.
func (m *Memory) Restore(of *MemoryIndex) *MemoryIndex {
	x := m.Create(of.index.Name, len(of.shards))
	m.mu.Lock()
	defer m.mu.Unlock()
	x.index.Created = of.index.Created
	for n, spans := range of.shards {
		x.shards[n] = slices.Clone(spans)
	}
	return x
}

// Delete removes the index.
func (x *MemoryIndex) Delete() {
	x.memory.mu.Lock()
	defer x.memory.mu.Unlock()
	x.memory.indices = slices.DeleteFunc(x.memory.indices, func(y *MemoryIndex) bool { return y == x })
}

// Undelete shows an index again that Delete hid: the same one, with its UUID.
func (x *MemoryIndex) Undelete() {
	x.memory.mu.Lock()
	defer x.memory.mu.Unlock()
	x.memory.indices = append(x.memory.indices, x)
}

// Append stores spans in a shard.
func (x *MemoryIndex) Append(shard int, spans ...source.Span) {
	x.memory.mu.Lock()
	defer x.memory.mu.Unlock()
	for _, span := range spans {
		x.shards[shard] = append(x.shards[shard], &span)
	}
}

// Rewrite stores a span that the shard already has again, under a new number.
func (x *MemoryIndex) Rewrite(shard, number int) {
	x.memory.mu.Lock()
	defer x.memory.mu.Unlock()
	span := x.shards[shard][number]
	x.shards[shard][number] = nil
	x.shards[shard] = append(x.shards[shard], span)
}

// Lose drops the last n numbers of a shard, as a store that crashed with an
// asynchronous log does: they will be given out again.
func (x *MemoryIndex) Lose(shard, n int) {
	x.memory.mu.Lock()
	defer x.memory.mu.Unlock()
	x.shards[shard] = x.shards[shard][:len(x.shards[shard])-n]
}

// Hide makes a shard tell a checkpoint that is n lower than it is, as a copy
// that was just promoted does; 0 ends it.
func (x *MemoryIndex) Hide(shard, n int) {
	x.memory.mu.Lock()
	defer x.memory.mu.Unlock()
	x.hidden[shard] = int64(n)
}

// Set changes what the survey tells of the index: its Closed and Unfollowed,
// and its shards' Ready and History.
func (x *MemoryIndex) Set(change func(*source.Index)) {
	x.memory.mu.Lock()
	defer x.memory.mu.Unlock()
	change(&x.index)
}

// Survey implements source.Source.
func (m *Memory) Survey(ctx context.Context) (source.Survey, error) {
	if err := ctx.Err(); err != nil {
		return source.Survey{}, err
	}
	if m.OnSurvey != nil {
		if err := m.OnSurvey(); err != nil {
			return source.Survey{}, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := source.Survey{Cluster: m.cluster, Clock: m.now, Taken: m.now}
	for _, x := range m.indices {
		index := x.index
		index.Shards = nil
		if !index.Closed {
			for n, shard := range x.index.Shards {
				if shard.Ready {
					shard.Max = int64(len(x.shards[n])) - 1
					shard.Upto = shard.Max - x.hidden[n]
				} else {
					shard.History = ""
				}
				index.Shards = append(index.Shards, shard)
			}
		}
		s.Indices = append(s.Indices, index)
	}
	slices.SortStableFunc(s.Indices, func(a, b source.Index) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return s, nil
}

// Read implements source.Source. Like a real store it knows an index by its
// name alone: after a name was given out anew it yields the new index's spans.
func (m *Memory) Read(ctx context.Context, r source.Range, page func(*source.Page) error) error {
	size := int64(m.PageSize)
	if size == 0 {
		size = 3
	}
	for after := r.After; ; after += size {
		if err := ctx.Err(); err != nil {
			return err
		}
		if m.OnRead != nil {
			if err := m.OnRead(r); err != nil {
				return err
			}
		}
		upto := min(after+size, r.Upto)
		spans, err := m.page(r, after, upto)
		if err != nil {
			return err
		}
		memory := make([][]byte, len(spans))
		for i := range spans {
			memory[i] = lay(&spans[i])
		}
		p := source.Page{Spans: spans, Last: upto}
		if m.Grouped {
			group(&p)
		}
		err = page(&p)
		for _, text := range memory {
			for i := range text {
				text[i] = '#'
			}
		}
		clear(spans)
		if err != nil || upto == r.Upto {
			return err
		}
	}
}

// group makes groups of a page's spans that did not fail, and examples of the first of each.
func group(p *source.Page) {
	var rest []source.Span
	at := map[string]int{}
	for _, s := range p.Spans {
		if s.Failed {
			rest = append(rest, s)
			continue
		}
		key := fmt.Sprintf("%q %q %v %v %q %d %d", s.Service, s.Operation, s.Kind, s.Root, s.Tags, s.Duration, s.End()/60_000_000)
		i, ok := at[key]
		if !ok {
			i = len(p.Groups)
			at[key] = i
			p.Groups, p.Examples = append(p.Groups, source.Group{Span: s}), append(p.Examples, s)
			p.Groups[i].Span.TraceID, p.Groups[i].Span.SpanID = source.TraceID{}, 0
		}
		p.Groups[i].Count++
		p.Groups[i].Duration += uint64(s.Duration)
	}
	p.Spans = rest
}

// lay moves the strings of a span into memory that can be spoiled, and returns it.
func lay(span *source.Span) []byte {
	text := []byte(span.Service + span.Operation + span.ErrorType)
	view := unsafe.String(unsafe.SliceData(text), len(text))
	span.Service, view = view[:len(span.Service)], view[len(span.Service):]
	span.Operation, view = view[:len(span.Operation)], view[len(span.Operation):]
	span.ErrorType = view[:len(span.ErrorType)]
	return text
}

func (m *Memory) page(r source.Range, after, upto int64) ([]source.Span, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, x := range m.indices {
		if x.index.Name != r.Index {
			continue
		}
		if x.index.Closed || !x.index.Shards[r.Shard].Ready {
			return nil, &source.Error{Kind: source.Partial, Err: fmt.Errorf("read %q[%d]: not ready", r.Index, r.Shard)}
		}
		var spans []source.Span
		stored := x.shards[r.Shard]
		for n := after + 1; n <= upto && n < int64(len(stored)); n++ {
			if stored[n] != nil {
				spans = append(spans, *stored[n])
			}
		}
		return spans, nil
	}
	return nil, &source.Error{Kind: source.Partial, Err: fmt.Errorf("read %q: no such index", r.Index)}
}

// Shards returns how many shards the index has.
func (x *MemoryIndex) Shards() int { return len(x.shards) }

// UUID returns the index's own id, which no other index has.
func (x *MemoryIndex) UUID() string { return x.index.UUID }
