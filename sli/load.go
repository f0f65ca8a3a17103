package sli

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/state"
)

// changeKind is a change of the configuration that counters feel.
type changeKind uint8

const (
	changeBuckets changeKind = iota
	changeDimensions
	changeKinds
)

// changeNames serve as a metric's label.
var changeNames = [changeKinds]string{"buckets", "dimensions"}

// Load fills a new Recorder from the state file, before it counts, and applies
// what the configuration changed since: counts are fitted to other buckets, and
// other dimensions begin all series anew. It only reads; the next Save writes
// what changed, and until that is committed, the next Load does the same again.
// A nil tx is an empty state. now is this machine's time.
func (r *Recorder) Load(tx *state.Tx, now time.Time) error {
	r.horizon = now.Add(maxAhead).UnixMicro()
	if tx == nil {
		return nil
	}
	data := bytes.Clone(tx.Bucket(metaBucket).Get(metaKey))
	if data == nil {
		return nil
	}
	var m meta
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("read %q: %w", metaBucket, err)
	}
	if m.Format != metaFormat {
		return fmt.Errorf("read %q: format %d is not known, only %d; run the version that wrote the state, or begin with an empty one", metaBucket, m.Format, metaFormat)
	}
	r.written = data
	if r.cfg.NewSeriesHold.Milliseconds() > m.Hold {
		r.shown.Store(now.UnixMilli() - m.Hold)
	}
	r.registry.nextID = m.NextID
	if err := r.loadDedup(tx, m); err != nil {
		return err
	}
	if !slices.Equal(m.Dimensions, r.cfg.Dimensions) {
		r.reset = true
		r.stats.changes[changeDimensions]++
		r.log.Warn().Strs("before", describe(m.Dimensions)).Strs("after", describe(r.cfg.Dimensions)).
			Msg("sli.dimensions changed: the jaeger_* series start anew")
		return nil
	}
	if err := r.loadSets(tx, m); err != nil {
		return err
	}
	r.stats.used = r.registry.usage()
	return nil
}

func (r *Recorder) loadDedup(tx *state.Tx, m meta) error {
	if r.dedup == nil || len(m.Epochs) == 0 {
		r.stale = tx.Buckets(epochPrefix)
		return nil
	}
	*r.dedup = dedup{key: m.DedupKey}
	r.epochs = nil
	if err := r.loadEpochs(tx, m.Epochs); err != nil {
		return err
	}
	for _, e := range r.epochs {
		r.stats.remembered += e.spans
	}
	return nil
}

// loadSets admits every label set of the state file, whatever the limits are
// now, with its record.
func (r *Recorder) loadSets(tx *state.Tx, m meta) error {
	from := m.Buckets
	if !slices.Equal(from, r.scale.bounds) {
		r.rewrite = true
		r.stats.changes[changeBuckets]++
		r.log.Warn().Strs("added", boundsIn(r.scale.bounds, from)).Strs("removed", boundsIn(from, r.scale.bounds)).
			Msg("the buckets changed (sli.buckets, or a threshold of slos): a new bound starts at the count of the next lower one, a removed one ends")
	}
	records := tx.Bucket(countsBucket)
	scratch := newCounts(len(from))
	err := tx.Bucket(labelsBucket).ForEach(func(key, value []byte) error {
		l, err := decodeLabels(string(value), len(r.cfg.Dimensions))
		if err != nil || len(key) != 8 {
			return fmt.Errorf("%q: key %x: %w", labelsBucket, key, errRecord)
		}
		data := record(records.Get(key))
		durable, err := scratch.decode(data)
		if err != nil || durable != len(data) {
			return fmt.Errorf("%q: key %x: %w", countsBucket, key, errRecord)
		}
		if r.registry.find(l) != nil {
			return fmt.Errorf("%q: key %x: %w", labelsBucket, key, errDoubled)
		}
		s := r.registry.admit(l, binary.BigEndian.Uint64(key))
		for _, e := range scratch.errors {
			s.operation.service.useError(e.kind)
		}
		s.committed = data
		if r.rewrite {
			scratch.rebound(from, r.scale.bounds)
			r.buffer, _ = scratch.append(r.buffer[:0])
			s.committed = string(r.buffer)
			scratch.classic = make([]uint64, len(from)+1)
		}
		r.visible = append(r.visible, s)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %w", err)
	}
	slices.SortFunc(r.visible, compareSets)
	return nil
}

var errDoubled = errors.New("the labels are there twice")

// boundsIn returns the bounds that are in a and not in b, as durations.
func boundsIn(a, b []uint64) []string {
	var names []string
	for _, bound := range a {
		if !slices.Contains(b, bound) {
			names = append(names, (time.Duration(bound) * time.Microsecond).String())
		}
	}
	return names
}

func describe(dimensions []Dimension) []string {
	var names []string
	for _, d := range dimensions {
		names = append(names, strings.Join([]string{d.Tag, d.Label}, "="))
	}
	return names
}
