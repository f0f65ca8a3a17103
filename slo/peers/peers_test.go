package peers_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
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

// TestEveryCountAddsUpOnce counts, adds up, and has readers and the sum begin
// anew from their files, or lose them, in any order.
func TestEveryCountAddsUpOnce(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 3))
			s := newSet(t, 2+int(seed))
			for range 60 {
				switch rnd.IntN(12) {
				case 0:
					s.open()
				case 1:
					s.readers[len(s.readers)-1].open(false)
				case 2, 3, 4:
					if _, err := s.union.Step(t.Context()); err != nil {
						t.Fatal(err)
					}
				case 5:
					if rnd.IntN(3) == 0 {
						s.union.Close()
						if err := os.Remove(s.path); err != nil && !os.IsNotExist(err) {
							t.Fatal(err)
						}
						s.open()
					}
				default:
					s.readers[rnd.IntN(len(s.readers))].count(some(rnd))
				}
			}
			for _, r := range s.readers {
				r.count(some(rnd))
			}
			s.step()
			s.step()
			s.check()
			for _, r := range s.readers {
				if s.up(r.options.Reader) != 1 {
					t.Errorf("reader %s is not up", r.options.Reader)
				}
			}
		})
	}
}

// TestWhileReadersAreAddedUpAnewThereIsNoWhole has a reader lose its state, and
// looks at the sum in the middle of its being made anew.
func TestWhileReadersAreAddedUpAnewThereIsNoWhole(t *testing.T) {
	s := newSet(t, 2)
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, r := range s.readers {
		r.count(some(rnd))
	}
	s.step()
	before := s.union.Ledger()
	view := s.union.ViewOf(before)
	looked := false
	nothing := func(*state.Tx) error { return nil }
	look := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		b := s.readers[1]
		switch {
		case request.URL.Query().Has("after"):
			http.Error(w, "gone", http.StatusGone)
		case request.URL.Path != "/api/v1/ledger/all":
			b.part(w, request)
		default:
			looked = true
			if s.union.Ledger() != nil || len(s.union.Missing()) != 2 {
				t.Errorf("the whole is %v, missing are %v", s.union.Ledger(), s.union.Missing())
			}
			if err := view(nothing); err == nil {
				t.Error("the ledger of before reads the file that is being made")
			}
			b.answer.Store(nil)
			b.server.Config.Handler.ServeHTTP(w, request)
		}
	})
	s.readers[1].answer.Store(&look)
	for range 2 { // It hears that it has to, and does.
		if _, err := s.union.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if !looked {
		t.Fatal("the readers were not added up anew")
	}
	if err := view(nothing); err == nil {
		t.Error("the ledger of before reads the new file")
	}
	s.check()
}

// TestNoPartIsTakenForTheWhole has a reader go away, before it was ever met and after.
func TestNoPartIsTakenForTheWhole(t *testing.T) {
	s := newSet(t, 2)
	a, b := s.readers[0], s.readers[1]
	rnd := rand.New(rand.NewPCG(1, 1))
	a.count(some(rnd))
	b.count(some(rnd))
	away := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "away", http.StatusBadGateway) })
	b.answer.Store(&away)
	s.step()
	if s.union.Ledger() != nil {
		t.Error("there is a whole without the second reader")
	}
	if missing := s.union.Missing(); len(missing) != 1 || missing[0].Reader != "2/2" || !missing[0].Since.IsZero() || s.up("2/2") != 0 || s.up("1/2") != 1 {
		t.Errorf("missing: %v", missing)
	}
	b.answer.Store(nil)
	s.step()
	s.check()
	b.answer.Store(&away)
	for range 3 {
		a.count(some(rnd))
		s.step()
	}
	missing := s.union.Missing()
	if len(missing) != 1 || missing[0].Since.IsZero() || !strings.Contains(missing[0].String(), "Reader 2/2 is missing since ") || !strings.Contains(missing[0].Why, "502") {
		t.Errorf("missing: %v", missing)
	}
	if _, upto := s.union.Ledger().Standings(time.Now()); upto.After(missing[0].Since) {
		t.Errorf("the clock is at %v, and the second reader is missing since %v", upto, missing[0].Since)
	}
	if n := strings.Count(s.log.String(), "a reader is not added up"); n != 2 {
		t.Errorf("it is told %d times:\n%s", n, &s.log)
	}
	b.answer.Store(nil)
	b.count(some(rnd))
	s.step()
	s.check()
}

// TestAReaderThatBeganAnew restores a backup of a reader, and gives it other
// counts under the numbers of those that are lost.
func TestAReaderThatBeganAnew(t *testing.T) {
	s := newSet(t, 2)
	b := s.readers[1]
	rnd := rand.New(rand.NewPCG(5, 1))
	s.readers[0].count(some(rnd))
	b.count(some(rnd))
	b.store.Close()
	backup, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	before := map[int64]slo.Count{}
	for m, n := range b.all {
		before[m] = n
	}
	b.store = nil
	b.open(false)
	for range 4 {
		b.count(some(rnd))
	}
	s.step()
	s.check()
	b.store.Close()
	if err := os.WriteFile(b.path, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	b.store, b.all = nil, before
	b.open(false)
	for range 6 {
		b.count(some(rnd))
	}
	s.step()
	s.step()
	s.check()
}

// TestWrongAnswers are refused, with words that tell what is wrong, and do not count.
func TestWrongAnswers(t *testing.T) {
	head := slo.PartHead{Format: slo.PartFormat, Reader: "2/2", Configuration: "same", Seq: 1, Mark: "00", Watermark: time.Now().UnixMilli()}
	with := func(change func(*slo.PartHead)) any {
		h := head
		change(&h)
		return slo.Part{PartHead: h, Increments: []slo.Increment{}}
	}
	series := [][3]string{{"a", objective.Fingerprint(), ""}}
	for name, test := range map[string]struct {
		answer any
		says   string
	}{
		"itself":                  {with(func(h *slo.PartHead) { h.Reader = "1/2" }), `it says that it is reader "1/2"`},
		"another number":          {with(func(h *slo.PartHead) { h.Reader = "2/3" }), `it says that it is reader "2/3"`},
		"another configuration":   {with(func(h *slo.PartHead) { h.Configuration = "other" }), "it counts by another configuration"},
		"another format":          {with(func(h *slo.PartHead) { h.Format = 2 }), "in format 2"},
		"a page":                  {"<html>", "the answer is not traceslo's"},
		"an error":                {http.StatusForbidden, "403"},
		"a redirect":              {http.StatusFound, "302"},
		"an answer without end":   {-1, "longer than"},
		"more bad than all":       {slo.Part{PartHead: head, Increments: []slo.Increment{{Series: series, Minutes: [][4]int64{{0, 1, 1, 2}}}}}, "it tells what no ledger has"},
		"a series that is not":    {slo.Part{PartHead: head, Increments: []slo.Increment{{Series: series, Minutes: [][4]int64{{7, 1, 1, 1}}}}}, "it tells what no ledger has"},
		"an increment of nothing": {json.RawMessage(`{"increments": 5}`), "the answer is not traceslo's"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSet(t, 2)
			rnd := rand.New(rand.NewPCG(1, 1))
			for _, r := range s.readers {
				r.count(some(rnd))
			}
			s.step()
			wrong := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				switch answer := test.answer.(type) {
				case int:
					if answer > 0 {
						w.Header().Set("Location", s.readers[1].server.URL)
						w.WriteHeader(answer)
						return
					}
					for range 40 {
						_, _ = w.Write(make([]byte, 1<<20))
					}
				case string:
					_, _ = w.Write([]byte(answer))
				default:
					// It judges since when it did before.
					if part, ok := answer.(slo.Part); ok {
						part.Measures = []slo.PartMeasure{{Name: "a", Fingerprint: objective.Fingerprint(), Holes: [][2]int64{}}}
						answer = part
					}
					_ = json.NewEncoder(w).Encode(answer)
				}
			})
			s.readers[1].answer.Store(&wrong)
			s.step()
			missing := s.union.Missing()
			if len(missing) != 1 || missing[0].Reader != "2/2" || !strings.Contains(missing[0].Why, test.says) {
				t.Errorf("got %v, want one that says %q", missing, test.says)
			}
			s.readers[1].answer.Store(nil)
			s.step()
			s.check()
		})
	}
}

// TestTheSumOfAnotherConfiguration is not gone on with.
func TestTheSumOfAnotherConfiguration(t *testing.T) {
	s := newSet(t, 2)
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, r := range s.readers {
		r.count(some(rnd))
	}
	s.step()
	s.check()
	for _, r := range s.readers {
		r.options.Configuration = "another"
		r.open(false)
	}
	s.open()
	if s.union.Ledger() != nil {
		t.Error("the sum of another configuration is shown")
	}
	s.step()
	s.check()
}

func TestConfig(t *testing.T) {
	for _, test := range []struct {
		config peers.Config
		want   string
	}{
		{peers.Config{}, ""},
		{peers.Config{Addresses: []string{"http://a:9924", "https://b/traceslo/"}, HTTPConfigFile: "/etc/peers.yaml"}, ""},
		{peers.Config{Addresses: []string{"http://a"}}, "addresses names one reader"},
		{peers.Config{Addresses: []string{"a:9924", "http://b"}}, "addresses[0] is not an http or https URL"},
		{peers.Config{Addresses: []string{"http://a", "http://a"}}, "addresses[1] is that of addresses[0] already"},
		{peers.Config{Addresses: []string{"http://u:p@a", "http://b"}}, "addresses[0] holds a user or a password"},
		{peers.Config{Addresses: []string{"http://a?x=1", "http://b"}}, "addresses[0] has a query or a fragment"},
		{peers.Config{HTTPConfigFile: "peers.yaml"}, "http_config_file is not an absolute path"},
	} {
		var got []string
		for _, f := range test.config.Validate() {
			got = append(got, f.Path+" "+f.Problem)
		}
		if strings.Join(got, "; ") != test.want {
			t.Errorf("%+v: got %q, want %q", test.config, got, test.want)
		}
	}
}
