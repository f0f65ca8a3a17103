package elastic

import (
	"slices"
	"time"

	"github.com/traceslo/traceslo/source"
)

// An aging remembers how far shards were, for a cluster that does not allow
// refreshing: what was stored long enough ago has become visible by the
// index's own refreshes. An index that is not searched for a while stops
// refreshing, and then refreshes when it is searched, before it answers.
type aging map[shardKey][]sample

type shardKey struct {
	uuid  string
	shard int
}

// A sample is how far a shard was at a time.
type sample struct {
	at      time.Time
	history string
	upto    int64
}

// agingMargin is added to two refresh intervals, for a refresh that is slow.
const agingMargin = time.Second

// age replaces in a survey how far each shard is by how far it was long enough
// ago. A shard of which that is not known yet is not ready.
func (s *Source) age(survey *source.Survey) {
	kept, oldest := aging{}, survey.Taken
	for n, index := range survey.Indices {
		if index.Unfollowed != "" {
			continue
		}
		f := s.catalogue.byUUID[index.UUID]
		if f.refresh < 0 && s.once("never refreshed "+index.UUID) {
			s.log.Error().Str("index", index.Name).Msg("an index is never refreshed (its refresh_interval is -1) and traceslo may not do it: it cannot be read; grant the index privilege maintenance, or set refresh_interval")
		}
		since := survey.Taken.Add(-max(2*f.refresh, time.Second) - agingMargin)
		// The source's own stay as they were told.
		index.Shards = slices.Clone(index.Shards)
		survey.Indices[n].Shards = index.Shards
		for i := range index.Shards {
			shard := &index.Shards[i]
			if !shard.Ready {
				continue
			}
			key := shardKey{index.UUID, shard.Number}
			samples := s.aging[key]
			samples = append(samples, sample{survey.Taken, shard.History, shard.Upto})
			if samples[0].history != shard.History {
				samples = samples[len(samples)-1:]
			}
			for len(samples) > 1 && !samples[1].at.After(since) {
				samples = samples[1:]
			}
			kept[key] = samples
			if shard.Ready = f.refresh >= 0 && !samples[0].at.After(since); shard.Ready {
				shard.Upto = min(shard.Upto, samples[0].upto)
				if samples[0].at.Before(oldest) {
					oldest = samples[0].at
				}
			} else {
				*shard = source.Shard{Number: shard.Number, Upto: -1, Max: -1}
			}
		}
	}
	s.aging = kept
	survey.Taken = oldest
	s.refreshes.surveyAged(oldest)
}
