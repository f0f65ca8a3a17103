package source

import (
	"fmt"
	"maps"
	"slices"
)

// A plan is what a survey asks for, given the positions: pure facts, no I/O.
type plan struct {
	// ranges are in the order of the survey.
	ranges []planned
	events []event
	// whole holds if reading the ranges reads everything that the survey
	// knows of: no shard of a followed, open index is out of reach or behind
	// where it was read before.
	whole bool
	// split holds if a shard has more to read after the range that is planned of it.
	split bool
	// backlog is how many numbers are stored and not read, and fresh how many
	// of these were not there when the catching up that goes on began.
	backlog, fresh int64
	// indices counts the indices by what is done with them.
	indices map[string]int
}

// A planned range is one to read.
type planned struct {
	Range
	// behind holds if it waits until what is fresh is read.
	behind bool
}

// The words for what is done with an index, beside the reasons of Unfollowed.
const (
	indexFollowed = "followed"
	indexClosed   = "closed"
)

// An event is something that befell an index, worth a line in the log and a count.
type event struct {
	what    eventKind
	index   string
	shard   int // -1 for the whole index
	numbers int64
	reason  Unfollowed
}

type eventKind string

const (
	// eventDeleted: the index is gone; numbers of it were never read.
	eventDeleted eventKind = "deleted"
	// eventBack: an index that was taken for deleted is there again.
	eventBack eventKind = "back"
	// eventHistory: numbers may have been given out anew, reading starts
	// again at the present end and what lay between is not counted.
	eventHistory eventKind = "new_history"
	// eventRewound: the store lost numbers that were read and gives them out
	// again; reading goes back to where it now ends.
	eventRewound eventKind = "rewound"
	// eventUnfollowed: an index that is left out was seen for the first time.
	eventUnfollowed eventKind = "unfollowed"
)

// gapKinds are the events that leave a gap in what is counted.
var gapKinds = []eventKind{eventDeleted, eventHistory}

// leavesGap holds if spans that were stored can never be counted.
func (e event) leavesGap() bool { return e.numbers > 0 && slices.Contains(gapKinds, e.what) }

// plan takes a survey in: it makes a position for each new index and shard,
// drops those of deleted indices, and returns what to read. What is fresh
// becomes backlog when it is more than a step can read. A survey of another
// cluster is refused.
func (p *Positions) plan(s Survey, start Start, step int64) (plan, error) {
	if err := p.begin(s, start); err != nil {
		return plan{}, err
	}
	out := plan{whole: true, indices: map[string]int{}}
	listed := make(map[string]bool, len(s.Indices))
	for _, index := range s.Indices {
		listed[index.UUID] = true
	}
	// Deleted ones go first: an index that comes back under a name in the same
	// survey in which the former one is missing must find it among the deleted.
	for _, uuid := range slices.Sorted(maps.Keys(p.indices)) {
		if listed[uuid] {
			continue
		}
		name, unfollowed := p.indices[uuid].Name, p.indices[uuid].Unfollowed
		unread := p.forget(uuid)
		if unfollowed == "" {
			out.events = append(out.events, event{what: eventDeleted, index: name, shard: -1, numbers: unread})
		}
	}
	for _, index := range s.Indices {
		p.planIndex(&out, s, index)
	}
	if out.fresh > step {
		p.fallBehind(&out)
	}
	return out, nil
}

// begin notes the first run, and on every later one checks that the store is still the same.
func (p *Positions) begin(s Survey, start Start) error {
	if p.run.Began.IsZero() {
		p.run = firstRun{Cluster: s.Cluster, Began: s.Clock, Start: start, Member: p.claimed}
		if start.Back > 0 {
			p.run.Since = s.Taken.Add(-start.Back)
		}
		p.runChanged = true
		return nil
	}
	switch {
	case s.Cluster == "" || s.Cluster == p.run.Cluster:
		return nil
	case p.run.Cluster == "":
		p.run.Cluster, p.runChanged = s.Cluster, true
		return nil
	}
	return &Error{Kind: Foreign, Err: fmt.Errorf("the stored counters belong to cluster %q and the addresses lead to cluster %q; correct source.elasticsearch.addresses, or give the other cluster a --storage.path of its own", p.run.Cluster, s.Cluster)}
}

func (p *Positions) planIndex(out *plan, s Survey, index Index) {
	if _, known := p.indices[index.UUID]; !known && p.recall(index.Name, index.UUID) {
		out.events = append(out.events, event{what: eventBack, index: index.Name, shard: -1})
	}
	at, known := p.indices[index.UUID]
	if !known {
		at = &position{Name: index.Name, Created: index.Created, Unfollowed: index.Unfollowed,
			Old: index.Created.Before(p.run.Began), Shards: map[int]shardPosition{}}
		if at.Unfollowed == "" && p.knownCopy(index) {
			at.Unfollowed = Restored
		}
		p.indices[index.UUID], p.own[index.UUID] = at, true
		p.changed[index.UUID] = true
		if at.Unfollowed != "" {
			out.events = append(out.events, event{what: eventUnfollowed, index: index.Name, shard: -1, reason: at.Unfollowed})
		}
	}
	switch {
	case at.Unfollowed != "":
		out.indices[string(at.Unfollowed)]++
		return
	case index.Closed:
		out.indices[indexClosed]++
		return
	}
	out.indices[indexFollowed]++
	for _, shard := range index.Shards {
		p.planShard(out, s, index, at, shard)
	}
}

func (p *Positions) planShard(out *plan, s Survey, index Index, at *position, shard Shard) {
	if !shard.Ready {
		out.whole = false
		return
	}
	pos, known := at.Shards[shard.Number]
	before := pos
	switch {
	case !known:
		pos = shardPosition{History: shard.History, Read: min(shard.First-1, shard.Upto), Seen: shard.Upto, Since: -1}
		if at.Old {
			switch start := p.run.Start; {
			case start.Back > 0:
				pos.Since = shard.Upto
			case !start.Earliest:
				pos.Read = shard.Upto
			}
		}
	case pos.History != shard.History:
		// What had not been read is lost as far as its number tells, and what
		// was given the old numbers anew cannot be told from it.
		unread := max(0, max(pos.Seen, shard.Upto)-pos.Read-pos.ahead())
		out.events = append(out.events, event{what: eventHistory, index: index.Name, shard: shard.Number, numbers: unread})
		pos = shardPosition{History: shard.History, Read: shard.Upto, Seen: shard.Upto, Since: -1}
	case shard.Max < pos.top():
		out.events = append(out.events, event{what: eventRewound, index: index.Name, shard: shard.Number, numbers: pos.rewind(shard.Max)})
		pos.Seen = shard.Max
	}
	pos.Seen = max(pos.Seen, shard.Upto)
	if !known || pos != before {
		p.set(index.UUID, shard.Number, pos)
	}
	if shard.Upto < pos.top() {
		// A copy that was just promoted tells an old checkpoint for a while.
		out.whole = false
		return
	}
	out.backlog += shard.Upto - pos.Read - pos.ahead()
	r := Range{Index: index.Name, UUID: index.UUID, Shard: shard.Number, After: pos.Read, Upto: shard.Upto, Surveyed: s.Taken}
	if pos.Ahead > 0 {
		if pos.AheadRead < shard.Upto {
			fresh := r
			fresh.After = pos.AheadRead
			out.add(fresh, false)
		}
		r.Upto = pos.Ahead - 1
	}
	if r.Upto == r.After {
		return
	}
	if pos.Read < pos.Since {
		r.EndedSince = p.run.Since
		if r.Upto > pos.Since {
			// The rest counts whenever its spans ended: a range of its own, after this one.
			r.Upto = pos.Since
			out.split = true
		}
	}
	out.add(r, pos.Ahead > 0)
}

func (out *plan) add(r Range, behind bool) {
	out.ranges = append(out.ranges, planned{r, behind})
	if !behind {
		out.fresh += r.Upto - r.After
	}
}

// fallBehind makes backlog of what is fresh, as it is more than a step can
// read: what is stored from now on goes before it. A shard that has a backlog
// already stays as it is.
func (p *Positions) fallBehind(out *plan) {
	for i := range out.ranges {
		r := &out.ranges[i]
		if at := p.indices[r.UUID].Shards[r.Shard]; at.Ahead == 0 {
			at.mark(r.Upto)
			p.set(r.UUID, r.Shard, at)
			r.behind = true
		}
	}
}

// confirms holds if everything in read was read from the indices that were
// meant: each still exists under its name, with the same history. A name that
// was given to a new index in between would have yielded the new one's spans.
// It returns the name of the first index for which that is not so.
func (s Survey) confirms(read []Range, p *Positions) (changed string, ok bool) {
	if len(read) == 0 {
		return "", true
	}
	now := make(map[string]Index, len(s.Indices))
	for _, index := range s.Indices {
		now[index.UUID] = index
	}
	for _, r := range read {
		index, listed := now[r.UUID]
		if !listed || index.Name != r.Index {
			return r.Index, false
		}
		i := slices.IndexFunc(index.Shards, func(shard Shard) bool { return shard.Number == r.Shard })
		if i < 0 {
			continue // it tells nothing now
		}
		if shard := index.Shards[i]; shard.Ready && shard.History != p.indices[r.UUID].Shards[r.Shard].History {
			return r.Index, false
		}
	}
	return "", true
}
