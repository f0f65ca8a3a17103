package main

import (
	"context"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
	"github.com/traceslo/traceslo/source/spanfile"
)

// countFlags are the flags of count.
type countFlags struct {
	config, format *string
	keepGoing      *bool
	files          *[]string
}

func addCount(app *kingpin.Application, commands map[string]command) {
	c := app.Command("count", "Count files of stored spans once and print the metrics: one document or search hit a line, plain or gzip, - for standard input. A span that is there twice counts once.")
	f := countFlags{
		config:    c.Flag("config.file", configHelp+" Default: none, which is all defaults.").PlaceHolder("FILE").String(),
		format:    c.Flag("format", "How to print them: text or openmetrics.").Default("text").Enum("text", "openmetrics"),
		keepGoing: c.Flag("keep-going", "Count the other lines if one is not understood. Without it, nothing is printed then. The exit code is 1 in both cases.").Bool(),
		files:     c.Arg("file", "The files to count.").Required().Strings(),
	}
	commands["count"] = f.run
}

func (f countFlags) run(ctx context.Context, std stdio) error {
	cfg := builtIn("", nil)
	if *f.config != "" {
		var err error
		if cfg, err = load(*f.config); err != nil {
			return err
		}
	}
	// There is no scrape before the counts that it would be good for.
	cfg.SLI.NewSeriesHold = 0
	n := &count{
		std:       std,
		matched:   newMatched(cfg.objectives),
		recorder:  sli.New(cfg.counting(), 1, zerolog.New(zerolog.ConsoleWriter{Out: std.err, NoColor: true}).Level(zerolog.WarnLevel)),
		keepGoing: *f.keepGoing,
	}
	if err := n.recorder.Load(nil, time.Now()); err != nil {
		return err
	}
	for _, name := range *f.files {
		if name == "" {
			name = "-" // which kingpin hands over as nothing
		}
		if err := n.file(ctx, name, jaeger.NewDecoder(n.recorder.Tags(), cfg.Source.Elasticsearch.TagDotReplacement)); err != nil {
			return err
		}
	}
	if err := n.commit(); err != nil {
		return err
	}
	format := expfmt.FmtText
	if *f.format == "openmetrics" {
		format = expfmt.FmtOpenMetrics_1_0_0
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(n.matched)
	families, err := registry.Gather()
	if err != nil {
		return err
	}
	if err := sli.Write(std.out, format, families, n.recorder, time.Now()); err != nil {
		return fmt.Errorf("write the metrics: %w", err)
	}
	if n.bad > 0 {
		return fmt.Errorf("%s not understood and not counted", plural(n.bad, "line"))
	}
	return nil
}

// A count is one run over some files.
type count struct {
	std       stdio
	recorder  *sli.Recorder
	matched   matched
	keepGoing bool
	// bad is how many lines were not understood.
	bad int
	// pending is how many spans wait to be merged.
	pending int
}

// mergeAfter bounds what is counted apart from the rest, as the feed's steps do.
const mergeAfter = 200_000

// file counts the spans of one file.
func (n *count) file(ctx context.Context, name string, decoder *jaeger.Decoder) error {
	in, err := spanfile.Open(name, n.std.in)
	if err != nil {
		return err
	}
	defer in.Close()
	if name == "-" {
		name = "standard input"
	}
	return spanfile.Read(ctx, in, name, decoder, func(spans []source.Span, bad []spanfile.Bad) error {
		for _, line := range bad {
			problem := fmt.Errorf("%s:%d: not understood: %s", name, line.Line, line.Reason)
			if !n.keepGoing {
				return fmt.Errorf("%w; --keep-going counts the other lines", problem)
			}
			n.bad++
			fmt.Fprintln(n.std.err, problem)
		}
		n.recorder.Count(0, spans)
		if n.pending += len(spans); n.pending < mergeAfter {
			return nil
		}
		return n.commit()
	})
}

// commit merges what was counted into what will be printed.
func (n *count) commit() error {
	n.pending = 0
	return commit(n.recorder, n.matched.add)
}
