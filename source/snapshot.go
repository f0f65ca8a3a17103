package source

import (
	"strings"
	"time"
)

// A Snapshot is where a feed stood when its last step ended.
type Snapshot struct {
	// Cluster is the store that the positions belong to, "" where it does not tell.
	Cluster string
	// Surveyed is when the store was last asked how far it can be read; zero
	// before the first answer since the start.
	Surveyed time.Time
	// Complete is the time before which every stored span has been counted;
	// zero before the first complete read since the start.
	Complete time.Time
	// Indices are those of that survey, in its order.
	Indices []IndexSnapshot
	// Failures are the last steps that failed, newest first.
	Failures []Failure
}

// An IndexSnapshot is how far one index was read.
type IndexSnapshot struct {
	Name, UUID string
	Created    time.Time
	// State is what is done with it: followed, closed, or a reason to leave it out.
	State  string
	Shards []ShardSnapshot
}

// A ShardSnapshot is how far one shard was read.
type ShardSnapshot struct {
	Number int
	// Ready is unset while the shard cannot be read.
	Ready bool
	// Read is the number up to which everything is counted, Upto that up to
	// which it can be read, the global checkpoint; -1 for none.
	Read, Upto int64
	// Ahead is how many numbers above Read are counted before those between.
	Ahead int64
}

// Backlog returns how many spans, at most, are stored and not counted.
func (s ShardSnapshot) Backlog() int64 { return max(0, s.Upto-s.Read-s.Ahead) }

// A Failure is a step that failed, or several that failed one after the other
// for the same reason.
type Failure struct {
	First, Last time.Time
	Times       int
	Kind        ErrorKind
	// Text names the act, the thing and the cause. It holds no secret.
	Text string
}

const (
	// maxFailures bounds how many failures a feed remembers.
	maxFailures = 10
	// maxFailureText bounds what a store may have a feed remember of one.
	maxFailureText = 1 << 10
)

// A standing is what a Snapshot is made of. It is never changed.
type standing struct {
	survey    *Survey
	positions *Positions
	watermark time.Time
	failures  []Failure
	progress  *Progress
}

// Snapshot returns where the feed stands. Unlike the other methods, it may be
// called at any time, by any goroutine.
func (f *Feed) Snapshot() Snapshot {
	at := f.standing.Load()
	out := Snapshot{Cluster: at.positions.run.Cluster, Complete: at.watermark, Failures: at.failures}
	if at.survey == nil {
		return out
	}
	out.Surveyed = at.survey.Taken
	for _, index := range at.survey.Indices {
		out.Indices = append(out.Indices, at.positions.snapshot(index))
	}
	return out
}

func (p *Positions) snapshot(index Index) IndexSnapshot {
	out := IndexSnapshot{Name: index.Name, UUID: index.UUID, Created: index.Created, State: indexFollowed}
	at, known := p.indices[index.UUID]
	if known && at.Unfollowed != "" {
		out.State = string(at.Unfollowed)
		return out
	}
	if index.Closed {
		out.State = indexClosed
	}
	for _, shard := range index.Shards {
		s := ShardSnapshot{Number: shard.Number, Ready: shard.Ready, Read: -1, Upto: shard.Upto}
		if known {
			if position, ok := at.Shards[shard.Number]; ok {
				s.Read, s.Ahead = position.Read, position.ahead()
				if !shard.Ready {
					// What it told last is the best that is known.
					s.Upto = position.Seen
				}
			}
		}
		out.Shards = append(out.Shards, s)
	}
	return out
}

// stand notes where the feed stands after a step that ended with err.
func (f *Feed) stand(err error) {
	if err != nil {
		f.failed(err)
	}
	f.standing.Store(&standing{survey: f.surveyed, positions: f.committed, watermark: f.watermark, failures: f.failures, progress: f.progress})
}

// failed remembers a failure. What others hold of the failures is not changed.
func (f *Feed) failed(err error) {
	kind, text := KindOf(err), strings.ToValidUTF8(err.Error(), "\uFFFD")
	if len(text) > maxFailureText {
		text = strings.ToValidUTF8(text[:maxFailureText], "") + "…"
	}
	now := f.now()
	next := Failure{First: now, Last: now, Times: 1, Kind: kind, Text: text}
	before := f.failures
	if len(before) > 0 && before[0].Kind == kind && before[0].Text == text {
		next.First, next.Times = before[0].First, before[0].Times+1
		before = before[1:]
	}
	f.failures = append([]Failure{next}, before[:min(len(before), maxFailures-1)]...)
}
