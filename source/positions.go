package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/state"
)

// Positions say how far every shard was read. They are written in the
// transaction that writes what was counted, so that a crash parts neither from
// the other. The Feed alone changes them.
type Positions struct {
	run     firstRun
	indices map[string]*position // by UUID
	// own are the UUIDs of those that no other Positions share: the others are
	// copied before they are changed.
	own map[string]bool
	// deleted holds the indices that went out of sight, by name. One that comes
	// back with its UUID is the same, seen again, as after a mistaken prefix was
	// put right; one that comes back with its creation time alone is a restored copy.
	deleted map[string][]deletedIndex

	runChanged     bool
	changed        map[string]bool // UUIDs to write or remove
	deletedChanged map[string]bool // names to write

	// claimed is whose the positions are if they are new.
	claimed Member
}

// firstRun is what was so when the state was new.
type firstRun struct {
	Cluster string `json:"cluster"`
	// Began is the store's time of the first survey: an index created before
	// existed before the first run.
	Began time.Time `json:"began"`
	// Start says which spans of such an index count.
	Start Start `json:"start"`
	// Since is when such a span must have ended to count, if Start looks back.
	Since time.Time `json:"since,omitzero"`
	// Member is the reader that the state belongs to.
	Member Member `json:"member,omitzero"`
}

// position is how far one index was read.
type position struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// Old holds for an index that existed before the first run.
	Old        bool                  `json:"old,omitempty"`
	Unfollowed Unfollowed            `json:"unfollowed,omitempty"`
	Shards     map[int]shardPosition `json:"shards,omitempty"`
}

// deletedIndex is how far an index was read that went out of sight.
type deletedIndex struct {
	UUID     string   `json:"uuid"`
	Position position `json:"position"`
}

// shardPosition is how far one shard was read.
type shardPosition struct {
	History string `json:"history"`
	// Read is the number up to which everything is counted.
	Read int64 `json:"read"`
	// Seen is the highest Upto that was ever surveyed: what lies between Read
	// and Seen is lost if the index goes away.
	Seen int64 `json:"seen"`
	// Since is the number up to which only spans that ended after
	// firstRun.Since count; -1 for none.
	Since int64 `json:"since"`
	// Ahead, if not 0, is the first number that is read before the backlog
	// below it, and AheadRead that up to which all from Ahead on is counted.
	Ahead     int64 `json:"ahead,omitempty"`
	AheadRead int64 `json:"ahead_read,omitempty"`
}

// The bucket and the keys of the positions in the state.
const (
	bucket        = "source"
	keyRun        = "run"
	prefixIndex   = "index/"
	prefixDeleted = "deleted/"
)

// maxDeleted bounds how many names of deleted indices are remembered: 27 years of daily ones.
const maxDeleted = 10_000

// LoadPositions reads the positions from the state; a new state has none.
func LoadPositions(tx *state.Tx) (*Positions, error) {
	p := &Positions{indices: map[string]*position{}, own: map[string]bool{}, deleted: map[string][]deletedIndex{}}
	p.clearChanges()
	err := tx.Bucket(bucket).ForEach(func(k, v []byte) error {
		key := string(k)
		var err error
		if uuid, ok := strings.CutPrefix(key, prefixIndex); ok {
			at := &position{Shards: map[int]shardPosition{}}
			err = json.Unmarshal(v, at)
			p.indices[uuid] = at
		} else if name, ok := strings.CutPrefix(key, prefixDeleted); ok {
			var indices []deletedIndex
			err = json.Unmarshal(v, &indices)
			p.deleted[name] = indices
		} else if key == keyRun {
			err = json.Unmarshal(v, &p.run)
		} else {
			err = errors.New("no such key is known")
		}
		if err != nil {
			return fmt.Errorf("read position %q: %w", key, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// New tells whether these are the positions of a state in which nothing was read yet.
func (p *Positions) New() bool { return p.run.Began.IsZero() }

// Claim makes the positions those of a member. A state in which another one
// counted is refused: the two read other shards, so that spans would be lost, or
// counted twice.
func (p *Positions) Claim(m Member) error {
	switch {
	case p.New():
		p.claimed = m
		return nil
	case p.run.Member == m:
		return nil
	}
	return fmt.Errorf("the state is that of reader %s, and reader %s reads other shards, so that spans would be lost or counted twice; start it as --shard=%[1]s, or begin a new set of readers: "+
		"each of them with a --storage.path of its own that is empty and with source.elasticsearch.start: earliest, beside the old ones, which end when the new ones have caught up", p.run.Member, m)
}

// Member returns whose the positions are.
func (p *Positions) Member() Member {
	if p.New() {
		return p.claimed
	}
	return p.run.Member
}

// since is when an event must have ended to count for sure, zero if all that is stored counts.
func (p *Positions) since() time.Time {
	switch start := p.run.Start; {
	case start.Earliest:
		return time.Time{}
	case start.Back > 0:
		return p.run.Since
	}
	return p.run.Began
}

// save writes what has changed since the positions were loaded or cloned.
func (p *Positions) save(tx *state.Tx) error {
	b := tx.Bucket(bucket)
	put := func(key string, value any) error {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		return b.Put([]byte(key), text)
	}
	if p.runChanged {
		if err := put(keyRun, p.run); err != nil {
			return err
		}
	}
	for _, uuid := range slices.Sorted(maps.Keys(p.changed)) {
		at, ok := p.indices[uuid]
		if !ok {
			if err := b.Delete([]byte(prefixIndex + uuid)); err != nil {
				return err
			}
			continue
		}
		if err := put(prefixIndex+uuid, at); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.deletedChanged)) {
		indices, ok := p.deleted[name]
		if !ok {
			if err := b.Delete([]byte(prefixDeleted + name)); err != nil {
				return err
			}
			continue
		}
		if err := put(prefixDeleted+name, indices); err != nil {
			return err
		}
	}
	return nil
}

// clone returns a copy to work on; what changes in it does not change p.
func (p *Positions) clone() *Positions {
	// Most indices are those of days that are over, and do not change.
	p.own = map[string]bool{}
	c := &Positions{run: p.run, claimed: p.claimed, indices: maps.Clone(p.indices), own: map[string]bool{}, deleted: maps.Clone(p.deleted)}
	c.clearChanges()
	return c
}

// set notes where the reading of a shard stands.
func (p *Positions) set(uuid string, shard int, to shardPosition) {
	at := p.indices[uuid]
	if !p.own[uuid] {
		copied := *at
		copied.Shards = maps.Clone(at.Shards)
		at = &copied
		p.indices[uuid], p.own[uuid] = at, true
	}
	at.Shards[shard] = to
	p.changed[uuid] = true
}

func (p *Positions) clearChanges() {
	p.runChanged = false
	p.changed = map[string]bool{}
	p.deletedChanged = map[string]bool{}
}

// dirty holds if there is something to save.
func (p *Positions) dirty() bool {
	return p.runChanged || len(p.changed) > 0 || len(p.deletedChanged) > 0
}

// advance notes that a range was read up to number last.
func (p *Positions) advance(r Range, last int64) {
	shard := p.indices[r.UUID].Shards[r.Shard]
	shard.advance(r.After, last)
	p.set(r.UUID, r.Shard, shard)
}

// forget takes an index out that is no longer there and returns how many
// numbers of it had not been read.
func (p *Positions) forget(uuid string) (unread int64) {
	at := p.indices[uuid]
	for _, shard := range at.Shards {
		if at.Unfollowed == "" {
			unread += max(0, shard.Seen-shard.Read-shard.ahead())
		}
	}
	delete(p.indices, uuid)
	p.changed[uuid] = true

	p.deleted[at.Name] = append(slices.Clip(p.deleted[at.Name]), deletedIndex{uuid, *at})
	p.deletedChanged[at.Name] = true
	for len(p.deleted) > maxDeleted {
		oldest := at.Name
		for name := range p.deleted {
			if p.lastCreated(name).Before(p.lastCreated(oldest)) {
				oldest = name
			}
		}
		delete(p.deleted, oldest)
		p.deletedChanged[oldest] = true
	}
	return unread
}

// lastCreated returns when the youngest deleted index of a name was created.
func (p *Positions) lastCreated(name string) (last time.Time) {
	for _, d := range p.deleted[name] {
		if d.Position.Created.After(last) {
			last = d.Position.Created
		}
	}
	return last
}

// recall puts an index back that had gone out of sight, and tells whether
// there was one.
func (p *Positions) recall(name, uuid string) bool {
	i := slices.IndexFunc(p.deleted[name], func(d deletedIndex) bool { return d.UUID == uuid })
	if i < 0 {
		return false
	}
	at := p.deleted[name][i].Position
	at.Shards = maps.Clone(at.Shards)
	if at.Shards == nil {
		at.Shards = map[int]shardPosition{}
	}
	p.indices[uuid], p.own[uuid] = &at, true
	p.changed[uuid] = true
	p.deleted[name] = slices.Delete(slices.Clone(p.deleted[name]), i, i+1)
	if len(p.deleted[name]) == 0 {
		delete(p.deleted, name)
	}
	p.deletedChanged[name] = true
	return true
}

// knownCopy tells whether an index under a new UUID is a copy of one that had
// its name: creation times come along when a snapshot is restored.
func (p *Positions) knownCopy(index Index) bool {
	return slices.ContainsFunc(p.deleted[index.Name], func(d deletedIndex) bool {
		return d.Position.Created.UnixMilli() == index.Created.UnixMilli()
	})
}
