package testenv

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Prepare brings into the cache all that the tests need: the servers, the Java runtimes, the programs built from Go
// modules, the schemas of Kubernetes, and packages of npm and PyPI. A version that this machine cannot run is no error;
// StartShared names it.
func Prepare(ctx context.Context, log Log) error {
	if err := RequireCommands(ctx, log); err != nil {
		return err
	}
	for _, d := range Distributions() {
		if _, err := ensureServer(ctx, log, d); err != nil {
			log("%s: not to be had: %v", d, err)
		}
	}
	for _, m := range modules() {
		if !m.tests {
			continue
		}
		if _, err := m.ensure(ctx, log); err != nil {
			return err
		}
	}
	if _, err := ensureSchemas(ctx, log); err != nil {
		return err
	}
	return preparePackages(ctx, log)
}

// StartShared starts one cluster per shared version, two at a time, and returns when all answer. The caller closes them.
func StartShared(ctx context.Context, log Log) (*Servers, error) {
	s := &Servers{}
	var mu sync.Mutex // Guards s.
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for _, d := range Distributions() {
		if !d.shared {
			continue
		}
		group.Go(func() error {
			server, err := ensureServer(ctx, log, d)
			if err != nil {
				log("%s: its tests are skipped: %v", d, err)
				mu.Lock()
				defer mu.Unlock()
				s.Missing = append(s.Missing, Missing{Flavor: d.Flavor, Version: d.Version, Reason: err.Error()})
				return nil
			}
			start := time.Now()
			c, err := startCluster(ctx, server, ClusterOptions{Flavor: d.Flavor, Version: d.Version})
			if err != nil {
				return err
			}
			log("%s: up at %s in %s, on Java %d", d, c.URL, time.Since(start).Round(100*time.Millisecond), server.java.major)
			mu.Lock()
			defer mu.Unlock()
			s.Clusters = append(s.Clusters, c)
			return nil
		})
	}
	err := group.Wait()
	slices.SortFunc(s.Clusters, func(a, b *Cluster) int { return strings.Compare(a.Name(), b.Name()) })
	if err == nil && len(s.Clusters) == 0 {
		err = fmt.Errorf("no server can run here: %s", s.Missing[0].Reason)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close kills the shared servers and deletes what they wrote.
func (s *Servers) Close() {
	for _, c := range s.Clusters {
		c.Close()
	}
}
