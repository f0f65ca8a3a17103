package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
	"github.com/traceslo/traceslo/slo/report/press"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/sourcetest"
)

func span(id uint64) source.Span {
	return source.Span{TraceID: source.TraceID{1}, SpanID: id, Service: "api", Operation: "get", Kind: source.KindServer, Start: 1e15, Duration: 7000}
}

// fast are settings by which a test need not wait.
func fast() *loaded {
	l := builtIn("", nil)
	l.Source.Elasticsearch.Start = source.Start{Earliest: true}
	l.Source.Elasticsearch.PollInterval = time.Millisecond
	l.SLI.NewSeriesHold = 0
	return l
}

// A running is a daemon at work in a test.
type running struct {
	*daemon
	t    *testing.T
	url  string
	stop func()
}

// start runs a daemon on a source in memory and the state in the folder dir.
func start(t *testing.T, dir string, memory *sourcetest.Memory) *running {
	t.Helper()
	return startWith(t, dir, memory, func() (*loaded, error) { return fast(), nil })
}

// startWith does so by a configuration.
func startWith(t *testing.T, dir string, memory *sourcetest.Memory, load func() (*loaded, error)) *running {
	t.Helper()
	first, err := load()
	if err != nil {
		t.Fatal(err)
	}
	store, err := openState(dir)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := newDaemon(zerolog.New(zerolog.NewTestWriter(t)), nil, source.Member{})
	d.store = store
	d.load = load
	d.open = func(*loaded) (*input, error) { return &input{memory, func() {}}, nil }
	d.listen = func(s *http.Server) error { return s.Serve(listener) }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.run(ctx, first) }()
	stop := func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		done <- nil
	}
	r := &running{d, t, "http://" + listener.Addr().String(), stop}
	t.Cleanup(r.stop)
	return r
}

// until asks for /metrics until it holds text, and returns it.
func (r *running) until(text string) string {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var body string
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if _, body, _ = do(http.MethodGet, r.url+"/metrics"); strings.Contains(body, text) {
			return body
		}
	}
	r.t.Fatalf("/metrics did not come to hold %s:\n%s", text, body)
	return ""
}

const total = `jaeger_traces_total{service="api",operation="get",span_kind="server"} `

func TestCountsGoOnAfterRestartsAndReloads(t *testing.T) {
	dir := t.TempDir()
	memory := sourcetest.NewMemory("c", time.Unix(1e9, 0))
	index := memory.Create("spans", 2)
	index.Append(0, span(1), span(2))

	d := start(t, dir, memory)
	d.until(total + "2\n")
	index.Append(1, span(3))
	d.until(total + "3\n")
	d.load = func() (*loaded, error) {
		l := fast()
		l.SLI.Buckets = []time.Duration{time.Millisecond, 10 * time.Millisecond}
		return l, nil
	}
	if err := d.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := d.until(total + "3\n"); !strings.Contains(got, `le="0.01"} 3`) || strings.Contains(got, `le="0.025"`) {
		t.Errorf("the new buckets are not there:\n%s", got)
	}
	index.Append(0, span(4))
	d.until(total + "4\n")
	d.stop()

	index.Append(1, span(5), span(1))
	start(t, dir, memory).until(total + "5\n")
}

func TestRefusedReloadsLeaveTheOldConfiguration(t *testing.T) {
	memory := sourcetest.NewMemory("c", time.Unix(1e9, 0))
	index := memory.Create("spans", 1)
	d := start(t, t.TempDir(), memory)
	d.until("traceslo_config_last_reload_successful 1\n")
	for name, refuse := range map[string]func(){
		"the file has faults": func() {
			d.load = func() (*loaded, error) {
				return nil, config.Errors{{File: "a.yaml", Line: 3, Fault: config.Fault{Problem: "is wrong"}}}
			}
		},
		"the source cannot be opened": func() {
			d.load = func() (*loaded, error) { return fast(), nil }
			d.open = func(*loaded) (*input, error) { return nil, errors.New("no certificate") }
		},
	} {
		refuse()
		if err := d.reload(t.Context()); !errors.Is(err, errRefused) {
			t.Errorf("%s: got %v", name, err)
		}
		d.until("traceslo_config_last_reload_successful 0\n")
	}
	index.Append(0, span(1))
	d.until(total + "1\n")
}

func TestWhatIsNotCommittedIsNotShown(t *testing.T) {
	store, err := state.Open(filepath.Join(t.TempDir(), state.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	recorder := sli.New(fast().SLI, 1, zerolog.Nop())
	c := counter{recorder, slo.NewLedger(slo.LedgerOptions{Retention: 400 * 24 * time.Hour}), store}
	now := time.Unix(1.7e9, 0)
	c.Count(0, []source.Span{span(1)})

	full := errors.New("no room")
	err = c.Commit(source.Step{Now: now, Watermark: now, Save: func(tx *state.Tx) error {
		if err := tx.Bucket("positions").Put([]byte("k"), []byte("v")); err != nil {
			return err
		}
		return full
	}})
	if !errors.Is(err, full) {
		t.Fatalf("got %v, want %v", err, full)
	}
	if got := exposed(t, recorder, now); strings.Contains(got, total) {
		t.Errorf("shown without a commit:\n%s", got)
	}
	if err := store.View(func(tx *state.Tx) error {
		if names := tx.Buckets(""); len(names) > 0 {
			t.Errorf("durable without a commit: %v", names)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	// The next commit has it all.
	if err := c.Commit(source.Step{Now: now, Watermark: now, Save: func(*state.Tx) error { return nil }}); err != nil {
		t.Fatal(err)
	}
	again := sli.New(fast().SLI, 1, zerolog.Nop())
	if err := store.View(func(tx *state.Tx) error { return again.Load(tx, now) }); err != nil {
		t.Fatal(err)
	}
	got := exposed(t, again, now)
	if diff := cmp.Diff(exposed(t, recorder, now), got); diff != "" || !strings.Contains(got, total+"1\n") {
		t.Errorf("-shown +durable\n%s\n%s", diff, got)
	}
}

// exposed returns what a scrape of r sees, without the exemplars, which are not durable.
func exposed(t *testing.T, r *sli.Recorder, now time.Time) string {
	t.Helper()
	var out bytes.Buffer
	if err := sli.Write(&out, expfmt.FmtText, nil, r, now); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestNothingIsServedBeforeTheStateIsLoaded(t *testing.T) {
	d := newDaemon(zerolog.Nop(), nil, source.Member{})
	for path, want := range map[string]int{
		"/-/healthy": http.StatusOK,
		"/-/ready":   http.StatusServiceUnavailable,
		"/metrics":   http.StatusServiceUnavailable,
		"/":          http.StatusOK,
	} {
		answer := httptest.NewRecorder()
		d.server().Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != want {
			t.Errorf("%s: got %d, want %d: %s", path, answer.Code, want, answer.Body)
		}
	}
}

func TestPagesTellOfARefusedConfigurationAndHideSecrets(t *testing.T) {
	memory := sourcetest.NewMemory("c", time.Unix(1e9, 0))
	memory.Create("spans", 1).Append(0, span(1))
	d := start(t, t.TempDir(), memory)
	d.until(total + "1\n")
	for _, path := range []string{"/", "/feed", "/config", "/api/v1/status", "/api/v1/objectives", "/api/v1/feed", "/api/v1/config"} {
		if code, body, _ := do(http.MethodGet, d.url+path); code != http.StatusOK {
			t.Errorf("%s: got %d: %s", path, code, body)
		}
	}
	if _, body, _ := do(http.MethodGet, d.url+"/feed"); !strings.Contains(body, "spans</bdi>") || !strings.Contains(body, "0: 0 of 0") {
		t.Errorf("the feed does not tell how far it is:\n%s", body)
	}
	d.load = func() (*loaded, error) {
		return nil, config.Errors{{File: "a.yaml", Line: 3, Fault: config.Fault{Problem: "is <wrong>"}}}
	}
	if err := d.reload(t.Context()); !errors.Is(err, errRefused) {
		t.Fatalf("got %v", err)
	}
	if _, body, _ := do(http.MethodGet, d.url+"/config"); !strings.Contains(body, "a.yaml:3: is &lt;wrong&gt;") {
		t.Errorf("what was refused is not told:\n%s", body)
	}
	d.load = func() (*loaded, error) {
		l := fast()
		l.document = config.Parse("a.yaml", []byte("source: {elasticsearch: {auth: {bearer_token: token-4711}}}"), nil, &l.settings)
		return l, nil
	}
	if err := d.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, body, _ := do(http.MethodGet, d.url+"/config")
	if strings.Contains(body, "4711") || strings.Contains(body, "a.yaml:3") || !strings.Contains(body, "bearer_token: &lt;secret&gt;") {
		t.Errorf("the configuration is shown as\n%s", body)
	}
}

func TestOtherSitesCannotReload(t *testing.T) {
	d := newDaemon(zerolog.Nop(), nil, source.Member{})
	d.lifecycle = true
	request := httptest.NewRequest(http.MethodPost, "/-/reload", nil)
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	answer := httptest.NewRecorder()
	d.server().Handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusForbidden || strings.Contains(answer.Body.String(), "lifecycle") {
		t.Errorf("got %d: %s", answer.Code, answer.Body)
	}
}

func TestReportsArePrintedAndFollowAReload(t *testing.T) {
	dir, folder := t.TempDir(), t.TempDir()
	hourly := press.Config{Name: "hourly", Period: "1h", Formats: []report.Format{report.JSON}, Folder: folder}
	if err := hourly.Schedule.UnmarshalText([]byte("0 * * * *")); err != nil {
		t.Fatal(err)
	}
	// It was configured two hours ago, and the daemon ended then.
	store, err := openState(dir)
	if err != nil {
		t.Fatal(err)
	}
	before := press.New(press.Options{Reports: []press.Config{hourly}, Store: store, Ledger: slo.NewLedger(slo.LedgerOptions{}), Metrics: press.NewMetrics(prometheus.NewRegistry())})
	if err := errors.Join(before.Step(t.Context(), time.Now().Add(-2*time.Hour)), store.Close()); err != nil {
		t.Fatal(err)
	}
	memory := sourcetest.NewMemory("c", time.Now())
	memory.Create("spans", 1).Append(0, span(1))
	reporting := func(c press.Config) func() (*loaded, error) {
		return func() (*loaded, error) {
			l := fast()
			l.Source.Silence, l.objectives, l.Reports = 0, []slo.Objective{objectiveOf("api")}, []press.Config{c}
			return l, nil
		}
	}
	d := startWith(t, dir, memory, reporting(hourly))
	d.until(`traceslo_report_runs_total{report="hourly"} 1` + "\n")
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 1 || !strings.HasPrefix(files[0].Name(), "hourly_") {
		t.Fatalf("printed are %v, %v", files, err)
	}
	text, err := os.ReadFile(filepath.Join(folder, files[0].Name()))
	if err != nil || !strings.Contains(string(text), `"service":"api"`) {
		t.Errorf("the report is %s, %v", text, err)
	}
	other := hourly
	other.Name = "other"
	d.load = reporting(other)
	if err := d.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if body := d.until(`traceslo_report_runs_total{report="other"} 0` + "\n"); strings.Contains(body, "hourly") {
		t.Errorf("a report that is no longer configured is shown:\n%s", body)
	}
}
