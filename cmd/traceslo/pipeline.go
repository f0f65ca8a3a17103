package main

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/peers"
	"github.com/traceslo/traceslo/slo/report/press"
	"github.com/traceslo/traceslo/source"
)

// A pipeline reads one source into one recorder, by one configuration, and
// prints the reports that come of it.
type pipeline struct {
	*loaded
	input    *input
	recorder *sli.Recorder
	ledger   *slo.Ledger
	feed     *source.Feed
	press    *press.Press
	// union adds up the readers that share the reading, if they are named; else nil.
	union *peers.Union
}

// run reads and prints until ctx ends, or one of both cannot go on.
func (p *pipeline) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.feed.Run(ctx) })
	group.Go(func() error { return p.press.Run(ctx) })
	if p.union == nil {
		return group.Wait()
	}
	group.Go(func() error { return p.union.Run(ctx) })
	return errors.Join(group.Wait(), p.union.Close())
}

// An input is a source that was opened.
type input struct {
	source.Source
	// close lets go of its connections, when nobody reads it any more.
	close func()
}

// newPipeline returns a pipeline that goes on where the state says that the
// last one ended, and has /metrics serve its counts. No other pipeline of the
// daemon may be at work.
func (d *daemon) newPipeline(cfg *loaded, in *input) (*pipeline, error) {
	// Counting is work for a processor: more readers than that would only wait.
	readers := min(runtime.GOMAXPROCS(0), cfg.Source.Elasticsearch.MaxSearches)
	counting := cfg.counting()
	counting.Shard = shardLabels(d.member)[slo.ShardLabel]
	recorder := sli.New(counting, readers, d.log)
	ledger := cfg.newLedger(d.member, d.log)
	var positions *source.Positions
	err := d.store.View(func(tx *state.Tx) (err error) {
		if positions, err = source.LoadPositions(tx); err != nil {
			return err
		}
		if err := positions.Claim(d.member); err != nil {
			return err
		}
		if err := recorder.Load(tx, time.Now()); err != nil {
			return err
		}
		return ledger.Load(tx, time.Now(), positions.New())
	})
	if err != nil {
		return nil, err
	}
	if positions.New() {
		d.log.Info().Stringer("start", cfg.Source.Elasticsearch.Start).Msg("a new state begins")
	} else {
		d.log.Info().Msg("going on from the state")
	}
	feed, err := source.NewFeed(source.FeedOptions{
		Source:    source.Share(in, d.member),
		Counter:   counter{recorder, ledger, d.store},
		Positions: positions,
		Start:     cfg.Source.Elasticsearch.Start,
		Readers:   readers,
		Poll:      cfg.Source.Elasticsearch.PollInterval,
		Silence:   cfg.Source.Silence,
		Log:       d.log,
		Metrics:   d.feed,
	})
	if err != nil {
		return nil, err
	}
	union, err := d.newUnion(cfg, ledger)
	if err != nil {
		return nil, err
	}
	p := &pipeline{loaded: cfg, input: in, recorder: recorder, ledger: ledger, feed: feed, union: union}
	p.press = press.New(press.Options{
		Reports:    d.printedReports(cfg),
		Report:     cfg.Report,
		Dimensions: cfg.dimensions(),
		Ledger:     ledger,
		Store:      d.store,
		Log:        d.log,
		Metrics:    d.printed,
		Whole:      d.wholeOf(p),
	})
	d.current.Store(p)
	return p, nil
}

// newLedger returns the ledger of the configuration's objectives, which is not loaded yet.
func (l *loaded) newLedger(member source.Member, log zerolog.Logger) *slo.Ledger {
	return slo.NewLedger(l.ledgerOptions(member, log))
}

func (l *loaded) ledgerOptions(member source.Member, log zerolog.Logger) slo.LedgerOptions {
	return slo.LedgerOptions{
		Objectives:    l.objectives,
		Retention:     l.SLORetention,
		Silence:       l.Source.Silence,
		Shared:        !member.Alone(),
		Reader:        member.String(),
		Configuration: l.judgedBy(),
		Hold:          l.SLI.NewSeriesHold,
		Log:           log,
	}
}

// A counter puts what the recorder counted, what the ledger makes of it, and
// how far the feed came into one transaction, and shows the counts when that is
// durable: nobody ever sees a count that a crash could take back, and none is
// taken twice.
type counter struct {
	*sli.Recorder
	ledger *slo.Ledger
	store  *state.Store
}

// Commit implements source.Counter.
func (c counter) Commit(step source.Step) error {
	err := c.store.Update(func(tx *state.Tx) error {
		if err := c.Save(tx, step.Now, step.Watermark); err != nil {
			return err
		}
		if err := c.ledger.Save(tx, step, c.Recorder); err != nil {
			return err
		}
		return step.Save(tx)
	})
	if err != nil {
		return err
	}
	c.ledger.Publish()
	c.Publish()
	return nil
}
