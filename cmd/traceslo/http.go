package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/version"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/web"
)

// shutDownWithin is how long requests under way may take when the daemon ends.
const shutDownWithin = 500 * time.Millisecond

// routes returns all that the daemon answers: what people and programs read is
// web's, what changes the daemon or tells of it to machines is here.
func (d *daemon) routes(pages *web.Server) []web.Route {
	metrics := sli.Handler(d.registry, d.recorder, d.log)
	return append([]web.Route{
		{Pattern: "GET /metrics", Handler: promhttp.InstrumentMetricHandler(d.registry, d.onceLoaded(metrics))},
		{Pattern: "GET /-/healthy", Handler: http.HandlerFunc(serveHealthy)},
		{Pattern: "GET /-/ready", Handler: d.onceLoaded(http.HandlerFunc(serveReady))},
		{Pattern: "POST /-/reload", Handler: http.HandlerFunc(d.serveReload)},
		{Pattern: "GET /api/v1/admin/state", Handler: http.HandlerFunc(d.serveBackup)},
		{Pattern: "POST /api/v1/admin/state", Handler: http.HandlerFunc(d.serveBackup)},
	}, pages.Routes()...)
}

// web returns what serves people and programs.
func (d *daemon) web() *web.Server {
	return web.New(web.Options{Running: d.running, Reading: d.reading, Version: version.Info(), Log: d.log})
}

// running returns what web shows of the pipeline at work, nil until the state is loaded.
func (d *daemon) running() *web.Running {
	p := d.current.Load()
	if p == nil {
		return nil
	}
	ledger, view, readers := d.shown(p)
	running := &web.Running{
		Ledger:        ledger,
		View:          view,
		Readers:       readers,
		Feed:          p.feed.Snapshot,
		Progress:      p.feed.Progress,
		Links:         p.Links,
		Rules:         p.Rules,
		Report:        p.Report,
		Dimensions:    p.dimensions(),
		Poll:          p.Source.Elasticsearch.PollInterval,
		Configuration: func() ([]byte, error) { return p.document.Render(p.settings) },
		Mask:          p.document.Mask,
		About:         d.about,
		Refused:       d.refused.Load,
	}
	if !d.member.Alone() {
		running.Share = &web.Share{Ledger: p.ledger, View: d.store.View}
	}
	return running
}

// server returns the HTTP server, which does not listen yet.
func (d *daemon) server() *http.Server {
	mux, pages := http.NewServeMux(), d.web()
	for _, r := range d.routes(pages) {
		mux.Handle(r.Pattern, r.Handler)
	}
	return &http.Server{
		// A page of another site must not make a browser reload the daemon.
		Handler:           http.NewCrossOriginProtection().Handler(pages.Around(mux)),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// What a port scan provokes is nothing to tell at the usual level.
		ErrorLog: slog.NewLogLogger(forSlog(d.log).Handler(), slog.LevelDebug),
	}
}

// serve serves until the server is shut down.
func (d *daemon) serve(server *http.Server) error {
	err := d.listen(server)
	switch {
	case errors.Is(err, http.ErrServerClosed):
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; choose another --web.listen-address", err)
	}
	return err
}

// shutDown ends the server: politely, then at once.
func shutDown(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), shutDownWithin)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		// Close's error tells of connections that are cut, which is what it is for.
		_ = server.Close()
	}
}

// onceLoaded answers with an error until the state is loaded: no answer is
// better than one in which all counters are missing.
func (d *daemon) onceLoaded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.current.Load() == nil {
			http.Error(w, "not ready: the state is being loaded", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func serveHealthy(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "healthy") }

// serveReady does not wait for the source: a cluster out of reach, or hours of
// spans to catch up with, are to be seen on /metrics and do not make the daemon
// unfit to be asked.
func serveReady(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ready") }

func (d *daemon) serveReload(w http.ResponseWriter, r *http.Request) {
	if !d.lifecycle {
		http.Error(w, "reloading over HTTP is off; start with --web.enable-lifecycle, or send SIGHUP", http.StatusForbidden)
		return
	}
	if err := d.reload(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, "new configuration taken")
}

// serveBackup streams one consistent state while the daemon goes on.
func (d *daemon) serveBackup(w http.ResponseWriter, r *http.Request) {
	if !d.admin {
		http.Error(w, "the admin API is off; start with --web.enable-admin-api", http.StatusForbidden)
		return
	}
	if !d.backups.TryLock() {
		http.Error(w, "another backup is under way; try again later", http.StatusTooManyRequests)
		return
	}
	defer d.backups.Unlock()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="traceslo-state.db"`)
	switch n, err := d.store.Backup(web.Unhurried(w)); {
	case err != nil && n == 0:
		d.log.Error().Err(err).Msg("no backup of the state was sent")
		w.Header().Del("Content-Disposition")
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	case err != nil:
		d.log.Error().Err(err).Msg("a backup of the state was not sent whole")
		// The client must not take what it has for the whole.
		panic(http.ErrAbortHandler)
	}
	d.log.Info().Str("remote", r.RemoteAddr).Msg("sent a backup of the state")
}
