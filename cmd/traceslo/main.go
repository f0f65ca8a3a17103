// Traceslo turns stored Jaeger spans into SLIs and SLOs: it reads the spans that
// Jaeger keeps in Elasticsearch or OpenSearch, each once, serves what it counted
// to Prometheus, and keeps a ledger of what services promised. It does not touch
// the tracing pipeline.
//
//	traceslo serve       reads and serves, until SIGTERM
//	traceslo demo        does so with an invented platform; needs no server
//	traceslo status      prints how the objectives of a running daemon stand
//	traceslo check       says everything that is wrong with a configuration
//	traceslo rules       makes the rules for Prometheus and Alertmanager
//	traceslo dashboards  makes the boards for Grafana
//	traceslo report      reviews a period, for people
//	traceslo count       counts files of stored spans once and prints the metrics
//	traceslo state       backs up, checks or compacts the state
//	traceslo version     says what this is
//
// The daemon serves:
//
//	/                      how objectives stand, for people
//	/slo/<name>            how one objective stands
//	/feed                  how far the spans were read
//	/config                the configuration in effect
//	/badge/<name>.svg      a badge of an objective
//	/api/v1/               all of that as JSON; openapi.yaml there describes it
//	/metrics               the counters, for Prometheus
//	/-/healthy             200 while the process answers
//	/-/ready               200 once the state is loaded and /metrics serves it
//	POST /-/reload         reads the configuration again (--web.enable-lifecycle)
//	/api/v1/admin/state    a backup of the state (--web.enable-admin-api)
//
// SIGHUP reloads the configuration; one with faults is refused and the running
// one stays. SIGTERM and SIGINT commit what is counted and end the daemon
// within two seconds; a second one ends it at once.
//
// The exit code is 0 if all went well, 1 if not, 2 if the command line is not
// understood. Results go to standard output, everything else to standard error.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
)

func main() {
	if version.Version == "" {
		// Built without `make build`, which tells the linker.
		version.Version = "devel"
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	// From the first signal on, the next one has its usual effect.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// stdio are the standard streams.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// A command does what one subcommand is for. Its flags are parsed.
type command func(ctx context.Context, std stdio) error

// run runs the command that args name and returns the exit code.
func run(ctx context.Context, args []string, std stdio) int {
	app := kingpin.New("traceslo", "SLIs and SLOs from the spans that Jaeger has stored.").UsageWriter(std.out)
	app.HelpFlag.Short('h')
	app.Version(version.Print("traceslo"))
	commands := map[string]command{}
	for _, add := range []func(*kingpin.Application, map[string]command){addServe, addDemo, addStatus, addCheck, addRules, addDashboards, addReport, addCount, addState, addVersion} {
		add(app, commands)
	}
	name, err := app.Parse(args)
	if err != nil {
		fmt.Fprintf(std.err, "%v; see traceslo --help\n", err)
		return 2
	}
	if err := commands[name](ctx, std); err != nil {
		fmt.Fprintln(std.err, err)
		return 1
	}
	return 0
}
