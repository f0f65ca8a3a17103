package elastic

import (
	"context"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/traceslo/traceslo/source"
)

// A gate bounds how much of a cluster's time searches take: how many are under
// way at once, and for which part of the time each of these turns is. It lets
// fewer in while the cluster rejects some, does not answer in time, or takes
// much longer for what it answers than it usually does, and more again, one by
// one, when that has passed.
type gate struct {
	most  int
	share float64
	watch Watcher

	mu sync.Mutex // guards all below
	// limit is how many turns there are at the moment, from 1 to most.
	limit float64
	// free are the turns that nobody has, each the time from which on it may be had.
	free []time.Time
	// queue are those who wait for a turn, first come first served. Each is sent
	// the time from which on its turn may be used.
	queue []chan time.Time
	// cut is when the limit was last lowered.
	cut   time.Time
	paces map[answers]*pace
}

// Answers are those that are alike: to the same operation, as what is asked for
// differs, and of about the same size, as a small one takes more time a byte.
type answers struct {
	operation string
	// size is the binary logarithm of the bytes.
	size int
}

// A pace is how long an answer takes, in seconds a byte: of late, and usually.
type pace struct{ lately, usually float64 }

const (
	// leastTold is how many bytes tell a pace.
	leastTold = 64 << 10
	// strained is how many times longer than usual is too long.
	strained = 3
)

func (g *gate) init(most int, share float64, watch Watcher) {
	g.most, g.share, g.watch, g.limit = most, share, watch, float64(most)
	g.free, g.paces = make([]time.Time, most), map[answers]*pace{}
	watch.ObserveSearches(most)
}

// A turn is the right to have one search under way.
type turn struct{ began time.Time }

// enter waits for a turn. Who has one leaves in the end.
func (g *gate) enter(ctx context.Context) (turn, error) {
	came, called := time.Now(), make(chan time.Time, 1)
	g.mu.Lock()
	g.queue = append(g.queue, called)
	g.call()
	g.mu.Unlock()
	var from time.Time
	select {
	case from = <-called:
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		if i := slices.Index(g.queue, called); i >= 0 {
			g.queue = slices.Delete(g.queue, i, i+1)
		} else {
			g.pass(<-called)
		}
		return turn{}, ctx.Err()
	}
	if wait := time.Until(from); wait > 0 {
		if err := pause(ctx, wait); err != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.pass(from)
			return turn{}, err
		}
	}
	now := time.Now()
	g.watch.ObserveWait(now.Sub(came))
	return turn{now}, nil
}

// call gives free turns to those who wait, as far as the limit allows: that
// which may be used first, but none while as many others as the limit allows are
// used or rest, or fewer turns would take as much of the time. g.mu is held.
func (g *gate) call() {
	for len(g.queue) > 0 {
		room := int(g.limit) - (g.most - len(g.free))
		if room <= 0 {
			return
		}
		slices.SortFunc(g.free, time.Time.Compare)
		next := len(g.free) - room
		g.queue[0] <- g.free[next]
		g.queue, g.free = g.queue[1:], slices.Delete(g.free, next, next+1)
	}
}

// pass gives a turn back, which may be used from a time on. g.mu is held.
func (g *gate) pass(from time.Time) {
	g.free = append(g.free, from)
	g.call()
}

// leave gives a turn back after a search that answered so many bytes, or failed.
func (g *gate) leave(t turn, o operation, bytes int, err error) {
	now := time.Now()
	took := now.Sub(t.began)
	g.mu.Lock()
	before := int(g.limit)
	switch kind := source.KindOf(err); {
	case err != nil && (kind == source.Rejected || kind == source.Timeout):
		g.lower(t, g.limit/2, now)
	case err == nil && g.slow(o, took, bytes):
		g.lower(t, g.limit-1, now)
	case err == nil:
		// One more after as many searches as there are turns.
		g.limit = min(float64(g.most), g.limit+1/g.limit)
	}
	rest := time.Duration(float64(took) * (1/g.share - 1))
	g.pass(now.Add(rest))
	after := int(g.limit)
	g.mu.Unlock()
	if after != before {
		g.watch.ObserveSearches(after)
	}
}

// lower lowers the limit, once for all searches that were under way together.
func (g *gate) lower(t turn, to float64, now time.Time) {
	if t.began.After(g.cut) {
		g.limit, g.cut = max(1, to), now
	}
}

// slow learns how long a search took, and tells whether it and those before it
// took much longer than is usual. The usual is learnt at once where it gets
// shorter, and over some hundred searches where it gets longer.
func (g *gate) slow(o operation, took time.Duration, bytes int) bool {
	if bytes < leastTold {
		return false
	}
	now := took.Seconds() / float64(bytes)
	alike := answers{o.name, bits.Len(uint(bytes))}
	p := g.paces[alike]
	if p == nil {
		p = &pace{now, now}
		g.paces[alike] = p
	}
	p.lately += (now - p.lately) / 4
	if now < p.usually {
		p.usually += (now - p.usually) / 4
	} else {
		p.usually += (now - p.usually) / 256
	}
	return p.lately > strained*p.usually
}
