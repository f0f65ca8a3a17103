package main

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"github.com/traceslo/traceslo/dashboards"
)

// dashboardsFlags are the flags of dashboards.
type dashboardsFlags struct{ config, format, dir *string }

func addDashboards(app *kingpin.Application, commands map[string]command) {
	c := app.Command("dashboards", "Write boards for Grafana into a folder: of the platform, a service, the objectives, and traceslo itself.")
	f := dashboardsFlags{
		config: c.Flag("config.file", configHelp).Default("traceslo.yaml").String(),
		format: c.Flag("format", "What to make: JSON for grafana to import or be provisioned with, or a configmap for its sidecar, or resources for the grafana-operator.").
			Default(string(dashboards.Grafana)).Enum(string(dashboards.Grafana), string(dashboards.ConfigMap), string(dashboards.GrafanaOperator)),
		dir: c.Flag("output.dir", "The folder to write the files into, which is made if it is missing: all of them, or none if anything is wrong.").Required().PlaceHolder("DIR").String(),
	}
	commands["dashboards"] = f.run
}

func (f dashboardsFlags) run(_ context.Context, std stdio) error {
	cfg, err := load(*f.config)
	if err != nil {
		return err
	}
	files, err := dashboards.Render(cfg.objectives, cfg.Links, cfg.Dashboards, dashboards.Format(*f.format))
	if err != nil {
		return err
	}
	outputs := make([]output, len(files))
	for i, file := range files {
		outputs[i] = output{file.Name, file.Content}
	}
	return std.writeAll(*f.dir, outputs)
}
