package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/sourcetest"
	"github.com/traceslo/traceslo/web"
)

// epoch is when the benches begin, a Monday.
var epoch = time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)

// A bench is a server over a feed that reads a source in memory into a recorder
// and a ledger in a state file, as the daemon has them.
type bench struct {
	t       testing.TB
	now     time.Time
	memory  *sourcetest.Memory
	index   *sourcetest.MemoryIndex
	feed    *source.Feed
	running *web.Running
	refusal *web.Refusal
	server  http.Handler
	routes  []web.Route
	log     *strings.Builder
	// viewing is called before the state is read, if it is set.
	viewing func()
	ids     uint64
}

// counter commits what the recorder counted and what the ledger makes of it.
type counter struct {
	*sli.Recorder
	ledger *slo.Ledger
	store  *state.Store
}

func (c counter) Commit(step source.Step) error {
	err := c.store.Update(func(tx *state.Tx) error {
		if err := c.Save(tx, step.Now, step.Watermark); err != nil {
			return err
		}
		if err := c.ledger.Save(tx, step, c.Recorder); err != nil {
			return err
		}
		return step.Save(tx)
	})
	if err != nil {
		return err
	}
	c.ledger.Publish()
	c.Publish()
	return nil
}

func newBench(t testing.TB, objectives ...slo.Objective) *bench {
	t.Helper()
	b := &bench{t: t, now: epoch, memory: sourcetest.NewMemory("c1", epoch), log: &strings.Builder{}}
	b.memory.PageSize = 10_000
	b.index = b.memory.Create("jaeger-span-2026-03-02", 2)
	store, err := state.Open(filepath.Join(t.TempDir(), state.FileName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	log := zerolog.New(b.log)
	for i := range objectives {
		objectives[i] = objectives[i].With(slo.DefaultAlerting())
	}
	counting := sli.Default()
	counting.Measures = slo.Measures(objectives)
	recorder := sli.New(counting, 1, log)
	ledger := slo.NewLedger(slo.LedgerOptions{Objectives: objectives, Retention: 400 * 24 * time.Hour, Silence: 5 * time.Minute, Log: log})
	registry := prometheus.NewRegistry()
	var positions *source.Positions
	if err := store.View(func(tx *state.Tx) (err error) {
		if positions, err = source.LoadPositions(tx); err != nil {
			return err
		}
		if err := recorder.Load(tx, b.now); err != nil {
			return err
		}
		return ledger.Load(tx, b.now, true)
	}); err != nil {
		t.Fatal(err)
	}
	b.feed, err = source.NewFeed(source.FeedOptions{Source: b.memory, Counter: counter{recorder, ledger, store}, Positions: positions,
		Start: source.Start{Earliest: true}, Readers: 1, Poll: 5 * time.Second, Silence: 5 * time.Minute, Log: log,
		Metrics: source.NewMetrics(registry, []string{"json"}, []string{"search"})})
	if err != nil {
		t.Fatal(err)
	}
	ok := prometheus.NewGauge(prometheus.GaugeOpts{Name: "traceslo_config_last_reload_successful"})
	ok.Set(1)
	registry.MustRegister(ok)
	b.running = &web.Running{
		Ledger: ledger, Feed: b.feed.Snapshot, Progress: b.feed.Progress, Rules: rules.Default(), Poll: 5 * time.Second,
		Links:         slo.Links{Jaeger: "https://jaeger.example.org"},
		Configuration: func() ([]byte, error) { return []byte("slos: [<masked>]\n"), nil },
		Mask:          func(s string) string { return strings.ReplaceAll(s, "s3cret", "${NAME}") },
		Refused:       func() *web.Refusal { return b.refusal },
	}
	view := func(read func(*state.Tx) error) error {
		if b.viewing != nil {
			b.viewing()
		}
		return store.View(read)
	}
	b.running.View = view
	server := web.New(web.Options{
		Running: func() *web.Running { return b.running }, Reading: registry,
		Version: "devel", Now: func() time.Time { return b.now }, Log: log,
	})
	b.routes = server.Routes()
	mux := http.NewServeMux()
	for _, r := range b.routes {
		mux.Handle(r.Pattern, r.Handler)
	}
	b.server = server.Around(mux)
	return b
}

// at returns a time so many minutes after the epoch.
func at(minute int) time.Time { return epoch.Add(time.Duration(minute) * time.Minute) }

// span stores a span that ended in a minute.
func (b *bench) span(minute int, service, operation, errorType string) {
	b.ids++
	s := source.Span{TraceID: source.TraceID{15: byte(b.ids)}, SpanID: b.ids, Service: service, Operation: operation, Kind: source.KindServer,
		Failed: errorType != "", ErrorType: errorType, Root: true, Start: at(minute).UnixMicro() + int64(b.ids%1000), Duration: 1500}
	b.index.Append(int(b.ids%2), s)
}

// read reads all that is stored, as of a minute.
func (b *bench) read(minute int) {
	b.t.Helper()
	b.memory.Advance(at(minute).Sub(b.now))
	b.now = at(minute)
	for range 1000 {
		more, err := b.feed.Step(b.t.Context(), b.now)
		if err != nil {
			b.t.Fatal(err)
		}
		if !more {
			return
		}
	}
	b.t.Fatal("the source has no end")
}

// do asks for a path.
func (b *bench) do(method, path string) *httptest.ResponseRecorder {
	b.t.Helper()
	answer := httptest.NewRecorder()
	b.server.ServeHTTP(answer, httptest.NewRequest(method, path, nil))
	return answer
}

// get asks for a path and wants a status.
func (b *bench) get(path string, status int) string {
	b.t.Helper()
	answer := b.do(http.MethodGet, path)
	if answer.Code != status {
		b.t.Fatalf("%s: got %d, want %d: %.600s\n%s", path, answer.Code, status, answer.Body, b.log)
	}
	return answer.Body.String()
}

var thirtyDays = slo.Window{Rolling: 30 * 24 * time.Hour}

// available returns an objective of a service.
func available(name, service string) slo.Objective {
	return slo.Objective{Name: name, Service: service, Target: 990_000_000, Window: thirtyDays,
		SLI: sli.Indicator{Availability: &sli.Availability{Match: sli.Match{Service: pattern(service)}}}}
}

func pattern(text string) (p sli.Patterns) {
	if err := p.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return p
}

// platform returns a bench with objectives in several states, two hours after the epoch.
func platform(t testing.TB) *bench {
	burning := available("checkout-availability", "shop")
	burning.Description, burning.Labels = "Orders go through.", map[string]string{"team": "shop", "token": "s3cret"}
	burning.Alerting.RunbookURL = "https://runbooks.example.org/{service}/{slo}"
	fine := available("search", "catalogue")
	fine.Labels = map[string]string{"team": "find"}
	fine.Exclusions = []slo.Exclusion{
		{From: at(10), To: at(20), Reason: "moved"},
		{From: at(110), To: at(150), Reason: "moves <again>"},
		{From: at(1000), To: at(1010), Reason: "to move"},
	}
	idle := available("nothing", "nobody")
	month := available("month", "catalogue")
	month.Window = slo.Window{Calendar: slo.Month}
	each := available("each", "any")
	each.Service, each.ForEach, each.SLI = "", "service", sli.Indicator{Availability: &sli.Availability{}}
	b := newBench(t, burning, fine, idle, month, each)
	for minute := range 120 {
		for i := range 10 {
			bad := ""
			if minute >= 60 && i < 3 {
				bad = "timeout"
			}
			b.span(minute, "shop", fmt.Sprintf("POST /orders/%d", i%2), bad)
			b.span(minute, "catalogue", "GET /search", "")
		}
		if minute%30 == 29 {
			b.read(minute + 1)
		}
	}
	return b
}
