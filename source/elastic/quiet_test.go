package elastic_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
)

// A town is a cluster of many indices that answers as they are.
type town struct {
	*cluster

	mu      sync.Mutex // guards indices
	indices map[string]*house
	made    int
}

// A house is an index with one primary for each element of shards.
type house struct {
	uuid   string
	closed bool
	shards []source.Shard
	// writes is what each primary has counted since it started.
	writes []int
}

func newTown(t testing.TB) *town {
	x := &town{cluster: newCluster(t), indices: map[string]*house{}}
	x.on["stats"] = func(w http.ResponseWriter, r *http.Request, _ []byte) bool { return x.tell(w, x.stats(r)) }
	x.on["stats/indexing"] = func(w http.ResponseWriter, r *http.Request, _ []byte) bool { return x.tell(w, x.counted(r)) }
	x.on["settings"] = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { return x.tell(w, x.settings()) }
	return x
}

func (x *town) tell(w http.ResponseWriter, text string) bool {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(text))
	return true
}

func dayIndex(name string) string { return "rec-jaeger-span-" + name }

func (x *town) create(name string, shards int) {
	x.made++
	h := &house{uuid: fmt.Sprintf("u%d", x.made), writes: make([]int, shards)}
	for n := range shards {
		h.shards = append(h.shards, source.Shard{Number: n, History: "h", Upto: -1, Max: -1, Ready: true})
	}
	x.indices[dayIndex(name)] = h
}

// write stores a document; one that is under way has a number and is counted,
// and has not arrived for good.
func (h *house) write(shard int, underWay bool) {
	h.writes[shard]++
	h.shards[shard].Max++
	if !underWay {
		h.shards[shard].Upto = h.shards[shard].Max
	}
}

// asked returns the names that a request is about, as Elasticsearch resolves them.
func (x *town) asked(r *http.Request) []string {
	list, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if len(r.URL.RequestURI()) > 4000 {
		x.t.Errorf("a request line of %d bytes", len(r.URL.RequestURI()))
	}
	found := map[string]bool{}
	for expression := range strings.SplitSeq(list, ",") {
		pattern, out := strings.CutPrefix(expression, "-")
		for name, h := range x.indices {
			if !h.closed && strings.HasPrefix(name, strings.TrimSuffix(pattern, "*")) {
				if out {
					delete(found, name)
				} else {
					found[name] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func (x *town) stats(r *http.Request) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var indices []string
	total := 0
	for _, name := range x.asked(r) {
		var shards []string
		for n, s := range x.indices[name].shards {
			total++
			if s.Ready {
				shards = append(shards, fmt.Sprintf(`"%d":[{"routing":{"state":"STARTED","primary":true},"commit":{"user_data":{"history_uuid":%q}},"seq_no":{"max_seq_no":%d,"global_checkpoint":%d}}]`, n, s.History, s.Max, s.Upto))
			}
		}
		indices = append(indices, fmt.Sprintf(`%q:{"uuid":%q,"shards":{%s}}`, name, x.indices[name].uuid, strings.Join(shards, ",")))
	}
	return fmt.Sprintf(`{"_shards":{"total":%[1]d,"successful":%[1]d,"failed":0},"indices":{%[2]s}}`, total, strings.Join(indices, ","))
}

func (x *town) counted(r *http.Request) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	total, ready, written := 0, 0, 0
	for _, name := range x.asked(r) {
		for n, s := range x.indices[name].shards {
			total++
			if s.Ready {
				ready++
				written += x.indices[name].writes[n]
			}
		}
	}
	return fmt.Sprintf(`{"_shards":{"total":%d,"successful":%d,"failed":0},"_all":{"primaries":{"indexing":{"index_total":%d}}}}`, total, ready, written)
}

func (x *town) settings() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var indices []string
	for name, h := range x.indices {
		indices = append(indices, fmt.Sprintf(`%q:{"settings":{"index":{"uuid":%q,"creation_date":"1","number_of_shards":"%d","verified_before_close":"%t"}}}`, name, h.uuid, len(h.shards), h.closed))
	}
	return `{` + strings.Join(indices, ",") + `}`
}

// truth is what a survey must tell of the indices.
func (x *town) truth() map[string]source.Index {
	out := map[string]source.Index{}
	for name, h := range x.indices {
		index := source.Index{Name: name, UUID: h.uuid, Created: time.UnixMilli(1), Closed: h.closed}
		for n, s := range h.shards {
			if !s.Ready {
				s = source.Shard{Number: n, Upto: -1, Max: -1}
			}
			if !h.closed {
				index.Shards = append(index.Shards, s)
			}
		}
		out[name] = index
	}
	return out
}

// compare surveys and fails unless that tells the truth.
func (x *town) compare(s *elastic.Source) source.Survey {
	x.t.Helper()
	before := time.Now()
	v, err := s.Survey(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	if v.Taken.Before(before) {
		x.t.Errorf("the survey tells of %v ago", before.Sub(v.Taken))
	}
	got := map[string]source.Index{}
	for _, index := range v.Indices {
		got[index.Name] = index
	}
	if diff := cmp.Diff(x.truth(), got); diff != "" {
		x.t.Fatalf("(-there +told):\n%s", diff)
	}
	return v
}

// days makes an index for each day, of two shards with a document each.
func (x *town) days(days int) (today string) {
	const shards = 2
	for day := range days {
		today = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, day).Format(time.DateOnly)
		x.create(today, shards)
		for n := range shards {
			x.indices[dayIndex(today)].write(n, false)
		}
	}
	return today
}

// settle surveys until all but today's index, which is written to, are quiet.
func (x *town) settle(s *elastic.Source, today string) {
	for range 80 {
		x.indices[dayIndex(today)].write(0, false)
		x.compare(s)
		<-time.After(5 * time.Second)
	}
	x.requests()
}

func TestQuietIndicesAreNotAskedHowFarTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTown(t)
		today := x.days(120)
		s, end := x.serve(nil)
		defer end()
		x.settle(s, today)
		all, small := 0, 0
		for range 24 {
			x.indices[dayIndex(today)].write(1, false)
			x.compare(s)
			for _, r := range x.requests() {
				switch {
				case r.operation == "stats" && strings.HasPrefix(r.text, "GET /rec-jaeger-span-*/"):
					all++
				case r.operation == "stats":
					small++
					const want = "GET /rec-jaeger-span-*,-rec-jaeger-span-2026-01*,-rec-jaeger-span-2026-03*,-rec-jaeger-span-2026-02*,-rec-jaeger-span-2026-04-1*,-rec-jaeger-span-2026-04-2*,-rec-jaeger-span-2026-04-0*/_stats/docs"
					if got, _, _ := strings.Cut(r.text, "\n"); got != want {
						t.Fatalf("got  %s\nwant %s", got, want)
					}
				case r.operation != "stats/indexing":
					t.Errorf("asked %s", r.text)
				}
			}
			<-time.After(5 * time.Second)
		}
		// All are asked each minute.
		if all != 2 || small != 22 {
			t.Errorf("in two minutes, all were asked %d times and the others %d times", all, small)
		}
	})
}

func TestWhatBefallsQuietIndicesIsSeenAtOnce(t *testing.T) {
	const old = "rec-jaeger-span-2026-02-03"
	for _, test := range []struct {
		name   string
		happen func(x *town)
	}{
		{"a late span is stored", func(x *town) { x.indices[old].write(1, false) }},
		{"one is deleted", func(x *town) { delete(x.indices, old) }},
		{"one is deleted and made again", func(x *town) { x.create("2026-02-03", 2); x.indices[old].write(0, false) }},
		{"one is closed", func(x *town) { x.indices[old].closed = true }},
		{"a new one falls under what is quiet", func(x *town) { x.create("2026-01-02-15", 1) }},
		{"a new one comes", func(x *town) { x.create("2026-05-01", 3) }},
		{"a primary is lost", func(x *town) { x.indices[old].shards[0].Ready = false }},
		{"a primary moves, and a span is stored", func(x *town) { h := x.indices[old]; h.writes[0] = 0; h.write(0, false); h.write(0, false) }},
		{"the others are deleted", func(x *town) { delete(x.indices, dayIndex("2026-04-30")) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newTown(t)
				today := x.days(120)
				s, end := x.serve(nil)
				defer end()
				x.settle(s, today)
				x.compare(s)
				test.happen(x)
				x.compare(s)
				x.compare(s)
			})
		})
	}
}

// TestASurveyThatConfirmsAsksWhatWasRead makes a quiet index again, empty and
// so without anything that would tell, while it is read.
func TestASurveyThatConfirmsAsksWhatWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTown(t)
		today := x.days(120)
		for _, h := range x.indices {
			h.writes = make([]int, 2) // as after a restart of the cluster
		}
		x.on["search"] = (&shelf{at: every(1, 100)}).search
		s, end := x.serve(nil)
		defer end()
		x.settle(s, today)
		v := x.compare(s)
		const old = "rec-jaeger-span-2026-02-03"
		if err := s.Read(t.Context(), all(v, find(t, v, old), 0), func(*source.Page) error {
			x.create("2026-02-03", 2)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		x.compare(s)
	})
}

func TestAClusterThatTellsNoWritesIsAskedForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTown(t)
		today := x.days(120)
		refused := 0
		tells := x.on["stats/indexing"]
		x.on["stats/indexing"] = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			if refused++; refused < 3 {
				return complain("security_exception", "no", 403)(w, refused)
			}
			return tells(w, r, body)
		}
		s, end := x.serve(nil)
		defer end()
		for range 120 {
			x.indices[dayIndex(today)].write(0, false)
			x.compare(s)
			<-time.After(15 * time.Second)
		}
		if refused < 15 {
			t.Errorf("asked %d times for writes", refused)
		}
	})
}

// TestSurveysTellTheTruthWhateverHappens lets anything happen to a town between
// surveys, one thing at a time.
func TestSurveysTellTheTruthWhateverHappens(t *testing.T) {
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			x := newTown(t)
			x.days(80)
			s, end := x.serve(nil)
			defer end()
			saved := 0
			for range 400 {
				names := slices.Sorted(maps.Keys(x.indices))
				h := x.indices[names[rnd.IntN(len(names))]]
				n := rnd.IntN(len(h.shards))
				switch op := rnd.IntN(120); {
				case op < 6:
					h.write(n, rnd.IntN(3) == 0)
				case op == 6:
					x.create(fmt.Sprintf("2026-%02d-%02d", 1+rnd.IntN(12), 1+rnd.IntN(28)), 1+rnd.IntN(3))
				case op == 7 && len(names) > 60 && !h.closed:
					// Of a closed one it is only seen when the settings are read anew.
					maps.DeleteFunc(x.indices, func(_ string, other *house) bool { return other == h })
				case op == 8:
					h.closed = !h.closed
				case op == 9:
					h.shards[n].Ready = !h.shards[n].Ready
				case op == 10:
					h.writes[n] = 0
				case op == 11:
					h.shards[n].Upto = h.shards[n].Max
				case op < 20:
					<-time.After(time.Duration(rnd.IntN(300)) * time.Second)
				default:
					x.indices[names[len(names)-1]].write(0, false)
				}
				x.compare(s)
				if asked := x.requests(); slices.ContainsFunc(asked, func(r request) bool { return strings.Contains(r.text, ",-") }) {
					saved++
				}
				<-time.After(5 * time.Second)
			}
			if saved < 50 {
				t.Errorf("seed %d: only %d of 400 surveys left quiet indices out", seed, saved)
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
