package peers_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/peers"
	"github.com/traceslo/traceslo/source"
)

// objective is what all readers judge.
var objective = slo.Objective{Name: "a", Service: "api", Target: 990_000_000, Window: slo.Window{Rolling: time.Hour},
	SLI: sli.Indicator{Availability: &sli.Availability{}}}.With(slo.DefaultAlerting())

// A reader is one of several, with a ledger and the endpoints that tell of it.
type reader struct {
	t       *testing.T
	options slo.LedgerOptions
	path    string
	store   *state.Store
	ledger  *slo.Ledger
	server  *httptest.Server
	// answer, if it is set, answers in the place of the reader.
	answer atomic.Pointer[http.HandlerFunc]
	// all is what was counted, by minute.
	all map[int64]slo.Count
}

func newReader(t *testing.T, name string) *reader {
	t.Helper()
	r := &reader{t: t, path: filepath.Join(t.TempDir(), state.FileName), all: map[int64]slo.Count{},
		options: slo.LedgerOptions{Objectives: []slo.Objective{objective}, Retention: 400 * 24 * time.Hour, Silence: 5 * time.Minute, Shared: true,
			Reader: name, Configuration: "same", Log: zerolog.Nop()}}
	r.open(true)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/ledger", r.part)
	mux.HandleFunc("GET /api/v1/ledger/all", func(w http.ResponseWriter, _ *http.Request) {
		if err := r.view(func(tx *state.Tx) error { return r.ledger.WritePart(tx, w) }); err != nil {
			t.Error(err)
		}
	})
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if answer := r.answer.Load(); answer != nil {
			(*answer)(w, request)
			return
		}
		mux.ServeHTTP(w, request)
	}))
	t.Cleanup(func() {
		r.server.Close()
		r.store.Close()
	})
	return r
}

// part answers as web does.
func (r *reader) part(w http.ResponseWriter, request *http.Request) {
	var answer any
	err := r.view(func(tx *state.Tx) (err error) {
		if query := request.URL.Query(); query.Has("after") {
			after, _ := strconv.ParseUint(query.Get("after"), 10, 64)
			answer, err = r.ledger.Part(tx, after, query.Get("mark"))
			return err
		}
		answer, err = r.ledger.Head(tx)
		return err
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusGone)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (r *reader) view(read func(*state.Tx) error) error { return r.store.View(read) }

// open begins anew from the state file.
func (r *reader) open(fresh bool) {
	r.t.Helper()
	if r.store != nil {
		r.store.Close()
	}
	var err error
	if r.store, err = state.Open(r.path); err != nil {
		r.t.Fatal(err)
	}
	r.ledger = slo.NewLedger(r.options)
	if err := r.store.View(func(tx *state.Tx) error { return r.ledger.Load(tx, time.Now(), fresh) }); err != nil {
		r.t.Fatal(err)
	}
}

// judged are events by minute, all of the objective and of the platform.
func judged(t *testing.T, l *slo.Ledger, minutes map[int64]slo.Count) slo.Judged {
	t.Helper()
	in := slo.Increment{Series: [][3]string{{"a", objective.Fingerprint(), ""}, {}}}
	for m, n := range minutes {
		in.Minutes = append(in.Minutes, [4]int64{0, m, int64(n.Events), int64(n.Bad)}, [4]int64{1, m, int64(n.Events), 0})
	}
	j, err := l.Increments([]slo.Increment{in})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// count commits events that were read up to now.
func (r *reader) count(minutes map[int64]slo.Count) {
	r.t.Helper()
	now := time.Now()
	if err := r.store.Update(func(tx *state.Tx) error {
		return r.ledger.Save(tx, source.Step{Now: now, Watermark: now, Alive: now, Since: began}, judged(r.t, r.ledger, minutes))
	}); err != nil {
		r.t.Fatal(err)
	}
	r.ledger.Publish()
	for m, n := range minutes {
		r.all[m] = slo.Count{Events: r.all[m].Events + n.Events, Bad: r.all[m].Bad + n.Bad}
	}
}

var began = time.Now().Add(-2 * time.Hour).Truncate(time.Minute)

// A set is readers and the union of the first of them.
type set struct {
	t       *testing.T
	readers []*reader
	path    string
	log     strings.Builder
	union   *peers.Union
	metrics *prometheus.Registry
}

func newSet(t *testing.T, n int) *set {
	t.Helper()
	s := &set{t: t, path: filepath.Join(t.TempDir(), peers.FileName)}
	for i := range n {
		s.readers = append(s.readers, newReader(t, fmt.Sprintf("%d/%d", i+1, n)))
	}
	s.open()
	t.Cleanup(func() { s.union.Close() })
	return s
}

// open begins anew from the file, as after a kill.
func (s *set) open() {
	s.t.Helper()
	if s.union != nil {
		s.union.Close()
	}
	members := []peers.Member{peers.Own(s.readers[0].ledger, s.readers[0].view)}
	for _, r := range s.readers[1:] {
		m, err := peers.Dial(r.server.URL, "")
		if err != nil {
			s.t.Fatal(err)
		}
		members = append(members, m)
	}
	s.metrics = prometheus.NewRegistry()
	var err error
	s.union, err = peers.New(peers.Options{Self: source.Member{Number: 1, Of: len(members)}, Members: members, Ledger: s.readers[0].options, Path: s.path,
		Poll: time.Second, Log: zerolog.New(&s.log), Metrics: peers.NewMetrics(s.metrics)})
	if err != nil {
		s.t.Fatal(err)
	}
}

// step adds up until there is nothing more to add up.
func (s *set) step() {
	s.t.Helper()
	for range 50 {
		more, err := s.union.Step(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if !more {
			return
		}
	}
	s.t.Fatal("no end after 50 steps")
}

// check compares the whole with what the readers counted.
func (s *set) check() {
	s.t.Helper()
	if missing := s.union.Missing(); len(missing) > 0 {
		s.t.Fatalf("missing: %v", missing)
	}
	want, got := map[int64]slo.Count{}, map[int64]slo.Count{}
	for _, r := range s.readers {
		for m, n := range r.all {
			want[m] = slo.Count{Events: want[m].Events + n.Events, Bad: want[m].Bad + n.Bad}
		}
	}
	whole := s.union.Ledger()
	if err := s.union.ViewOf(whole)(func(tx *state.Tx) error {
		minutes, err := whole.History(tx, "a", "api", began.Add(-time.Hour), time.Now().Add(time.Hour))
		for _, m := range minutes {
			if m.Events > 0 {
				got[m.At.Unix()/60] = slo.Count{Events: m.Events, Bad: m.Bad}
			}
		}
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Fatalf("minutes (-readers +whole):\n%s", diff)
	}
}

func (s *set) up(reader string) float64 {
	s.t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "traceslo_peers_up" && m.GetLabel()[0].GetValue() == reader {
				return m.GetGauge().GetValue()
			}
		}
	}
	s.t.Fatalf("nothing is told of %s", reader)
	return 0
}

func some(rnd *rand.Rand) map[int64]slo.Count {
	minutes := map[int64]slo.Count{}
	for range rnd.IntN(6) {
		minutes[began.Unix()/60+rnd.Int64N(110)] = slo.Count{Events: 5 + rnd.Uint64N(5), Bad: rnd.Uint64N(5)}
	}
	return minutes
}
