package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/peers"
	"github.com/traceslo/traceslo/slo/report"
	"github.com/traceslo/traceslo/source"
)

// reportFlags are the flags of report.
type reportFlags struct {
	period, format, zone, config, storage, server, file *string
	slos                                                *[]string
	remote                                              remote
}

func addReport(app *kingpin.Application, commands map[string]command) {
	c := app.Command("report", "Write the review of a period: how objectives fared, what burnt their error budgets, and what was agreed for that.")
	f := reportFlags{
		period:  c.Flag("period", "What it is about: "+report.Forms+".").Default("last-month").String(),
		format:  c.Flag("format", "html, markdown, json or csv. Default: as the name in --output.file ends, else html.").PlaceHolder("FORMAT").String(),
		zone:    c.Flag("time-zone", "The IANA zone in which days begin. Default: report.time_zone of the configuration.").PlaceHolder("ZONE").String(),
		slos:    c.Flag("slo", "The name of an objective to report, again for another. Default: all.").PlaceHolder("NAME").Strings(),
		config:  c.Flag("config.file", configHelp+" With --server.url, the daemon's own counts.").Default("traceslo.yaml").String(),
		storage: c.Flag("storage.path", "The folder that keeps the state of a daemon that does not run.").Default("data").String(),
		server:  c.Flag("server.url", "The URL of a running daemon, which then makes the report.").PlaceHolder("URL").String(),
		file:    c.Flag("output.file", "The file to write, whole or not at all; one that is there is replaced. Default: to standard output.").PlaceHolder("FILE").String(),
	}
	f.remote = addRemote(c, f.server)
	commands["report"] = f.run
}

func (f reportFlags) run(ctx context.Context, std stdio) error {
	format, err := f.chosen()
	if err != nil {
		return err
	}
	from := f.local
	if *f.server != "" {
		from = f.fetch
	}
	text, err := from(ctx, std, format)
	if err != nil {
		return err
	}
	if *f.file == "" {
		_, err = std.out.Write(text)
		return err
	}
	return std.writeAll(filepath.Dir(*f.file), []output{{filepath.Base(*f.file), text}})
}

// chosen returns the format that is asked for.
func (f reportFlags) chosen() (report.Format, error) {
	if *f.format != "" {
		return report.ParseFormat(*f.format)
	}
	for _, format := range report.Formats() {
		if strings.EqualFold(filepath.Ext(*f.file), format.Extension()) {
			return format, nil
		}
	}
	return report.HTML, nil
}

// fetch returns the report that a running daemon makes.
func (f reportFlags) fetch(ctx context.Context, _ stdio, format report.Format) ([]byte, error) {
	query := url.Values{"period": {*f.period}, "format": {string(format)}, "slo": *f.slos}
	if *f.zone != "" {
		query.Set("time_zone", *f.zone)
	}
	answer, err := f.remote.ask(ctx, http.MethodGet, "api/v1/report?"+query.Encode(), reportWithin)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// local returns the report that the state of a daemon that does not run tells.
func (f reportFlags) local(ctx context.Context, std stdio, format report.Format) ([]byte, error) {
	cfg, err := load(*f.config)
	if err != nil {
		return nil, err
	}
	zone := cfg.Report.TimeZone
	if *f.zone != "" {
		zone = slo.Zone{}
		if err := zone.UnmarshalText([]byte(*f.zone)); err != nil {
			return nil, fmt.Errorf("--time-zone: %w", err)
		}
	}
	now := time.Now()
	period, err := report.ParsePeriod(*f.period, zone, now)
	if err != nil {
		return nil, fmt.Errorf("--period: %w", err)
	}
	store, member, err := openLedger(*f.storage)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	bar := std.progress()
	defer bar.end()
	var made *report.Report
	if err := store.View(func(tx *state.Tx) error {
		ledger, err := loadLedger(tx, cfg, member, now)
		if err != nil {
			return err
		}
		made, err = report.Build(ctx, ledger, tx, report.Options{
			Period: period, SLOs: *f.slos, Dimensions: cfg.dimensions(), Policy: cfg.Report.Policy, Now: now, Progress: bar.show,
		})
		return err
	}); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = made.Write(&text, format)
	return text.Bytes(), err
}

// openStopped opens the state of a daemon that does not run.
func openStopped(dir string) (*state.Store, error) {
	path := filepath.Join(dir, state.FileName)
	if _, err := os.Stat(path); err != nil {
		// Open would make a state where there is none.
		return nil, fmt.Errorf("%w; name the daemon's folder by --storage.path, or a running daemon by --server.url", err)
	}
	store, err := state.Open(path)
	if errors.Is(err, state.ErrLocked) {
		return nil, fmt.Errorf("%w; a running daemon makes the report itself: --server.url=http://127.0.0.1:9924", err)
	}
	return store, err
}

// openLedger opens the file in which the ledger of a daemon that does not run
// lies: of several readers, that in which they are added up.
func openLedger(dir string) (store *state.Store, member source.Member, err error) {
	if store, err = openStopped(dir); err != nil {
		return nil, member, err
	}
	err = store.View(func(tx *state.Tx) error {
		positions, err := source.LoadPositions(tx)
		if err == nil {
			member = positions.Member()
		}
		return err
	})
	if err == nil && member.Alone() {
		return store, member, nil
	}
	if closing := store.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return nil, member, err
	}
	path := filepath.Join(dir, peers.FileName)
	if _, err := os.Stat(path); err != nil {
		return nil, member, fmt.Errorf("%q is the state of reader %s, which has a part of the events; a running reader whose configuration has peers makes the report of all: --server.url=http://127.0.0.1:9924", dir, member)
	}
	if store, err = state.Open(path); err != nil {
		return nil, member, err
	}
	if err := store.View(func(tx *state.Tx) error { return peers.Complete(tx, member.Of) }); err != nil {
		_ = store.Close() // nothing was written
		return nil, member, fmt.Errorf("%q: %w; start it until its pages tell of all readers, or make the report by another: --server.url=http://127.0.0.1:9924", path, err)
	}
	return store, member, nil
}

// loadLedger returns the ledger that a state holds, as the configuration has the objectives.
func loadLedger(tx *state.Tx, cfg *loaded, member source.Member, now time.Time) (*slo.Ledger, error) {
	if !member.Alone() {
		ledger := slo.NewWhole(cfg.ledgerOptions(member, zerolog.Nop()))
		return ledger, ledger.Load(tx, now, true)
	}
	positions, err := source.LoadPositions(tx)
	if err != nil {
		return nil, err
	}
	ledger := cfg.newLedger(member, zerolog.Nop())
	return ledger, ledger.Load(tx, now, positions.New())
}

// A progress shows on a terminal how far something came.
type progress struct {
	out  io.Writer // nil shows nothing
	last time.Time
}

// progress returns one on standard error, if that is a terminal.
func (std stdio) progress() *progress {
	if file, ok := std.err.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		return &progress{out: std.err}
	}
	return &progress{}
}

const (
	// barWidth is how many characters a bar has, barEvery how often it is drawn.
	barWidth = 40
	barEvery = 100 * time.Millisecond
)

// show draws the bar, but not more often than anybody can see.
func (p *progress) show(done, all int) {
	if p.out == nil || time.Since(p.last) < barEvery && done < all {
		return
	}
	p.last = time.Now()
	filled := barWidth * done / all
	fmt.Fprintf(p.out, "\r[%s%s] %d of %d objectives", strings.Repeat("=", filled), strings.Repeat(" ", barWidth-filled), done, all)
}

// end takes the bar away.
func (p *progress) end() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
