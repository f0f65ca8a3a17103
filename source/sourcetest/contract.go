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
			if diff := cmp.Diff(whole[i], again, allowed); diff != "" {
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
			if diff := cmp.Diff(whole[most], got.and(rest), allowed); diff != "" {
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
		if diff := cmp.Diff(whole, got, allowed); diff != "" {
			t.Errorf("(-one by one +side by side):\n%s", diff)
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

// A yield is what a range holds: spans as text, and how many are in groups by
// what those have in common, but for the bucket of their duration, which the
// contract does not know. How spans fall into pages is the source's affair.
type yield struct {
	spans     []string
	groups    map[string]uint64
	durations uint64
}

var allowed = cmp.AllowUnexported(yield{})

// count returns how many spans there are.
func (y yield) count() uint64 {
	n := uint64(len(y.spans))
	for _, k := range y.groups {
		n += k
	}
	return n
}

// and returns what both are together.
func (y yield) and(z yield) yield {
	sum := yield{append(y.spans, z.spans...), maps.Clone(y.groups), y.durations + z.durations}
	for k, n := range z.groups {
		sum.groups[k] += n
	}
	return sum
}

func (y *yield) add(g source.Group) error {
	s := g.Span
	if g.Count < 1 || g.Count >= 1<<32 || s.Failed || s.TraceID != (source.TraceID{}) || s.SpanID != 0 {
		return fmt.Errorf("there is the group %+v", g)
	}
	y.groups[fmt.Sprintf("%q %q %v root=%v %q in the minute %d", s.Service, s.Operation, s.Kind, s.Root, s.Tags, s.End()/60_000_000)] += g.Count
	y.durations += g.Duration
	return nil
}

// readRange reads a range and returns what it holds, and an error where the
// pages do not keep the contract.
func readRange(ctx context.Context, s source.Source, r source.Range) (yield, error) {
	y := yield{groups: map[string]uint64{}}
	last, pages := r.After, 0
	err := s.Read(ctx, r, func(p *source.Page) error {
		if p.Last < last || p.Last > r.Upto || (pages > 0 && p.Last == last) {
			return fmt.Errorf("page %d of (%d, %d] ends at %d after %d", pages, r.After, r.Upto, p.Last, last)
		}
		last = p.Last
		pages++
		for _, span := range p.Spans {
			y.spans = append(y.spans, fmt.Sprintf("%+v", span))
		}
		for _, g := range p.Groups {
			if err := y.add(g); err != nil {
				return err
			}
		}
		if len(p.Examples) > 0 && len(p.Groups) == 0 {
			return fmt.Errorf("the page up to %d has examples of no group", p.Last)
		}
		return nil
	})
	if err == nil && (last != r.Upto || pages == 0) {
		err = fmt.Errorf("(%d, %d] ended at %d after %d pages", r.After, r.Upto, last, pages)
	}
	return y, err
}
