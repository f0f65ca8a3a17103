package main

import (
	"context"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"
	"golang.org/x/sync/errgroup"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
)

const (
	defaultAddress = ":9924"
	configHelp     = "The configuration file; config.example.yaml lists every key."
)

// serveFlags are the flags of serve.
type serveFlags struct {
	config, storage  *string
	member           source.Member
	web              *web.FlagConfig
	lifecycle, admin *bool
	log              logFlags
}

func addServe(app *kingpin.Application, commands map[string]command) {
	c := app.Command("serve", "Read spans and serve metrics until SIGTERM. SIGHUP reads the configuration again.")
	f := &serveFlags{
		config:    c.Flag("config.file", configHelp).Default("traceslo.yaml").String(),
		storage:   c.Flag("storage.path", storageHelp).Default("data").String(),
		web:       kingpinflag.AddFlags(c, defaultAddress),
		lifecycle: c.Flag("web.enable-lifecycle", "Let POST /-/reload read the configuration again.").Bool(),
		admin:     c.Flag("web.enable-admin-api", "Let /api/v1/admin/state send a backup of the state.").Bool(),
		log:       addLogFlags(c),
	}
	c.Flag("shard", "Share the reading: i/n is the i-th of n readers. Each has a state of its own, and all the same configuration.").Default("1/1").SetValue(memberFlag{&f.member})
	commands["serve"] = f.run
}

// A memberFlag reads a source.Member from the command line.
type memberFlag struct{ *source.Member }

// Set implements kingpin.Value.
func (m memberFlag) Set(text string) error { return m.UnmarshalText([]byte(text)) }

func (f *serveFlags) run(ctx context.Context, std stdio) error {
	// From here on a hang-up does not end the daemon.
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	defer signal.Stop(hangUps)

	log, bar := f.log.logger(std.err)
	if os.Getenv("GOGC") == "" {
		// Measured at 10,000 operations of 3 kinds: it takes the peak, a scrape
		// under way, from 123 to 89 bytes a series, for little time.
		debug.SetGCPercent(50)
	}
	first, err := load(*f.config)
	if err != nil {
		return err
	}
	if err := web.Validate(*f.web.WebConfigFile); err != nil {
		return err
	}
	store, err := openState(*f.storage)
	if err != nil {
		return err
	}
	defer store.Close()

	d := newDaemon(log, elastic.Operations(), f.member)
	d.bar = bar
	d.store, d.dir = store, *f.storage
	d.load = func() (*loaded, error) { return load(*f.config) }
	d.open = d.openCluster
	d.listen = func(server *http.Server) error { return web.ListenAndServe(server, f.web, forSlog(log)) }
	d.lifecycle, d.admin = *f.lifecycle, *f.admin

	d.warn(first)
	log.Info().
		Str("elasticsearch", first.document.Mask(strings.Join(first.Source.Elasticsearch.Addresses, " "))).
		Str("index_prefix", first.document.Mask(first.Source.Elasticsearch.IndexPrefix)).
		Str("state", *f.storage).
		Stringer("shard", f.member).
		Strs("serve", *f.web.WebListenAddresses).
		Msg("starting")

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.run(ctx, first) })
	group.Go(func() error {
		d.reloadOn(ctx, hangUps)
		return nil
	})
	err = group.Wait()
	if err == nil {
		log.Info().Msg("ended")
	}
	return err
}

// openCluster returns the cluster that a configuration names, which is asked
// for nothing yet.
func (d *daemon) openCluster(cfg *loaded) (*input, error) {
	cluster, err := elastic.New(elastic.Options{
		Config:  cfg.Source.Elasticsearch,
		Tags:    cfg.tags(),
		Roots:   cfg.roots(),
		Fine:    cfg.counting().Fine(),
		Log:     d.log,
		Observe: d.feed.ObserveRequest,
		Watch:   d.feed,
	})
	if err != nil {
		return nil, err
	}
	return &input{cluster, cluster.Close}, nil
}

// reloadOn reloads the configuration at each signal until ctx ends.
func (d *daemon) reloadOn(ctx context.Context, hangUps <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangUps:
			// Whatever comes of it is logged there.
			_ = d.reload(ctx)
		}
	}
}
