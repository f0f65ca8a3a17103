package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/source/elastic"
)

func addCheck(app *kingpin.Application, commands map[string]command) {
	c := app.Command("check", "Say everything that is wrong with a configuration, at once, with line and cure.")
	file := c.Flag("config.file", configHelp).Default("traceslo.yaml").String()
	live := c.Flag("live", "Also ask the cluster for what the daemon needs (rights, indices, versions), and look each objective up in the spans of the last day. It changes nothing there, but that an index is refreshed.").Bool()
	commands["check"] = func(ctx context.Context, std stdio) error {
		cfg, err := check(std, *file)
		if err != nil || !*live {
			return err
		}
		return checkLive(ctx, std, cfg)
	}
}

// check writes every problem of the file, warnings among them, and a summary.
func check(std stdio, file string) (*loaded, error) {
	cfg, err := load(file)
	if _, ok := errors.AsType[config.Errors](err); err != nil && !ok {
		return nil, err
	}
	problems := cfg.document.Problems()
	for _, p := range problems {
		fmt.Fprintln(std.err, p)
	}
	warnings := len(cfg.document.Warnings())
	if err != nil {
		return nil, fmt.Errorf("%s: %s, %s", file, plural(len(problems)-warnings, "fault"), plural(warnings, "warning"))
	}
	// What would not be taken of the rules is told here too, and not first when they are made.
	if _, err := rules.Render(cfg.objectives, cfg.Links, cfg.Rules, rules.Prometheus); err != nil {
		return nil, fmt.Errorf("%s: the rules would be refused: %w", file, err)
	}
	_, err = fmt.Fprintf(std.out, "%s: ok (%s, %s, %s, %s)\n", file,
		plural(len(cfg.SLI.Buckets), "bucket"), plural(len(cfg.SLI.Dimensions), "dimension"), plural(len(cfg.objectives), "objective"), plural(warnings, "warning"))
	return cfg, err
}

// checkLive writes what the cluster tells. The error says that something is
// missing without which spans cannot be read.
func checkLive(ctx context.Context, std stdio, cfg *loaded) error {
	cluster, err := elastic.New(elastic.Options{Config: cfg.Source.Elasticsearch, Tags: cfg.tags(), Roots: cfg.roots(), Fine: cfg.counting().Fine(), Log: zerolog.Nop()})
	if err != nil {
		return err
	}
	defer cluster.Close()
	wrong := 0
	for _, f := range cluster.Live(ctx).Findings {
		text := f.Text
		if f.Cure != "" {
			text += "; " + f.Cure
		}
		fmt.Fprintf(std.out, "%-8s %s\n", f.Level, cfg.document.Mask(text))
		if f.Level == elastic.Wrong {
			wrong++
		}
	}
	if wrong > 0 {
		return fmt.Errorf("the cluster is not fit to be read: %s", plural(wrong, "fault"))
	}
	if len(cfg.objectives) == 0 {
		return nil
	}
	found, err := lookUp(ctx, cfg, cluster, time.Now())
	if err != nil {
		return fmt.Errorf("look the objectives up: %w", err)
	}
	for _, f := range found.findings() {
		fmt.Fprintf(std.out, "%-8s %s\n", f.level, f.text)
	}
	return nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
