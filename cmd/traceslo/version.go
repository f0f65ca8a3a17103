package main

import (
	"context"
	"fmt"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
)

func addVersion(app *kingpin.Application, commands map[string]command) {
	app.Command("version", "Say which version this is, and what it was built from.")
	commands["version"] = func(_ context.Context, std stdio) error {
		_, err := fmt.Fprintln(std.out, version.Print("traceslo"))
		return err
	}
}
