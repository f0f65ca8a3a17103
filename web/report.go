package web

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"os"
	"regexp"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
)

// serveReport answers with the review of a period, in any of its formats. One of
// a year of many objectives takes minutes.
func (s *Server) serveReport(w http.ResponseWriter, r *http.Request) {
	w = Unhurried(w)
	made, format, err := s.report(r)
	if r.Context().Err() != nil {
		return // nobody waits for it any more
	}
	if err != nil {
		s.json(func(*http.Request) (any, error) { return nil, err }).ServeHTTP(w, r)
		return
	}
	var text bytes.Buffer
	if err := made.Write(&text, format); err != nil {
		s.json(func(*http.Request) (any, error) { return nil, err }).ServeHTTP(w, r)
		return
	}
	guard(w, format.MediaType(), "no-store")
	if format == report.HTML {
		// It has its style within, and needs nothing from here. What a file cannot
		// say of itself is added: that no page may frame it.
		w.Header().Set("Content-Security-Policy", report.SecurityPolicy()+"; frame-ancestors 'none'")
	}
	w.Header().Set("Content-Disposition", `inline; filename="slo-review-`+notInName.ReplaceAllString(made.Period.Name, "-")+format.Extension()+`"`)
	// Whoever hung up knows that; whoever is cut off does not.
	if _, err := w.Write(text.Bytes()); errors.Is(err, os.ErrDeadlineExceeded) {
		s.Log.Warn().Err(err).Str("remote", r.RemoteAddr).Msg("a report was not sent whole: nothing of it was taken for a minute")
	}
}

// notInName is what is left out of the name of a file.
var notInName = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// report makes the report that is asked for. One is made at a time: each reads
// much of the state.
func (s *Server) report(r *http.Request) (*report.Report, report.Format, error) {
	all, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, "", problem(badRequest, "the query is not understood; escape what stands in it")
	}
	names := all["slo"]
	all.Del("slo")
	query, err := parameters(&http.Request{URL: &url.URL{RawQuery: all.Encode()}}, "period", "format", "time_zone")
	if err != nil {
		return nil, "", err
	}
	running := s.Running()
	if running == nil {
		return nil, "", errNotReady
	}
	if err := running.whole(); err != nil {
		return nil, "", err
	}
	format, err := report.ParseFormat(cmp.Or(query.Get("format"), string(report.HTML)))
	if err != nil {
		return nil, "", problem(badRequest, "%v", err)
	}
	zone := running.Report.TimeZone
	if name := query.Get("time_zone"); name != "" {
		zone = slo.Zone{}
		if err := zone.UnmarshalText([]byte(name)); err != nil {
			return nil, "", problem(badRequest, "time_zone: %v", err)
		}
	}
	now := s.Now()
	period, err := report.ParsePeriod(cmp.Or(query.Get("period"), "last-month"), zone, now)
	if err != nil {
		return nil, "", problem(badRequest, "%v", err)
	}
	select {
	case s.reports <- struct{}{}:
		defer func() { <-s.reports }()
	case <-r.Context().Done():
		return nil, "", r.Context().Err()
	}
	var made *report.Report
	err = running.View(func(tx *state.Tx) (err error) {
		made, err = report.Build(r.Context(), running.Ledger, tx, report.Options{
			Period: period, SLOs: names, Dimensions: running.Dimensions, Policy: running.Report.Policy, Now: now, Notes: running.Readers.Notes(),
		})
		return err
	})
	if unknown, ok := errors.AsType[*report.UnknownError](err); ok {
		p := problem(notFound, "%v", unknown)
		p.Nearest = unknown.Nearest
		return nil, "", p
	}
	return made, format, err
}
