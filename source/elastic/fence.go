package elastic

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/traceslo/traceslo/source"
)

// Survey implements source.Source. It costs one request while nothing but the
// numbers changes, or two small ones where most indices are quiet.
func (s *Source) Survey(ctx context.Context) (source.Survey, error) {
	s.refreshes.forget()
	if err := s.identify(ctx); err != nil {
		return source.Survey{}, err
	}
	taken := time.Now()
	heard, err := s.hear(ctx, taken)
	if err != nil {
		return source.Survey{}, err
	}
	listed := make(map[string]bool, len(heard))
	for name, index := range heard {
		if s.names.followed.MatchString(name) {
			listed[index.uuid] = true
		}
	}
	if !s.catalogue.fits(listed, taken) {
		if err := s.readCatalogue(ctx, listed, taken); err != nil {
			return source.Survey{}, err
		}
	}
	// What was read by a new connection may be another cluster's.
	before := s.identity.cluster
	if err := s.identify(ctx); err != nil {
		return source.Survey{}, err
	}
	if s.identity.cluster != before {
		return source.Survey{}, &source.Error{Kind: source.Unreachable, Err: fmt.Errorf("survey %q: the addresses led to cluster %q and then to cluster %q; write those of one cluster", s.names.pattern, before, s.identity.cluster)}
	}
	survey := source.Survey{Cluster: s.identity.cluster, Clock: s.identity.clock(taken), Taken: taken}
	for uuid, f := range s.catalogue.byUUID {
		index := source.Index{Name: f.name, UUID: uuid, Created: f.created, Unfollowed: f.unfollowed}
		if index.Closed = f.closed && !listed[uuid]; !index.Closed {
			index.Shards = f.survey(heard[f.name])
		}
		survey.Indices = append(survey.Indices, index)
	}
	slices.SortFunc(survey.Indices, func(a, b source.Index) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UUID, b.UUID))
	})
	s.forms.keep(survey)
	if s.refreshes.forbidden() {
		s.age(&survey)
	}
	return survey, nil
}

// stats is the answer to GET _stats, as far as it is asked for.
type stats struct {
	Shards struct {
		Total, Successful, Failed int
		Failures                  []struct{ Reason complaint }
	} `json:"_shards"`
	Indices map[string]struct {
		UUID   string
		Shards map[string][]shardCopy
	}
}

// A shardCopy is one copy of a shard.
type shardCopy struct {
	Routing struct {
		State   string
		Primary bool
	}
	Commit struct {
		UserData struct {
			History string `json:"history_uuid"`
		} `json:"user_data"`
	}
	SeqNo *struct {
		Max        *int64 `json:"max_seq_no"`
		Checkpoint *int64 `json:"global_checkpoint"`
	} `json:"seq_no"`
}

// readStats asks how far each shard is, but those of indices that match what is
// left out. Shards that do not answer are missing from the answer; it is an
// error only if none of them answers.
func (s *Source) readStats(ctx context.Context, leftOut []string) (map[string]told, error) {
	shard := "indices.*.shards.*."
	indices := []string{s.names.pattern}
	for _, pattern := range leftOut {
		indices = append(indices, "-"+pattern)
	}
	c := call{opStats, fmt.Sprintf("%q", s.names.pattern), func() esapi.Request {
		return esapi.IndicesStatsRequest{Index: indices, Metric: []string{"docs"}, Level: "shards", ExpandWildcards: "open,hidden", FilterPath: []string{
			"_shards", "indices.*.uuid", shard + "routing.state", shard + "routing.primary",
			shard + "seq_no.max_seq_no", shard + "seq_no.global_checkpoint", shard + "commit.user_data.history_uuid",
		}}
	}}
	var answer *stats
	err := retry(ctx, func() error {
		body, err := s.link.ask(ctx, c, s.statsBody)
		if err != nil {
			return err
		}
		s.statsBody = body
		if answer, err = parseStats(body); err != nil {
			return s.link.protocolError(c, err.Error())
		}
		if f := answer.Shards; f.Failed > 0 && f.Successful == 0 {
			return &source.Error{Kind: source.Partial, Err: fmt.Errorf("%s: none of %d shards answers%s", c.name(), f.Total, answer.failure())}
		}
		return nil
	})
	if err == nil && answer.Shards.Failed > 0 && s.once("stats failures"+answer.failure()) {
		s.log.Warn().Int("shards", answer.Shards.Failed).Str("first", clip(answer.failure(), maxReason)).Msg("shards do not tell how far they are, and wait")
	}
	if err != nil {
		return nil, err
	}
	return answer.told(), nil
}

// failure returns the reason of the first shard that does not answer, with a
// colon before it, or nothing.
func (a *stats) failure() string {
	if len(a.Shards.Failures) == 0 {
		return ""
	}
	return ": " + a.Shards.Failures[0].Reason.String()
}

func parseStats(body []byte) (*stats, error) {
	a := &stats{}
	a.Shards.Total = -1
	if err := json.Unmarshal(body, a); err != nil {
		return nil, errors.New("the statistics are not in the form of Elasticsearch's")
	}
	if a.Shards.Total < 0 {
		return nil, errors.New("the statistics have no _shards")
	}
	for name, index := range a.Indices {
		if index.UUID == "" {
			return nil, fmt.Errorf("the statistics of %q have no uuid", clip(name, 255))
		}
	}
	return a, nil
}

// told returns what the answer says of each index, by name.
func (a *stats) told() map[string]told {
	heard := make(map[string]told, len(a.Indices))
	for name, index := range a.Indices {
		shards := make([]source.Shard, 0, len(index.Shards))
		for number, copies := range index.Shards {
			n, err := strconv.Atoi(number)
			if err != nil || n < 0 || n >= shardsLimit {
				continue // no shard that settings could tell of
			}
			shards = withShards(shards, n+1)
			for _, c := range copies {
				if c.ready() {
					shards[n] = source.Shard{Number: n, History: c.Commit.UserData.History, Upto: *c.SeqNo.Checkpoint, Max: *c.SeqNo.Max, Ready: true}
				}
			}
		}
		heard[name] = told{uuid: index.UUID, shards: shards}
	}
	return heard
}

// withShards adds shards that are not ready until there are n.
func withShards(shards []source.Shard, n int) []source.Shard {
	for len(shards) < n {
		shards = append(shards, source.Shard{Number: len(shards), Upto: -1, Max: -1})
	}
	return shards
}

// survey returns the shards of an open index. One of which the statistics do
// not tell is not ready: it is unassigned, or did not answer.
func (f facts) survey(index told) []source.Shard {
	switch {
	case index.uuid != f.uuid:
		return withShards(nil, f.shards)
	case len(index.shards) < f.shards:
		return withShards(slices.Clone(index.shards), f.shards)
	}
	return index.shards[:f.shards:f.shards]
}

// maxNumber bounds the numbers that are believed, far beyond any real one, so
// that sums of them do not overflow.
const maxNumber = 1 << 60

// ready tells whether the copy is the primary and knows how far the shard is.
// One that moves to another node serves until it has.
func (c *shardCopy) ready() bool {
	return c.Routing.Primary && (c.Routing.State == "STARTED" || c.Routing.State == "RELOCATING") &&
		c.SeqNo != nil && c.SeqNo.Checkpoint != nil && c.SeqNo.Max != nil && *c.SeqNo.Checkpoint >= -1 &&
		*c.SeqNo.Checkpoint <= *c.SeqNo.Max && *c.SeqNo.Max < maxNumber && c.Commit.UserData.History != ""
}
