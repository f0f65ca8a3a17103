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
	// deleted holds the creation times, in Unix milliseconds, of the indices
	// that once had a name: one that comes back with its old creation time is a
	// restored copy.
	deleted map[string][]int64

	runChanged     bool
	changed        map[string]bool // UUIDs to write or remove
	deletedChanged map[string]bool // names to write
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
	p := &Positions{indices: map[string]*position{}, deleted: map[string][]int64{}}
	p.clearChanges()
	err := tx.Bucket(bucket).ForEach(func(k, v []byte) error {
		key := string(k)
		var err error
		if uuid, ok := strings.CutPrefix(key, prefixIndex); ok {
			at := &position{Shards: map[int]shardPosition{}}
			err = json.Unmarshal(v, at)
			p.indices[uuid] = at
		} else if name, ok := strings.CutPrefix(key, prefixDeleted); ok {
			var times []int64
			err = json.Unmarshal(v, &times)
			p.deleted[name] = times
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
		times, ok := p.deleted[name]
		if !ok {
			if err := b.Delete([]byte(prefixDeleted + name)); err != nil {
				return err
			}
			continue
		}
		if err := put(prefixDeleted+name, times); err != nil {
			return err
		}
	}
	return nil
}

// clone returns a copy to work on; what changes in it does not change p.
func (p *Positions) clone() *Positions {
	c := &Positions{run: p.run, indices: make(map[string]*position, len(p.indices)), deleted: make(map[string][]int64, len(p.deleted))}
	for uuid, at := range p.indices {
		copied := *at
		copied.Shards = maps.Clone(at.Shards)
		c.indices[uuid] = &copied
	}
	for name, times := range p.deleted {
		c.deleted[name] = slices.Clone(times)
	}
	c.clearChanges()
	return c
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

// advance notes that a shard was read up to number last.
func (p *Positions) advance(r Range, last int64) {
	at := p.indices[r.UUID]
	shard := at.Shards[r.Shard]
	shard.Read = last
	at.Shards[r.Shard] = shard
	p.changed[r.UUID] = true
}

// forget removes an index that was deleted and returns how many numbers of it
// had not been read.
func (p *Positions) forget(uuid string) (unread int64) {
	at := p.indices[uuid]
	for _, shard := range at.Shards {
		if at.Unfollowed == "" && shard.Seen > shard.Read {
			unread += shard.Seen - shard.Read
		}
	}
	delete(p.indices, uuid)
	p.changed[uuid] = true

	created := at.Created.UnixMilli()
	if !slices.Contains(p.deleted[at.Name], created) {
		p.deleted[at.Name] = append(p.deleted[at.Name], created)
		p.deletedChanged[at.Name] = true
	}
	for len(p.deleted) > maxDeleted {
		oldest := at.Name
		for name, times := range p.deleted {
			if slices.Max(times) < slices.Max(p.deleted[oldest]) {
				oldest = name
			}
		}
		delete(p.deleted, oldest)
		p.deletedChanged[oldest] = true
	}
	return unread
}
