package main

import (
	"context"
	_ "embed" // demo.yaml
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"golang.org/x/sync/errgroup"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
	"github.com/traceslo/traceslo/source/footanalytics"
)

// demoFlags are the flags of demo.
type demoFlags struct {
	address, storage, elasticsearch, history *string
	seed                                     *uint64
	log                                      logFlags
}

func addDemo(app *kingpin.Application, commands map[string]command) {
	c := app.Command("demo", "Run the whole daemon on FootAnalytics, a platform that is invented as it goes. No server is needed.")
	f := demoFlags{
		address: c.Flag("web.listen-address", "The address to serve at.").Default("127.0.0.1:9924").String(),
		storage: c.Flag("storage.path", "The folder to keep the state in. Default: a temporary one that goes away at the end.").PlaceHolder("DIR").String(),
		elasticsearch: c.Flag("elasticsearch", "Write the spans to this cluster, which must be on this machine, as Jaeger would under the index prefix "+demoPrefix+", and read them from there.").
			PlaceHolder("URL").String(),
		history: c.Flag("history", "How much of the past is invented, up to 31d; less is read sooner. Default: 31d, and 1h with --elasticsearch.").PlaceHolder("DURATION").String(),
		seed:    c.Flag("seed", "Which of many courses of events to show.").Default("1").Uint64(),
		log:     addLogFlags(c),
	}
	commands["demo"] = f.run
}

const (
	// maxHistory is how old the platform may be when the demo begins: a month,
	// for the windows of objectives.
	maxHistory = 31 * 24 * time.Hour
	// demoPrefix keeps invented spans apart from real ones.
	demoPrefix = "footanalytics"
)

func (f demoFlags) run(ctx context.Context, std stdio) (err error) {
	settings, err := f.settings()
	if err != nil {
		return err
	}
	history, err := f.past()
	if err != nil {
		return err
	}
	platform, err := footanalytics.New(footanalytics.Options{Seed: *f.seed, History: history, Tags: settings.tags()})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *f.address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("something else serves at %s; choose another port: traceslo demo --web.listen-address=127.0.0.1:9925", *f.address)
	}
	if err != nil {
		return err
	}
	defer listener.Close()

	dir := *f.storage
	if dir == "" {
		if dir, err = os.MkdirTemp("", "traceslo-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	store, err := openState(dir)
	if err != nil {
		return err
	}
	defer store.Close()

	log, bar := f.log.logger(std.err)
	d := newDaemon(log, elastic.Operations(), source.Member{})
	d.bar = bar
	d.store = store
	d.load = f.settings
	d.open = func(*loaded) (*input, error) { return &input{platform, func() {}}, nil }
	d.listen = func(server *http.Server) error { return server.Serve(listener) }

	group, ctx := errgroup.WithContext(ctx)
	d.about = fmt.Sprintf("FootAnalytics, an invented platform (seed %d), is read; the section source.elasticsearch is not used.", *f.seed)
	if *f.elasticsearch != "" {
		d.about = ""
		writer, err := footanalytics.NewWriter(platform, footanalytics.WriterOptions{URL: *f.elasticsearch, Prefix: demoPrefix})
		if err != nil {
			return err
		}
		d.open = d.openCluster
		group.Go(func() error { return writer.Run(ctx) })
	}
	group.Go(func() error { return d.run(ctx, settings) })
	fmt.Fprintf(std.out, demoText, "http://"+listener.Addr().String())
	return group.Wait()
}

// past returns how old the platform is.
func (f demoFlags) past() (time.Duration, error) {
	switch {
	case *f.history != "":
	case *f.elasticsearch != "":
		return time.Hour, nil // a month would be twenty million documents
	default:
		return maxHistory, nil
	}
	history, err := config.ParseDuration(*f.history)
	if err != nil || history < time.Minute || history > maxHistory {
		return 0, fmt.Errorf("--history=%s is no time from 1m to %s; write for example 1h", *f.history, config.FormatDuration(maxHistory))
	}
	return history, nil
}

//go:embed demo.yaml
var demoConfig []byte

// settings are those of demo.yaml.
func (f demoFlags) settings() (*loaded, error) {
	l := builtIn("demo.yaml", demoConfig)
	if *f.elasticsearch != "" {
		l.Source.Elasticsearch.Addresses = []string{*f.elasticsearch}
		l.Source.Elasticsearch.IndexPrefix = demoPrefix
	}
	return l, l.check()
}

const demoText = `FootAnalytics, a platform that does not exist, is being measured.

  page     %[1]s/
  review   %[1]s/api/v1/report?period=30d
  metrics  %[1]s/metrics

Try:
  curl -s %[1]s/metrics | grep '^jaeger_traces_total.*api-gateway'
  curl -s %[1]s/metrics | grep '^jaeger_trace_errors_total'
  curl -s %[1]s/metrics | grep '^jaeger_trace_duration_seconds_bucket.*ml.inference'
  curl -s %[1]s/metrics | grep '^traceslo_slo_error_budget_remaining_ratio'

Ctrl-C ends it.
`
