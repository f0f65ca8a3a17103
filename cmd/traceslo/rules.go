package main

import (
	"context"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"github.com/traceslo/traceslo/rules"
)

// rulesFlags are the flags of rules.
type rulesFlags struct{ config, format, dir *string }

func addRules(app *kingpin.Application, commands map[string]command) {
	c := app.Command("rules", "Print the rules for Prometheus that follow from the objectives, or write them into a folder.")
	f := rulesFlags{
		config: c.Flag("config.file", configHelp).Default("traceslo.yaml").String(),
		format: c.Flag("format", "What to make: rule files for prometheus, or PrometheusRule resources for the operator.").Default("prometheus").Enum("prometheus", "operator"),
		dir: c.Flag("output.dir", "The folder to write the files into, which is made if it is missing: all of them, or none if anything is wrong. Default: to standard output, without Alertmanager's.").
			PlaceHolder("DIR").String(),
	}
	commands["rules"] = f.run
}

func (f rulesFlags) run(_ context.Context, std stdio) error {
	cfg, err := load(*f.config)
	if err != nil {
		return err
	}
	for _, p := range cfg.document.Warnings() {
		fmt.Fprintln(std.err, p)
	}
	if len(cfg.objectives) == 0 {
		fmt.Fprintf(std.err, "%s: there is no objective in slos; these are the rules of the platform and of traceslo alone\n", *f.config)
	}
	files, err := rules.Render(cfg.objectives, cfg.Links, cfg.Rules, rules.Format(*f.format))
	if err != nil {
		return err
	}
	if *f.dir == "" {
		bundle, err := rules.Bundle(files, rules.Format(*f.format))
		if err != nil {
			return err
		}
		_, err = std.out.Write(bundle)
		return err
	}
	outputs := make([]output, len(files))
	for i, file := range files {
		outputs[i] = output{file.Name, file.Content}
	}
	return std.writeAll(*f.dir, outputs)
}
