// Package sourcetest holds what every source must pass (Contract) and a source
// in memory that can be broken in every way that a real store can (Memory).
//
// It is for tests alone.
package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/traceslo/traceslo/source"
)

// Contract checks what source.Source promises on a source that holds some
// spans, at least two of them in one shard, and to which none is added
// meanwhile.
func Contract(t *testing.T, s source.Source) {
	t.Helper()
	ctx := t.Context()
	survey, err := s.Survey(ctx)
	if err != nil {
		t.Fatalf("survey: %v", err)
	}
	var ranges []source.Range
	for _, index := range survey.Indices {
		if index.Unfollowed != "" || index.Closed {
			continue
		}
		for _, shard := range index.Shards {
			if shard.Ready {
				ranges = append(ranges, source.Range{Index: index.Name, UUID: index.UUID, Shard: shard.Number, After: -1, Upto: shard.Upto, Surveyed: survey.Taken})
			}
		}
	}
	whole := make([]yield, len(ranges))
	most := 0
	for i, r := range ranges {
		if whole[i], err = readRange(ctx, s, r); err != nil {
			t.Fatalf("read %+v: %v", r, err)
		}
		if whole[i].count() > whole[most].count() {
			most = i
		}
	}
	if len(ranges) == 0 || whole[most].count() < 2 {
		t.Fatalf("the source holds %d ranges and no shard with two spans: the contract needs more to tell anything", len(ranges))
	}

	t.Run("each range read again yields the same spans", func(t *testing.T) {
		for i, r := range ranges {
			again, err := readRange(ctx, s, r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := whole[i].difference(again); diff != "" {
				t.Errorf("%+v (-first +second):\n%s", r, diff)
			}
		}
	})
	t.Run("a range in two parts yields the same spans as in one", func(t *testing.T) {
		r := ranges[most]
		for _, cut := range []int64{r.After, 0, r.Upto / 3, r.Upto / 2, r.Upto - 1, r.Upto} {
			left, right := r, r
			left.Upto, right.After = cut, cut
			got, err := readRange(ctx, s, left)
			if err != nil {
				t.Fatal(err)
			}
			rest, err := readRange(ctx, s, right)
			if err != nil {
				t.Fatal(err)
			}
			if diff := whole[most].difference(got.and(rest)); diff != "" {
				t.Errorf("cut at %d (-whole +parts):\n%s", cut, diff)
			}
		}
	})
	t.Run("an error of the page function ends the reading and comes back as it is", func(t *testing.T) {
		stop := errors.New("stop")
		calls := 0
		err := s.Read(ctx, ranges[most], func(*source.Page) error { calls++; return stop })
		if !errors.Is(err, stop) || calls != 1 {
			t.Errorf("got %v after %d calls, want %v after 1", err, calls, stop)
		}
	})
	t.Run("several ranges are read side by side", func(t *testing.T) {
		got := make([]yield, len(ranges))
		var group errgroup.Group
		for i, r := range ranges {
			group.Go(func() (err error) {
				got[i], err = readRange(ctx, s, r)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		for i, r := range ranges {
			if diff := whole[i].difference(got[i]); diff != "" {
				t.Errorf("%+v (-one by one +side by side):\n%s", r, diff)
			}
		}
	})
	t.Run("an ended context ends the reading", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.Read(ctx, ranges[most], func(*source.Page) error { return nil }); err == nil {
			t.Error("got no error")
		}
		if _, err := s.Survey(ctx); err == nil {
			t.Error("got no error of Survey")
		}
	})
}

// A yield is what a range holds. Which spans come in groups is the source's
// affair, and so are the buckets of their durations.
type yield struct {
	// spans are those that came one by one, as text, failed the failed ones among them.
	spans, failed []string
	// alike is how many there are in all, by what spans of a group have in
	// common, and durations the sum of all.
	alike     map[string]uint64
	durations uint64
	grouped   bool
}

// difference returns how two yields of the same spans differ, "" if they do not.
func (y yield) difference(z yield) string {
	if !y.grouped && !z.grouped {
		return cmp.Diff(y.spans, z.spans)
	}
	y.spans, z.spans, y.grouped, z.grouped = nil, nil, true, true
	return cmp.Diff(y, z, cmp.AllowUnexported(yield{}))
}

// count returns how many spans there are.
func (y yield) count() (n uint64) {
	for _, k := range y.alike {
		n += k
	}
	return n
}

// and returns what both are together.
func (y yield) and(z yield) yield {
	sum := yield{append(y.spans, z.spans...), append(y.failed, z.failed...), maps.Clone(y.alike), y.durations + z.durations, y.grouped || z.grouped}
	for k, n := range z.alike {
		sum.alike[k] += n
	}
	return sum
}

func (y *yield) add(s source.Span, n, micros uint64) {
	y.alike[fmt.Sprintf("%q %q %v root=%v %q %v in the minute %d", s.Service, s.Operation, s.Kind, s.Root, s.Tags, s.Failed, s.End()/60_000_000)] += n
	y.durations += micros
}

func (y *yield) page(p *source.Page) error {
	for _, s := range p.Spans {
		y.spans = append(y.spans, fmt.Sprintf("%+v", s))
		if s.Failed {
			y.failed = append(y.failed, fmt.Sprintf("%+v", s))
		}
		y.add(s, 1, uint64(s.Duration))
	}
	for _, g := range p.Groups {
		if g.Count < 1 || g.Count >= 1<<32 || g.Span.Failed || g.Span.TraceID != (source.TraceID{}) || g.Span.SpanID != 0 {
			return fmt.Errorf("the page up to %d has the group %+v", p.Last, g)
		}
		y.add(g.Span, g.Count, g.Duration)
		y.grouped = true
	}
	if len(p.Examples) > 0 && len(p.Groups) == 0 {
		return fmt.Errorf("the page up to %d has examples of no group", p.Last)
	}
	return nil
}

// readRange reads a range and returns what it holds, and an error where the
// pages do not keep the contract.
func readRange(ctx context.Context, s source.Source, r source.Range) (yield, error) {
	y := yield{alike: map[string]uint64{}}
	last, pages := r.After, 0
	err := s.Read(ctx, r, func(p *source.Page) error {
		if p.Last < last || p.Last > r.Upto || (pages > 0 && p.Last == last) {
			return fmt.Errorf("page %d of (%d, %d] ends at %d after %d", pages, r.After, r.Upto, p.Last, last)
		}
		last = p.Last
		pages++
		return y.page(p)
	})
	if err == nil && (last != r.Upto || pages == 0) {
		err = fmt.Errorf("(%d, %d] ended at %d after %d pages", r.After, r.Upto, last, pages)
	}
	return y, err
}
