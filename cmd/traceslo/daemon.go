package main

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/peers"
	"github.com/traceslo/traceslo/slo/report/press"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
	"github.com/traceslo/traceslo/web"
)

// A daemon reads one source and serves what it counted. Serve and demo are
// the same daemon on different sources.
type daemon struct {
	log zerolog.Logger
	// bar shows how far a catching up came; nil for none.
	bar   *bar
	store *state.Store
	// dir is the folder that the state lies in.
	dir string
	// member is which of several readers this is.
	member source.Member
	// load reads the configuration again.
	load func() (*loaded, error)
	// open returns the source that a configuration names.
	open func(*loaded) (*input, error)
	// listen serves until the server is shut down, and returns http.ErrServerClosed then.
	listen func(*http.Server) error
	// lifecycle and admin hold if the endpoints of these names answer.
	lifecycle, admin bool

	registry *prometheus.Registry
	// reading is the part of the registry that tells how the reading goes: the
	// pages ask it, and not for the series of every objective.
	reading  *prometheus.Registry
	feed     *source.Metrics
	printed  *press.Metrics
	added    *peers.Metrics
	reloaded reloadMetrics
	// reloads hands requests to read the configuration again to the reading goroutine.
	reloads chan chan<- error
	// backups is held while a backup is sent: one at a time.
	backups sync.Mutex
	// refused is why the configuration was refused when it was last read, nil if it was taken.
	refused atomic.Pointer[web.Refusal]
	// about says for people what is read, where the configuration does not.
	about string
	// current is the pipeline whose counts are served; nil until the state is loaded.
	current atomic.Pointer[pipeline]
}

// newDaemon returns a daemon with its metrics; the caller fills in the rest.
func newDaemon(log zerolog.Logger, operations []string, member source.Member) *daemon {
	registry, reading := prometheus.NewRegistry(), prometheus.NewRegistry()
	shared := prometheus.WrapRegistererWith(shardLabels(member), registry)
	shared.MustRegister(reading)
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		versioncollector.NewCollector("traceslo"),
	)
	d := &daemon{
		log:      log,
		registry: registry,
		reading:  reading,
		feed:     source.NewMetrics(reading, jaeger.Reasons, operations),
		printed:  press.NewMetrics(registry),
		added:    peers.NewMetrics(reading),
		member:   member,
		reloaded: newReloadMetrics(reading),
		reloads:  make(chan chan<- error),
	}
	d.feed.SetMember(member)
	shared.MustRegister(sli.NewCollector(d.recorder), slo.NewCollector(d.ledger, d.whole))
	return d
}

// shardLabels are those of all series that tell of a part, where several readers
// share the reading: rules add them up by it.
func shardLabels(member source.Member) prometheus.Labels {
	if member.Alone() {
		return nil
	}
	return prometheus.Labels{slo.ShardLabel: strconv.Itoa(member.Number)}
}

// recorder returns the recorder whose counts are served, nil until the state is loaded.
func (d *daemon) recorder() *sli.Recorder {
	p := d.current.Load()
	if p == nil {
		return nil
	}
	return p.recorder
}

// ledger returns the ledger whose windows are served, nil until the state is loaded.
func (d *daemon) ledger() *slo.Ledger {
	p := d.current.Load()
	if p == nil {
		return nil
	}
	return p.ledger
}

// run reads and serves until ctx ends or one of both cannot go on, and returns
// when what was counted is committed and no goroutine of it is left.
func (d *daemon) run(ctx context.Context, first *loaded) error {
	group, ctx := errgroup.WithContext(ctx)
	server := d.server()
	group.Go(func() error { return d.serve(server) })
	group.Go(func() error {
		<-ctx.Done()
		shutDown(server)
		return nil
	})
	group.Go(func() error { return d.read(ctx, first) })
	group.Go(func() error {
		d.tellProgress(ctx)
		return nil
	})
	return group.Wait()
}

// read runs one pipeline after the other, a new one for each new
// configuration, until ctx ends.
func (d *daemon) read(ctx context.Context, first *loaded) error {
	in, err := d.open(first)
	if err != nil {
		return err
	}
	p, err := d.newPipeline(first, in)
	if err != nil {
		in.close()
		return err
	}
	d.reloaded.accepted()
	for p != nil {
		next, err := d.readUntilReload(ctx, p)
		if next == nil || next.input != p.input {
			p.input.close()
		}
		if err != nil {
			return err
		}
		p = next
	}
	return nil
}

// readUntilReload runs p until ctx ends or another configuration takes over,
// and returns the pipeline that goes on, nil for none.
func (d *daemon) readUntilReload(ctx context.Context, p *pipeline) (*pipeline, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- p.run(ctx) }()
	for {
		select {
		case err := <-done:
			return nil, err
		case reply := <-d.reloads:
			cfg, in, err := d.prepare()
			if err != nil {
				reply <- d.refuse(err)
				continue
			}
			// The state has one writer: the old pipeline ends before the new one loads.
			stop()
			if err := <-done; err != nil {
				in.close()
				reply <- err
				return nil, err
			}
			next, err := d.newPipeline(cfg, in)
			if err != nil {
				in.close()
				reply <- d.refuse(err)
				return d.newPipeline(p.loaded, p.input)
			}
			d.accept(cfg)
			reply <- nil
			return next, nil
		}
	}
}
