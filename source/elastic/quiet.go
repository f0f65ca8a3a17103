package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/traceslo/traceslo/source"
)

// Most indices are those of days that are over. Their shards are not asked how
// far they are at every survey: the cluster is asked for one figure instead, how
// many documents were ever indexed into all of them. While that stays what it
// was before they were last asked, nothing was stored in them, and what they
// told then still holds, as exactly as if they had been asked again.
//
// It is counted by each copy of a shard since it started. A primary that moves
// counts from 0, and an index that is deleted takes its count along: the figure
// falls. That it comes to be the same again between two polls takes just as many
// writes as were forgotten, and as much time spent on them, to the millisecond,
// which is counted too. Even then all shards are asked soon (quietFor).
const (
	// quietAfter is after what time without any change an index is quiet.
	quietAfter = 5 * time.Minute
	// quietLeast is how many shards must be quiet for the second request to be
	// worth what it saves.
	quietLeast = 100
	// quietFor is how long all that is quiet goes unasked at most.
	quietFor = time.Minute
	// quietNames bounds the names of quiet indices in a request: its first
	// line may have 4 kB by default (http.max_initial_line_length).
	quietNames = 2500
)

// told is what the statistics tell of an index.
type told struct {
	uuid string
	// shards are in the order of their numbers, up to the last one that is told
	// of; one that is not is not ready. They are never changed.
	shards []source.Shard
	// changed is when the index was seen to change last, or was read.
	changed time.Time
}

// resting tells whether all that was given a number has arrived for good.
func (i told) resting() bool {
	return !slices.ContainsFunc(i.shards, func(s source.Shard) bool { return !s.Ready || s.Upto != s.Max })
}

// same tells whether nothing has happened between two answers.
func (i told) same(before told) bool {
	return i.uuid == before.uuid && slices.Equal(i.shards, before.shards)
}

// A quiet is what is known of all indices, and which of them need not be asked.
type quiet struct {
	// cluster is whose indices they are.
	cluster string
	known   map[string]told // by name
	// asked is when all of them were last asked.
	asked time.Time
	// patterns match the names of the quiet indices, and no other that is
	// known; nil for none. written is what was written to those before they were asked.
	patterns []string
	written  writes
	// after is for how long nothing of an index must have changed, and least
	// of how many shards that must be so.
	after time.Duration
	least int
	// off is until when the cluster is not asked for writes, as it does not tell.
	off time.Time

	mu   sync.Mutex // guards read
	read map[string]bool
}

// writes is what is asked of quiet indices at every survey.
type writes struct {
	// copies is how many copies of shards there are, and answered how many of them told.
	copies, answered int
	// documents is how many were ever indexed into the primaries, and millis
	// how long that took.
	documents, millis int64
}

// reading notes that an index is read: what is read is confirmed by a survey
// that asks it.
func (q *quiet) reading(index string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.read == nil {
		q.read = map[string]bool{}
	}
	q.read[index] = true
}

// takeRead returns the names of the indices that were read since it was last called.
func (q *quiet) takeRead() map[string]bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	read := q.read
	q.read = nil
	return read
}

// hear returns what is known of each index now, by name. The result is only
// valid until the next call.
func (s *Source) hear(ctx context.Context, now time.Time) (map[string]told, error) {
	q := &s.quiet
	if q.cluster != s.identity.cluster {
		q.cluster, q.known, q.patterns = s.identity.cluster, nil, nil
	}
	for name := range q.takeRead() {
		if index, known := q.known[name]; known {
			index.changed = now
			q.known[name] = index
		}
		if matches(q.patterns, name) {
			q.patterns = nil
		}
	}
	if q.patterns != nil && now.Sub(q.asked) < quietFor {
		if written, ok := s.askWrites(ctx, now, q.patterns); ok && written == q.written {
			return s.hearBusy(ctx, now)
		}
	}
	return s.hearAll(ctx, now)
}

// hearBusy asks the indices that are not quiet.
func (s *Source) hearBusy(ctx context.Context, now time.Time) (map[string]told, error) {
	q := &s.quiet
	answer, err := s.readStats(ctx, q.patterns)
	if err != nil {
		return nil, err
	}
	for name := range answer {
		if matches(q.patterns, name) {
			// It was left out, and is there all the same.
			q.patterns = nil
			return s.hearAll(ctx, now)
		}
	}
	for name := range q.known {
		if _, listed := answer[name]; !listed && !matches(q.patterns, name) {
			delete(q.known, name)
		}
	}
	q.learn(answer, now)
	return q.known, nil
}

// hearAll asks all indices, and finds those that need not be asked next time.
func (s *Source) hearAll(ctx context.Context, now time.Time) (map[string]told, error) {
	q := &s.quiet
	patterns, written := q.cover(strings.TrimSuffix(s.names.pattern, "*"), now), writes{}
	if patterns != nil {
		var ok bool
		// Before they tell how far they are: what is written in between shows.
		if written, ok = s.askWrites(ctx, now, patterns); !ok {
			patterns = nil
		}
	}
	answer, err := s.readStats(ctx, nil)
	if err != nil {
		return nil, err
	}
	before := q.known
	q.known = make(map[string]told, len(answer))
	for name := range answer {
		if index, known := before[name]; known {
			q.known[name] = index
		}
	}
	q.learn(answer, now)
	q.asked, q.patterns, q.written = now, patterns, written
	for name, index := range q.known {
		if matches(patterns, name) && !q.rests(index, now) {
			q.patterns = nil
		}
	}
	return q.known, nil
}

// learn takes in what indices tell.
func (q *quiet) learn(answer map[string]told, now time.Time) {
	for name, index := range answer {
		if before, known := q.known[name]; known && index.same(before) {
			continue
		}
		index.changed = now
		q.known[name] = index
	}
}

// rests tells whether an index need not be asked.
func (q *quiet) rests(index told, now time.Time) bool {
	return now.Sub(index.changed) >= q.after && index.resting()
}

// cover returns patterns that match names of quiet indices and of no other
// that is known, nil if it is not worth it. All names begin with base.
func (q *quiet) cover(base string, now time.Time) []string {
	if now.Before(q.off) {
		return nil
	}
	names, shards := make([]string, 0, len(q.known)), 0
	for name, index := range q.known {
		names = append(names, name)
		if q.rests(index, now) {
			shards += len(index.shards)
		}
	}
	if shards < q.least {
		return nil
	}
	slices.Sort(names)
	found := coverNames(names, len(base), len(base), func(name string) bool { return q.rests(q.known[name], now) })
	// Those that match most come first, as there may not be room for all.
	slices.SortStableFunc(found, func(a, b pattern) int { return b.names - a.names })
	var patterns []string
	room := quietNames
	for _, p := range found {
		if room -= len(p.text) + len(",-"); room >= 0 {
			patterns = append(patterns, p.text)
		}
	}
	return patterns
}

// A pattern matches all names that begin with what stands before its asterisk.
type pattern struct {
	text  string
	names int
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return strings.HasPrefix(name, strings.TrimSuffix(p, "*")) })
}

// coverNames returns patterns, longer than base, for the quiet ones among sorted
// names, all of which begin with the same length bytes. It leaves out a name that
// another begins with which is not quiet.
func coverNames(names []string, base, length int, quiet func(string) bool) []pattern {
	n := 0
	for _, name := range names {
		if quiet(name) {
			n++
		}
	}
	switch {
	case n == 0:
		return nil
	case n == len(names) && length > base:
		return []pattern{{names[0][:length] + "*", n}}
	}
	var found []pattern
	for len(names) > 0 {
		if len(names[0]) == length {
			names = names[1:]
			continue
		}
		n := 1
		for n < len(names) && names[n][length] == names[0][length] {
			n++
		}
		found = append(found, coverNames(names[:n], base, length+1, quiet)...)
		names = names[n:]
	}
	return found
}

// askWrites asks how much was ever written to the indices that patterns match,
// and tells whether the answer is of use. It is no error if it is not: then
// all shards are asked.
func (s *Source) askWrites(ctx context.Context, now time.Time, patterns []string) (writes, bool) {
	c := call{opWrites, fmt.Sprintf("%d quiet patterns of %q", len(patterns), s.names.pattern), func() esapi.Request {
		return esapi.IndicesStatsRequest{Index: patterns, Metric: []string{"indexing"}, Level: "cluster", ExpandWildcards: "open,hidden", FilterPath: []string{
			"_shards", "_all.primaries.indexing.index_total", "_all.primaries.indexing.index_time_in_millis",
		}}
	}}
	var answer struct {
		Shards struct{ Total, Successful, Failed int } `json:"_shards"`
		All    struct {
			Primaries struct {
				Indexing struct {
					Total  *int64 `json:"index_total"`
					Millis int64  `json:"index_time_in_millis"`
				}
			}
		} `json:"_all"`
	}
	body, err := s.link.ask(ctx, c, nil)
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if i := answer.All.Primaries.Indexing; err == nil && answer.Shards.Failed == 0 && i.Total != nil {
		return writes{answer.Shards.Total, answer.Shards.Successful, *i.Total, i.Millis}, true
	}
	if kind := source.KindOf(err); err != nil && kind != source.Unreachable && kind != source.Timeout && kind != source.Rejected && ctx.Err() == nil {
		s.quiet.off = now.Add(catalogueAge)
		if s.once("no writes") {
			s.log.Info().Err(err).Msg("the cluster does not tell how much was written to quiet indices; all are asked at every poll")
		}
	}
	return writes{}, false
}
