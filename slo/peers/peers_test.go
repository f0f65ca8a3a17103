package peers_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/peers"
)

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

// TestAFileThatSaysNothingIsMadeAnew has a record in it that is not understood.
func TestAFileThatSaysNothingIsMadeAnew(t *testing.T) {
	s := newSet(t, 2)
	for _, r := range s.readers {
		r.count(map[int64]slo.Count{began.Unix() / 60: {Events: 5, Bad: 1}})
	}
	s.step()
	if err := s.union.Close(); err != nil {
		t.Fatal(err)
	}
	store, err := state.Open(s.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Update(func(tx *state.Tx) error { return tx.Bucket("peers").Put([]byte("readers"), []byte("{")) }); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	s.open()
	s.step()
	s.check()
	if !strings.Contains(s.log.String(), "the sum of the readers is made anew") {
		t.Errorf("it is not told:\n%s", &s.log)
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
