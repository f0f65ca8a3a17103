package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/harmless"
)

//go:embed templates/*.html
var templates embed.FS

// pages are the templates of the pages, each with the layout around it.
var pages = parsePages("overview", "objective", "feed", "config", "problem", "loading")

func parsePages(names ...string) map[string]*template.Template {
	parsed := map[string]*template.Template{}
	for _, name := range names {
		parsed[name] = template.Must(template.New("layout.html").Funcs(functions).ParseFS(templates, "templates/layout.html", "templates/parts.html", "templates/"+name+".html"))
	}
	return parsed
}

// functions are what the templates write values with. What they make of text is
// text still, which the templates escape.
var functions = template.FuncMap{
	"text":    harmless.Text,
	"cut":     harmless.Cut,
	"time":    func(t time.Time) string { return t.UTC().Format(timeLayout) },
	"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"minute":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") },
	"between": between,
	"percent": func(ratio *float64) string { return percent(*ratio) },
	"grouped": grouped,
	"number":  func(n int64) string { return grouping(float64(n)) },
	"rate":    func(v float64) string { return fmt.Sprintf("%.2f", v) },
	"length":  length,
	"seconds": func(s float64) string { return config.FormatDuration(time.Duration(s * float64(time.Second))) },
	"shape":   func(s State) string { return shapes[s] },
	"word":    func(s State) string { return words[s] },
	"bar":     budgetBar,
	// segment writes a text as one segment of a path. In a path, the templates leave
	// alone what would end one.
	"segment": url.PathEscape,
	"lines":   func(s string) string { return strings.TrimSuffix(s, "\n") },
	"part":    func(n, of uint64) string { return percent(float64(n) / float64(max(1, of))) },
}

// shapes stand for the states, so that nobody needs to see their colours.
var shapes = map[State]string{Burning: "▲", Spent: "■", Unmeasured: "◆", MatchesNothing: "◇", OK: "●", ExcludedNow: "‖", NoEvents: "○"}

// words are the states in the words of the filter.
var words = map[State]string{Burning: "burning", Spent: "budget spent", Unmeasured: "not measured", MatchesNothing: "matches nothing", OK: "ok",
	ExcludedNow: "excluded now", NoEvents: "no events", troubles: "in trouble"}

// A view is a page with what is on it.
type view struct {
	title, template string
	// at is the page of the navigation that this is.
	at   string
	data any
}

// A frame is what the layout shows around a page.
type frame struct {
	Title, At, Version string
	// Root leads from the page to that of all objectives.
	Root    string
	Now     time.Time
	Reading Reading
	// Ago is how long ago that was up to which all is counted.
	Ago           string
	MeasuredUntil *time.Time
	// Notes are what is to be said of the readers whose figures these are.
	Notes []string
	// Refused holds if the configuration was refused when it was last read.
	Refused bool
	Data    any
}

// page answers with what a handler returns, or with its problem.
func (s *Server) page(handler func(*http.Request) (*view, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		v, err := handler(r)
		if err != nil {
			p := s.problemOf(r, err)
			status = p.status
			v = &view{title: http.StatusText(status), template: "problem", data: p}
			if p.Code == notReady {
				v = &view{title: "Not ready", template: "loading"}
			}
		}
		text, err := s.render(r, v)
		if err != nil {
			s.Log.Error().Err(err).Str("page", v.template).Msg("make a page")
			guard(w, "text/plain; charset=utf-8", "no-store")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte("the page cannot be made; the log tells why, and /metrics more\n"))
			return
		}
		guard(w, "text/html; charset=utf-8", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write(text)
	})
}

func (s *Server) render(r *http.Request, v *view) ([]byte, error) {
	running, now := s.Running(), s.Now()
	reading, _, err := s.reading(running, now)
	if err != nil {
		return nil, err
	}
	f := frame{Title: v.title, At: v.at, Version: s.Version, Root: root(r.URL), Now: now.UTC(), Reading: reading, Data: v.data}
	if reading.CompleteUntil != nil {
		f.Ago = ago(now, *reading.CompleteUntil)
	}
	if running != nil {
		_, upto := measured(running, now)
		f.MeasuredUntil, f.Refused, f.Notes = known(upto), running.Refused() != nil, running.Readers.Notes()
	}
	var out bytes.Buffer
	err = pages[v.template].Execute(&out, f)
	return out.Bytes(), err
}

// root returns the way from a page to that of all objectives, so that pages work
// behind a proxy that puts something before their paths.
func root(u *url.URL) string {
	if depth := strings.Count(u.EscapedPath(), "/") - 1; depth > 0 {
		return strings.Repeat("../", depth)
	}
	return "./"
}

func (s *Server) feedPage(r *http.Request) (*view, error) {
	answer, err := s.feed(r)
	if err != nil {
		return nil, err
	}
	feed := answer.(Feed)
	total := uint64(0)
	for _, l := range feed.Lateness {
		total += l.Spans
	}
	reader := ""
	if running := s.Running(); running != nil && running.Readers != nil {
		reader = running.Readers.Reader
	}
	return &view{title: "Feed", template: "feed", at: "feed", data: struct {
		Feed
		Spans uint64
		// Reader is whose shards these are, where several share the reading.
		Reader string
	}{feed, total, reader}}, nil
}

func (s *Server) configPage(r *http.Request) (*view, error) {
	answer, err := s.config(r)
	if err != nil {
		return nil, err
	}
	return &view{title: "Configuration", template: "config", at: "config", data: answer}, nil
}
