package elastic_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
)

// A strain plays searches that take time, and notes how they come.
type strain struct {
	shelf shelf
	mu    sync.Mutex // guards all below
	// takes is how long a search takes, refused how many are still to be rejected.
	takes   time.Duration
	refused int
	// now and most are how many searches are and were under way at once.
	now, most int
	// limits are how many were allowed, waited is how long they waited for their turn.
	limits []int
	waited time.Duration
}

func (s *strain) search(w http.ResponseWriter, r *http.Request, body []byte) bool {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	takes, refuse := s.takes, s.refused > 0
	s.refused--
	s.mu.Unlock()
	<-time.After(takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
	if refuse {
		return complain("es_rejected_execution_exception", "rejected execution", 429)(w, 1)
	}
	return s.shelf.search(w, r, body)
}

func (s *strain) ObserveDocuments(string, int) {}
func (s *strain) ObserveAside(string)          {}
func (s *strain) ObserveSearches(most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = append(s.limits, most)
}
func (s *strain) ObserveWait(waited time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waited += waited
}

// under runs a test in a bubble, with a source that reads from a cluster under
// strain whose documents come by pages of 100.
func under(t *testing.T, s *strain, change func(*elastic.Config), test func(t *testing.T, read func(ctx context.Context) error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s.shelf = shelf{at: every(1, 199)}
		c := newCluster(t)
		c.answer("stats", reaching(c, 199))
		c.on["search"] = s.search
		src, end := c.serve(func(o *elastic.Options) {
			o.Watch = s
			if change != nil {
				change(&o.Config)
			}
		})
		defer end()
		v := survey(t, src)
		r := all(v, find(t, v, recordedIndex), 0)
		test(t, func(ctx context.Context) error {
			return src.Read(ctx, r, func(*source.Page) error { return nil })
		})
	})
}

// sideBySide reads so many times at once, and fails the test on an error.
func sideBySide(t *testing.T, n int, read func(context.Context) error) {
	t.Helper()
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			if err := read(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestNoMoreSearchesAreUnderWayThanAllowed(t *testing.T) {
	s := &strain{takes: time.Second}
	under(t, s, func(c *elastic.Config) { c.MaxSearches = 2 }, func(t *testing.T, read func(context.Context) error) {
		began := time.Now()
		sideBySide(t, 6, read)
		if s.most != 2 {
			t.Errorf("%d searches were under way at once", s.most)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("six searches of a second, two at once, took %v", took)
		}
		if s.waited != 6*time.Second {
			t.Errorf("they waited %v, want twice one and twice two seconds", s.waited)
		}
	})
}

func TestSearchesRestForTheShareThatIsNotTheirs(t *testing.T) {
	s := &strain{takes: time.Second}
	under(t, s, func(c *elastic.Config) { c.MaxSearches, c.SearchShare = 1, 0.25 }, func(t *testing.T, read func(context.Context) error) {
		began := time.Now()
		sideBySide(t, 4, read)
		if took := time.Since(began); took != 13*time.Second {
			t.Errorf("four searches of a second, with three seconds of rest between them, took %v", took)
		}
	})
}

// While fewer searches are allowed, those that are left do not take the time of the others.
func TestFewerSearchesTakeLessOfTheTime(t *testing.T) {
	s := &strain{takes: time.Second, refused: 2}
	under(t, s, func(c *elastic.Config) { c.MaxSearches, c.SearchShare = 4, 0.25 }, func(t *testing.T, read func(context.Context) error) {
		began := time.Now()
		sideBySide(t, 1, read)
		if low := slices.Min(s.limits); low != 1 {
			t.Fatalf("%v searches were allowed", s.limits)
		}
		// Two that are rejected, three seconds of rest, and one.
		if took := time.Since(began); took < 6*time.Second {
			t.Errorf("with one search allowed, for a quarter of the time, it took %v", took)
		}
	})
}

func TestAnEndedContextEndsTheWaiting(t *testing.T) {
	s := &strain{takes: time.Minute}
	under(t, s, func(c *elastic.Config) { c.MaxSearches, c.RequestTimeout = 1, 10*time.Minute }, func(t *testing.T, read func(context.Context) error) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go sideBySide(t, 1, read)
		synctest.Wait()
		for range 3 {
			go func() { ended <- read(ctx) }()
		}
		synctest.Wait()
		cancel()
		for range 3 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		sideBySide(t, 2, read) // the turns are all there
		if s.most != 1 {
			t.Errorf("%d searches were under way at once", s.most)
		}
	})
}

func TestFewerSearchesWhileTheClusterRejects(t *testing.T) {
	s := &strain{takes: 100 * time.Millisecond, refused: 8}
	under(t, s, nil, func(t *testing.T, read func(context.Context) error) {
		sideBySide(t, 4, read)
		if low := slices.Min(s.limits); low != 1 {
			t.Errorf("%v searches were allowed", s.limits)
		}
		for range 5 {
			sideBySide(t, 4, read)
		}
		if last := s.limits[len(s.limits)-1]; s.limits[0] != 4 || last != 4 {
			t.Errorf("%v searches were allowed, want 4 again in the end", s.limits)
		}
	})
}

func TestFewerSearchesWhileTheClusterIsSlow(t *testing.T) {
	s := &strain{takes: 50 * time.Millisecond}
	under(t, s, nil, func(t *testing.T, read func(context.Context) error) {
		s.shelf.pad = map[int]int{}
		for n := range 200 {
			s.shelf.pad[n] = 1000
		}
		for range 20 {
			sideBySide(t, 4, read)
		}
		if len(s.limits) != 1 {
			t.Fatalf("%v searches were allowed while nothing was wrong", s.limits)
		}
		s.takes = 500 * time.Millisecond
		for range 10 {
			sideBySide(t, 4, read)
		}
		if low := slices.Min(s.limits); low != 1 {
			t.Errorf("%v searches were allowed while each took ten times as long", s.limits)
		}
		s.takes = 50 * time.Millisecond
		for range 20 {
			sideBySide(t, 4, read)
		}
		if last := s.limits[len(s.limits)-1]; last != 4 {
			t.Errorf("%v searches were allowed, want 4 again in the end", s.limits)
		}
	})
}

// A small answer takes more time a byte than a large one, which is no strain.
func TestSmallAnswersAreNoStrain(t *testing.T) {
	s := &strain{}
	under(t, s, nil, func(t *testing.T, read func(context.Context) error) {
		for _, answers := range []struct {
			pad   int
			takes time.Duration
		}{{20_000, 80 * time.Millisecond}, {500, 20 * time.Millisecond}} {
			s.takes, s.shelf.pad = answers.takes, map[int]int{}
			for n := range 200 {
				s.shelf.pad[n] = answers.pad
			}
			for range 20 {
				sideBySide(t, 4, read)
			}
			if len(s.limits) != 1 {
				t.Fatalf("documents of %d bytes: %v searches were allowed", answers.pad, s.limits)
			}
		}
	})
}

// An answer can be what the search was not for: the page is read whole.
func TestALeanSearchThatFailsIsReadWhole(t *testing.T) {
	for _, test := range []struct {
		name, form string
		refuse     func(http.ResponseWriter, int) bool
		searches   int
	}{
		{"refused", "lean", complain("illegal_argument_exception", "Fielddata is disabled on text fields by default", 400), 1},
		{"without the lists", "others", complain("query_shard_exception", "failed to create query: [nested] failed to find nested object under path [tags]", 400), 1},
		{"not allowed", "others", complain("exception", "[joining] queries cannot be executed when 'search.allow_expensive_queries' is set to false.", 500), 1},
		{"a fault of the cluster's", "lean", complain("null_pointer_exception", "", 500), 5},
		{"strange", "lean", func(w http.ResponseWriter, _ int) bool {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"_shards":{"total":1,"successful":1,"failed":0},"hits":{"hits":[{"sort":[7,8]}]}}`)
			return true
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := shelf{at: every(1, 19_999), plain: func(int) bool { return true }}
				c := newCluster(t)
				c.answer("stats", reaching(c, 19_999))
				searches := 0
				c.on["search"] = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
					if formOf(body) == test.form {
						searches++
						return test.refuse(w, 1)
					}
					return h.search(w, r, body)
				}
				s, end := c.serve(nil)
				defer end()
				v := survey(t, s)
				spans := 0
				if err := s.Read(t.Context(), all(v, find(t, v, recordedIndex), 0), func(p *source.Page) error { spans += len(p.Spans); return nil }); err != nil {
					t.Fatal(err)
				}
				if spans != 20_000 || searches != test.searches {
					t.Errorf("%d spans, %d %s searches", spans, searches, test.form)
				}
			})
		})
	}
}

// What is read lean and what is read whole is decided by what pages show, and
// decided anew.
func TestTheFormFollowsTheDocuments(t *testing.T) {
	const upto = 999_999
	// At first nothing is plain, from half on everything.
	h := shelf{at: every(1, upto), plain: func(n int) bool { return n > upto/2 }}
	c := newCluster(t)
	c.answer("stats", reaching(c, upto))
	c.on["search"] = h.search
	read := &counts{}
	s, end := c.serve(func(o *elastic.Options) { o.Watch = read })
	defer end()
	v := survey(t, s)
	if err := s.Read(t.Context(), all(v, find(t, v, recordedIndex), 0), func(*source.Page) error { return nil }); err != nil {
		t.Fatal(err)
	}
	lean, whole := read.of("lean"), read.of("whole")
	if lean+whole != upto+1 || whole < upto/2 || lean < upto/8 {
		t.Errorf("%d documents were read lean, %d whole", lean, whole)
	}
	if n := h.forms["others"]; h.forms["lean"] < 10 || n > h.forms["lean"]+2 || h.forms["whole"] < 90 {
		t.Errorf("searches: %v", h.forms)
	}
}

// While a page is handed over, the next one is fetched; but no more than what is wanted.
func TestThePageAfterIsFetchedMeanwhile(t *testing.T) {
	for _, want := range []int{0, 100_000, 1} {
		synctest.Test(t, func(t *testing.T) {
			h := shelf{at: every(1, 9999)}
			c := newCluster(t)
			c.answer("stats", reaching(c, 9999))
			c.on["search"] = h.search
			s, end := c.serve(nil)
			defer end()
			v := survey(t, s)
			r := all(v, find(t, v, recordedIndex), 0)
			r.Want = want
			stop := errors.New("stop")
			if err := s.Read(t.Context(), r, func(*source.Page) error {
				synctest.Wait()
				return stop
			}); !errors.Is(err, stop) {
				t.Fatal(err)
			}
			pages := h.forms["whole"] + h.forms["lean"]
			if early := pages > 1; early != (want != 1) {
				t.Errorf("want %d: %v searches while the first page was handed over", want, h.forms)
			}
		})
	}
}
