package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/traceslo/traceslo/source"
)

// The flavors of a cluster.
const (
	elasticsearch = "Elasticsearch"
	openSearch    = "OpenSearch"
)

// An identity says which cluster this is.
type identity struct {
	known bool
	// dials is how many connections had been opened when it was asked.
	dials int64
	// cluster is the cluster's UUID; flavor and version are the asked node's.
	// Each is "" where the cluster does not tell.
	cluster, flavor, version string
	// ahead is how far the cluster's clock is ahead of ours, at least.
	ahead time.Duration
}

// clock returns the cluster's time when ours is now.
func (i identity) clock(now time.Time) time.Time { return now.Add(i.ahead) }

// clockTolerance is how far the clocks may be apart without a word.
const clockTolerance = 10 * time.Second

// identify asks which cluster this is, unless it was asked by the connections
// that there are. What it is not allowed to know is left empty: spans can be
// read without.
func (s *Source) identify(ctx context.Context) error {
	if s.identity.known && s.identity.dials == s.link.dials.Load() {
		return nil
	}
	fresh := s.identity
	// GET / is left alone: it may be forbidden, or not there.
	asks := []func(context.Context, *identity) error{s.askCluster}
	if !s.identity.known {
		asks = []func(context.Context, *identity) error{s.askClock, s.askVersion, s.askCluster}
	}
	for _, ask := range asks {
		switch err := ask(ctx, &fresh); source.KindOf(err) {
		case source.Forbidden, source.Protocol:
			if s.once("identify " + err.Error()) {
				s.log.Warn().Err(err).Msg("the cluster does not tell all about itself; reading goes on without it")
			}
		default:
			if err != nil {
				return err
			}
		}
	}
	fresh.known, fresh.dials = true, s.link.dials.Load()
	if fresh.ahead.Abs() > clockTolerance && s.once("clock") {
		s.log.Warn().Dur("cluster_ahead", fresh.ahead).Msg("this machine's clock and the cluster's are apart; spans may seem late, or to come from the future")
	}
	if fresh.cluster != s.identity.cluster || !s.identity.known {
		s.log.Info().Str("cluster", fresh.cluster).Str("flavor", fresh.flavor).Str("version", fresh.version).Str("indices", s.names.pattern).Msg("reading spans")
	}
	s.identity = fresh
	return nil
}

func (s *Source) askCluster(ctx context.Context, i *identity) error {
	var answer struct {
		UUID string `json:"cluster_uuid"`
	}
	err := s.askJSON(ctx, call{opInfo, "the cluster", func() esapi.Request {
		// Of all that makes up the state this is the least.
		return esapi.ClusterStateRequest{Metric: []string{"version"}, FilterPath: []string{"cluster_uuid"}}
	}}, &answer)
	if i.cluster = clip(answer.UUID, 100); i.cluster == "_na_" {
		i.cluster = "" // so says a node that has found no cluster yet
	}
	return err
}

func (s *Source) askVersion(ctx context.Context, i *identity) error {
	var answer struct {
		Nodes map[string]struct {
			Version string
			Flavor  *string `json:"build_flavor"`
		}
	}
	err := s.askJSON(ctx, call{opInfo, "the node", func() esapi.Request {
		return esapi.NodesInfoRequest{NodeID: []string{"_local"}, Metric: []string{"process"}, FilterPath: []string{"nodes.*.version", "nodes.*.build_flavor"}}
	}}, &answer)
	for _, node := range answer.Nodes {
		i.version, i.flavor = clip(node.Version, 100), openSearch
		// OpenSearch took the flavor out; Elasticsearch has had it since 6.3.
		if node.Flavor != nil {
			i.flavor = elasticsearch
		}
	}
	return err
}

// askClock asks the time of the node that gives indices their creation time.
func (s *Source) askClock(ctx context.Context, i *identity) error {
	var answer struct {
		Nodes map[string]struct{ Timestamp int64 }
	}
	err := s.askJSON(ctx, call{opClock, "the cluster", func() esapi.Request {
		return esapi.NodesStatsRequest{NodeID: []string{"_master"}, Metric: []string{"process"}, FilterPath: []string{"nodes.*.timestamp"}}
	}}, &answer)
	received := time.Now()
	for _, node := range answer.Nodes {
		if node.Timestamp > 0 {
			i.ahead = time.UnixMilli(node.Timestamp).Sub(received)
		}
	}
	return err
}

// askJSON makes a small request and reads its answer.
func (s *Source) askJSON(ctx context.Context, c call, into any) error {
	return retry(ctx, func() error {
		body, err := s.link.ask(ctx, c, nil)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, into); err != nil {
			return s.link.protocolError(c, fmt.Sprintf("the answer is not understood: %v", err))
		}
		return nil
	})
}
