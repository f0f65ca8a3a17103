package sli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

// scrapedMetrics are what Prometheus understands of an exposition.
type scrapedMetrics struct {
	// Samples, Natives (printed) and Exemplars are by series.
	Samples   map[string]float64
	Natives   map[string]string
	Exemplars map[string]shownExemplar
	// Created are the start timestamps by series.
	Created map[string]int64
	// Order is the series in the order of the exposition, Types how often a type was declared.
	Order []string
	Types map[string]int
}

type shownExemplar struct {
	Labels string
	Value  float64
	// Millis is one less at times where the format writes seconds as a decimal fraction.
	Millis int64
}

// scrape parses with Prometheus' own parsers.
func scrape(t testing.TB, data []byte, contentType string) scrapedMetrics {
	t.Helper()
	p, err := textparse.New(data, contentType, nil, textparse.ParserOptions{KeepClassicOnClassicAndNativeHistograms: true})
	if err != nil {
		t.Fatal(err)
	}
	s := scrapedMetrics{map[string]float64{}, map[string]string{}, map[string]shownExemplar{}, map[string]int64{}, nil, map[string]int{}}
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return s
		}
		if err != nil {
			t.Fatalf("%s: %v in\n%.3000q", contentType, err, data)
		}
		var l labels.Labels
		switch entry {
		case textparse.EntryType:
			name, _ := p.Type()
			s.Types[string(name)]++
			continue
		case textparse.EntrySeries:
			p.Labels(&l)
			_, _, v := p.Series()
			if _, twice := s.Samples[l.String()]; twice {
				t.Errorf("%s: %s is there twice", contentType, l)
			}
			s.Samples[l.String()] = v
			s.Order = append(s.Order, l.String())
		case textparse.EntryHistogram:
			p.Labels(&l)
			_, _, h, _ := p.Histogram()
			if err := h.Validate(); err != nil {
				t.Errorf("%s: %s: %v", contentType, l, err)
			}
			s.Natives[l.String()] = h.String()
		default:
			continue
		}
		// Other formats tell no start; the OpenMetrics parser searches all lines for it.
		if strings.Contains(contentType, "protobuf") {
			s.Created[l.String()] = p.StartTimestamp()
		}
		var e exemplar.Exemplar
		for entry == textparse.EntrySeries && p.Exemplar(&e) {
			s.Exemplars[l.String()] = shownExemplar{e.Labels.String(), e.Value, e.Ts}
			e = exemplar.Exemplar{}
		}
	}
}

// hostile are strings that break what does not escape.
var hostile = []string{"a\nb", `quo"te`, `back\slash`, "</script><b>", "{}=,", "\x00\x01\x7f", "\u2028\ufeff\u202e", strings.Repeat("ü", source.MaxOperation), " ", "# EOF", "*/", "%s%n", `\n`, "日本"}

func TestFormatsAgree(t *testing.T) {
	cfg := testConfig()
	cfg.Dimensions = []sli.Dimension{{Tag: "env", Label: "environment"}, {Tag: "tier", Label: "tier"}}
	r := newRecorder(t, cfg)
	rng := rand.New(rand.NewPCG(3, 3))
	var page []source.Span
	for i := range 3000 {
		pick := func() string { return hostile[rng.IntN(len(hostile))] }
		s := span(pick(), time.Duration(rng.ExpFloat64()*1e9), of(pick()), tags(pick(), ""), kind(source.Kind(rng.IntN(6))))
		if i%3 == 0 {
			failed(pick())(&s)
		}
		page = append(page, s)
	}
	r.Count(0, page)
	step(t, r, start)

	text := scrape(t, exposition(t, r, expfmt.FmtText, start), string(expfmt.FmtText))
	open := scrape(t, exposition(t, r, expfmt.FmtOpenMetrics_1_0_0, start), string(expfmt.FmtOpenMetrics_1_0_0))
	binary := scrape(t, exposition(t, r, expfmt.FmtProtoDelim, start), string(expfmt.FmtProtoDelim))
	if len(text.Samples) < 1000 {
		t.Fatalf("only %d samples", len(text.Samples))
	}
	if diff := difference(text.Samples, open.Samples); diff != "" {
		t.Errorf("text and OpenMetrics differ:\n%.3000s", diff)
	}
	if diff := difference(text.Samples, binary.Samples); diff != "" {
		t.Errorf("text and protobuf differ:\n%.3000s", diff)
	}
	if len(open.Exemplars) < 100 {
		t.Errorf("only %d exemplars", len(open.Exemplars))
	}
	millisecond := cmp.Comparer(func(a, b int64) bool { return max(a, b)-min(a, b) <= 1 })
	if diff := cmp.Diff(open.Exemplars, binary.Exemplars, millisecond); diff != "" {
		t.Errorf("the exemplars of OpenMetrics and protobuf differ:\n%.3000s", diff)
	}
	if diff := difference(text.Order, open.Order); diff != "" {
		t.Errorf("the order of text and OpenMetrics differs:\n%.3000s", diff)
	}
	for _, s := range []scrapedMetrics{text, open, binary} {
		for name, n := range s.Types {
			if n != 1 {
				t.Errorf("the type of %s is declared %d times", name, n)
			}
		}
		if len(s.Types) != 3 {
			t.Errorf("types %v, want 3", s.Types)
		}
	}
	for name, v := range binary.Samples {
		if strings.Contains(name, "_total") && binary.Created[name] != start.UnixMilli() {
			t.Fatalf("%s (%v) was created at %d, want %d", name, v, binary.Created[name], start.UnixMilli())
		}
	}
	total := 0.
	for name, v := range text.Samples {
		if strings.Contains(name, `__name__="jaeger_traces_total"`) {
			total += v
		}
	}
	if total != 3000 {
		t.Errorf("%v spans, want 3000", total)
	}
	if len(binary.Natives) == 0 {
		t.Error("no native histogram")
	}
}

func TestTheOrderIsThatOfTheLabels(t *testing.T) {
	r := newRecorder(t, testConfig())
	for _, service := range []string{"b", "a", "c"} {
		for _, operation := range []string{"z", "y"} {
			r.Count(0, []source.Span{span(operation, 1, of(service)), span(operation, 1, of(service), kind(source.KindClient))})
			step(t, r, start)
		}
	}
	var got []string
	for line := range strings.Lines(string(exposition(t, r, expfmt.FmtText, start))) {
		if labels, ok := strings.CutPrefix(line, "jaeger_traces_total"); ok {
			got = append(got, labels)
		}
	}
	if !slices.IsSorted(got) || len(got) != 12 {
		t.Errorf("%q", got)
	}
}

// own is a registry with metrics before, between and after the jaeger_* families.
func own() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	for _, name := range []string{"aaa_total", "jaeger_trace_dz_total", "zzz_total"} {
		registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: "A counter."}))
	}
	return registry
}

func get(h http.Handler, accept, encoding string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept", accept)
	req.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func TestHandlerNegotiates(t *testing.T) {
	r := newRecorder(t, testConfig())
	r.Count(0, []source.Span{span("o", time.Second, failed("e"))})
	step(t, r, start)
	h := sli.Handler(own(), func() *sli.Recorder { return r }, zerolog.Nop())
	const prometheusAccept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
	for _, tt := range []struct{ name, accept, encoding, contentType, contentEncoding string }{
		{"a browser", "text/html,*/*;q=0.8", "gzip, deflate, br", "text/plain; version=0.0.4", "gzip"},
		{"curl", "*/*", "", "text/plain; version=0.0.4", ""},
		{"no wish at all", "", "identity", "text/plain; version=0.0.4", ""},
		{"Prometheus with native histograms", prometheusAccept, "gzip", "application/vnd.google.protobuf", "gzip"},
		{"Prometheus without", strings.SplitN(prometheusAccept, ",", 2)[1], "gzip", "application/openmetrics-text; version=1.0.0", "gzip"},
		{"text only", "text/plain;version=0.0.4", "gzip;q=0", "text/plain; version=0.0.4", ""},
		{"gzip with a weight", "text/plain;version=0.0.4", "br, gzip;q=0.5", "text/plain; version=0.0.4", "gzip"},
		{"gzip refused at length", "text/plain;version=0.0.4", "gzip; q=0.000", "text/plain; version=0.0.4", ""},
		{"text of protobuf, which nobody needs", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", "", "text/plain; version=0.0.4", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := get(h, tt.accept, tt.encoding)
			if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), tt.contentType) || w.Header().Get("Content-Encoding") != tt.contentEncoding {
				t.Fatalf("%d %q", w.Code, w.Header())
			}
			body := w.Body.Bytes()
			if tt.contentEncoding == "gzip" {
				z, err := gzip.NewReader(w.Body)
				if err != nil {
					t.Fatal(err)
				}
				if body, err = io.ReadAll(z); err != nil {
					t.Fatal(err)
				}
			}
			got := scrape(t, body, w.Header().Get("Content-Type"))
			if len(got.Types) != 6 || len(got.Samples) < 20 {
				t.Errorf("%d types, %d samples", len(got.Types), len(got.Samples))
			}
			if strings.Contains(tt.contentType, "openmetrics") != bytes.HasSuffix(body, []byte("# EOF\n")) || bytes.Count(body, []byte("# EOF")) > 1 {
				t.Errorf("the end is %.100q", body[max(0, len(body)-100):])
			}
		})
	}
}

func TestFamiliesAreSorted(t *testing.T) {
	r := newRecorder(t, testConfig())
	r.Count(0, []source.Span{span("o", time.Second, failed("e"))})
	step(t, r, start)
	w := get(sli.Handler(own(), func() *sli.Recorder { return r }, zerolog.Nop()), "text/plain;version=0.0.4", "")
	var got []string
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "# TYPE") {
			got = append(got, strings.Fields(line)[2])
		}
	}
	want := []string{"aaa_total", "jaeger_trace_duration_seconds", "jaeger_trace_dz_total", "jaeger_trace_errors_total", "jaeger_traces_total", "zzz_total"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWithoutSpansThereAreNoFamilies(t *testing.T) {
	for _, format := range []expfmt.Format{expfmt.FmtText, expfmt.FmtProtoDelim, expfmt.FmtOpenMetrics_1_0_0} {
		want := ""
		if format == expfmt.FmtOpenMetrics_1_0_0 {
			want = "# EOF\n"
		}
		for name, r := range map[string]*sli.Recorder{"no recorder": nil, "an empty one": newRecorder(t, testConfig())} {
			if got := string(exposition(t, r, format, start)); got != want {
				t.Errorf("%s, %s: %q, want %q", format, name, got, want)
			}
		}
	}
}

func TestWhatAGathererCouldGatherIsServed(t *testing.T) {
	r := newRecorder(t, testConfig())
	r.Count(0, []source.Span{span("o", time.Second)})
	step(t, r, start)
	var log bytes.Buffer
	partly := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, _ := own().Gather()
		return families, errors.New("one collector broke")
	})
	w := get(sli.Handler(partly, func() *sli.Recorder { return r }, zerolog.New(&log)), "text/plain;version=0.0.4", "")
	for _, want := range []string{"zzz_total", "jaeger_traces_total{"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s is missing", want)
		}
	}
	if !strings.Contains(log.String(), "one collector broke") {
		t.Errorf("the log says %q", log.String())
	}
}

// brokenWriter fails after some bytes.
type brokenWriter struct {
	http.ResponseWriter
	left int
}

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errors.New("connection reset")
	}
	return len(p), nil
}

func TestABrokenConnectionIsNotTakenForAWholeAnswer(t *testing.T) {
	r := newRecorder(t, testConfig())
	var page []source.Span
	for i := range 1000 {
		page = append(page, span(fmt.Sprint(i), time.Second))
	}
	r.Count(0, page[:500])
	step(t, r, start)
	h := sli.Handler(own(), func() *sli.Recorder { return r }, zerolog.Nop())
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("recovered %v, want http.ErrAbortHandler", got)
		}
	}()
	h.ServeHTTP(&brokenWriter{httptest.NewRecorder(), 10_000}, httptest.NewRequest(http.MethodGet, "/metrics", nil))
}

// blockedWriter lets a test do something in the middle of a scrape.
type blockedWriter struct {
	bytes.Buffer
	once func()
}

func (w *blockedWriter) Write(p []byte) (int, error) {
	if w.once != nil {
		w.once()
		w.once = nil
	}
	return w.Buffer.Write(p)
}

func TestAScrapeSeesOneCommitThoughTheNextComesMeanwhile(t *testing.T) {
	for _, format := range []expfmt.Format{expfmt.FmtText, expfmt.FmtProtoDelim, expfmt.FmtOpenMetrics_1_0_0} {
		r := newRecorder(t, testConfig())
		count := func(at time.Time) {
			var page []source.Span
			for i := range 500 {
				page = append(page, span(fmt.Sprint(i), time.Second, failed("e")))
			}
			r.Count(0, page)
			step(t, r, at)
		}
		count(start)
		want := exposition(t, r, format, start)
		w := blockedWriter{once: func() { count(start.Add(time.Second)) }}
		if err := sli.Write(&w, format, nil, r, start); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(w.Bytes(), want) {
			t.Errorf("%s: a scrape saw what was published while it was written", format)
		}
	}
}
