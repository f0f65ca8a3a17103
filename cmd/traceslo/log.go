package main

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/rs/zerolog"
)

// logFlags are the flags of every command that runs for long.
type logFlags struct {
	level, format *string
}

func addLogFlags(c *kingpin.CmdClause) logFlags {
	return logFlags{
		level: c.Flag("log.level", "Only log messages of this severity or above: debug, info, warn or error.").
			Default("info").Enum("debug", "info", "warn", "error"),
		format: c.Flag("log.format", "json for machines, console for people; auto is console on a terminal.").
			Default("auto").Enum("json", "console", "auto"),
	}
}

// logger returns a logger that writes to w, and a bar below its lines if they
// are for people at a terminal. Its methods are safe for use by several goroutines.
func (f logFlags) logger(w io.Writer) (zerolog.Logger, *bar) {
	b := newBar(w)
	if *f.format == "json" {
		b = nil
	}
	if b != nil {
		w = b
	}
	if b != nil || *f.format == "console" {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: os.Getenv("NO_COLOR") != ""}
	}
	level, err := zerolog.ParseLevel(*f.level)
	if err != nil {
		panic(err) // kingpin has let through only what is one
	}
	return zerolog.New(zerolog.SyncWriter(w)).Level(level).With().Timestamp().Logger(), b
}

// forSlog is for the packages that log by log/slog.
func forSlog(log zerolog.Logger) *slog.Logger { return slog.New(zerolog.NewSlogHandler(log)) }
