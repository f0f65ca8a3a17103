package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/version"
)

var (
	//go:embed status.html
	statusText string
	//go:embed style.css
	style []byte

	statusPage = template.Must(template.New("status").Parse(statusText))
)

// A status is what the page at / says.
type status struct {
	Version string
	// Loaded holds once the state is loaded and /metrics serves it.
	Loaded     bool
	CatchingUp bool
	// Age is how long ago that was up to which every stored span is counted,
	// and Stale holds if that is longer than reading takes.
	Age   time.Duration
	Stale bool
	// About says what is read, where the configuration does not.
	About  string
	Silent bool
	// Complete is the time up to which every stored span is counted; nil if
	// nothing has been read to its end since the start.
	Complete *time.Time
	// LastSpan is when the last span was counted, nil for none since the start.
	LastSpan *time.Time
	Spans    float64
	Backlog  float64
	// Objectives are those that are shown, those in trouble first.
	Objectives []standing
	// Troubles are the counters that should be zero and are not.
	Troubles []trouble
	// Refused holds if the configuration was refused when it was last read.
	Refused  bool
	Settings string
}

type trouble struct {
	Name, Label string
	Count       float64
}

// troubles are the counters that the page shows if they are not zero, each
// with its only label.
var troubles = []struct{ name, label string }{
	{"traceslo_source_errors_total", "kind"},
	{"traceslo_source_unreadable_documents_total", "reason"},
	{"traceslo_source_lost_spans_total", "reason"},
}

// status reads what /metrics says too: one truth for machines and for people.
func (d *daemon) status() (status, error) {
	values, err := gather(d.registry)
	if err != nil {
		return status{}, err
	}
	s := status{
		Version:    version.Info(),
		About:      d.about,
		CatchingUp: values.one("traceslo_source_catching_up") == 1,
		Silent:     values.one("traceslo_source_silent") == 1,
		Complete:   values.time("traceslo_source_last_complete_read_timestamp_seconds"),
		LastSpan:   values.time("traceslo_source_last_span_timestamp_seconds"),
		Spans:      values.one("traceslo_source_spans_total"),
		Backlog:    values.one("traceslo_source_backlog_spans"),
		Refused:    values.one("traceslo_config_last_reload_successful") == 0,
	}
	s.Objectives, _ = d.standings(time.Now())
	for _, t := range troubles {
		for _, sample := range values[t.name] {
			if sample.value > 0 {
				s.Troubles = append(s.Troubles, trouble{t.name, fmt.Sprintf("%s=%q", t.label, sample.labels[t.label]), sample.value})
			}
		}
	}
	if p := d.current.Load(); p != nil {
		s.Loaded = true
		if s.Complete != nil {
			s.Age = time.Since(*s.Complete).Round(time.Second)
			s.Stale = s.Age > max(3*p.Source.Elasticsearch.PollInterval, 15*time.Second)
		}
		settings, err := p.document.Render(p.settings)
		if err != nil {
			return status{}, err
		}
		s.Settings = string(settings)
	}
	return s, nil
}

// serveStatus writes the page for people.
func (d *daemon) serveStatus(w http.ResponseWriter, _ *http.Request) {
	s, err := d.status()
	if err != nil {
		d.log.Error().Err(err).Msg("make the status page")
		http.Error(w, "the status page cannot be made; /metrics tells more", http.StatusInternalServerError)
		return
	}
	d.servePage(w, statusPage, s)
}

// servePage writes a page for people. It holds no script.
func (d *daemon) servePage(w http.ResponseWriter, t *template.Template, data any) {
	var page bytes.Buffer
	if err := t.Execute(&page, data); err != nil {
		d.log.Error().Err(err).Str("page", t.Name()).Msg("make a page")
		http.Error(w, "the page cannot be made; /metrics tells more", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	_, _ = w.Write(page.Bytes())
}

func serveStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(style)
}

// samples are the values of metrics by name.
type samples map[string][]sample

type sample struct {
	labels map[string]string
	value  float64
}

// gather returns the counters and gauges of g.
func gather(g prometheus.Gatherer) (samples, error) {
	families, err := g.Gather()
	if err != nil {
		return nil, err
	}
	values := samples{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			s := sample{labels: map[string]string{}, value: m.GetCounter().GetValue() + m.GetGauge().GetValue()}
			for _, l := range m.GetLabel() {
				s.labels[l.GetName()] = l.GetValue()
			}
			values[family.GetName()] = append(values[family.GetName()], s)
		}
	}
	return values, nil
}

// one returns the value of a metric without labels.
func (s samples) one(name string) float64 {
	i := slices.IndexFunc(s[name], func(s sample) bool { return len(s.labels) == 0 })
	if i < 0 {
		return 0
	}
	return s[name][i].value
}

// time returns the time that a metric without labels tells, nil if it is 0.
func (s samples) time(name string) *time.Time {
	seconds := s.one(name)
	if seconds == 0 {
		return nil
	}
	t := time.UnixMilli(int64(seconds * 1e3)).UTC()
	return &t
}
