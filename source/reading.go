package source

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errBudget ends the reading of a step that has read enough.
var errBudget = errors.New("enough for one commit")

// readAll reads the ranges, several side by side, those that are fresh first,
// and returns whether all were read to their ends, and the first error.
func (f *Feed) readAll(ctx context.Context, ranges []planned) (finished bool, err error) {
	queue := make(chan planned, len(ranges))
	fresh, share := int64(0), f.budget
	for _, behind := range []bool{false, true} {
		for _, r := range ranges {
			switch {
			case r.behind != behind:
				continue
			case behind:
				share = f.budget - f.budget/backlogShare
			default:
				fresh += r.Upto - r.After
			}
			queue <- r
		}
	}
	close(queue)
	// Each has a part of the budget of its own: a backlog cannot spend what a
	// fresh shard that is slow to answer will need.
	share = int(min(fresh, int64(share)))
	left := map[bool]int{false: share, true: f.budget - share}
	room, cut := int64(mostSpans), false
	// Nor does a backlog that is slow to read keep what is stored meanwhile from
	// being committed: something of it is read, and then it has until the time of a poll.
	begun := false
	overdue := func(r planned) bool { return r.behind && begun && time.Since(f.began) > f.Poll }
	var first error
	var group sync.WaitGroup
	for worker := range min(f.Readers, len(ranges)) {
		group.Go(func() {
			for r := range queue {
				f.tally.mu.Lock()
				skip := left[r.behind] <= 0 || room <= 0 || overdue(r)
				cut = cut || skip
				// The others spend of the budget meanwhile, about as much each.
				r.Want = max(1, left[r.behind]/min(f.Readers, len(ranges)))
				f.tally.mu.Unlock()
				if skip {
					continue
				}
				started, upto := false, r.After
				err := f.Source.Read(ctx, r.Range, func(page *Page) error {
					pieces := len(page.Spans) + len(page.Groups) + len(page.Unreadable)
					got := page.since(r.EndedSince)
					f.Counter.Count(worker, page.Spans)
					if len(page.Groups) > 0 {
						f.Counter.CountGroups(worker, page.Groups, page.Examples)
					}
					late := page.lateness(f.now().UnixMicro())

					f.tally.mu.Lock()
					defer f.tally.mu.Unlock()
					if !started {
						f.read = append(f.read, r.Range)
						started = true
					}
					f.next.advance(r.Range, page.Last)
					f.tally.read += page.Last - upto
					upto = page.Last
					f.tally.spans += got.spans
					f.tally.before += got.before
					f.tally.lateness.add(&late)
					f.noteUnreadable(page.Unreadable)
					left[r.behind] -= pieces
					room -= got.spans
					begun = begun || r.behind
					if (left[r.behind] <= 0 || room <= 0 || overdue(r)) && page.Last < r.Upto {
						cut = true
						return errBudget
					}
					return nil
				})
				// The other readers learn of a spent budget by themselves, each after the page it has under way.
				if err == nil || errors.Is(err, errBudget) {
					continue
				}
				f.tally.mu.Lock()
				if first == nil {
					first = err
				}
				f.tally.mu.Unlock()
				// One index that cannot be read must not keep the others from being read.
				if ctx.Err() != nil || !single(KindOf(err)) {
					return
				}
			}
		})
	}
	group.Wait()
	return first == nil && !cut, first
}

// single holds for an error that may concern one range alone, and not the
// source as a whole.
func single(kind ErrorKind) bool {
	switch kind {
	case Unreachable, TLS, Unauthorized, Rejected:
		return false
	}
	return true
}
