package footanalytics_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/sync/errgroup"

	"github.com/traceslo/traceslo/source/footanalytics"
)

// A store answers _bulk as Elasticsearch does. It is a transport, so that
// synctest can skip the waits.
type store struct {
	mu sync.Mutex // guards all below
	// requests is how many came.
	requests int
	// templates are the paths of what was put elsewhere than to _bulk.
	templates []string
	// documents are those stored, by index and id; one without id gets one.
	documents map[string]string
	// item, if not nil, tells the status of an item; 0 means that it is stored.
	item func(request int, document string) int
	// whole, if not nil, tells how a whole request goes wrong: by its status,
	// or by -1 for a connection that breaks after the request was carried out.
	whole func(request int) int
}

func (s *store) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if s.documents == nil {
		s.documents = map[string]string{}
	}
	fate := 0
	if s.whole != nil {
		fate = s.whole(s.requests)
	}
	answer := httptest.NewRecorder()
	if fate > 0 {
		answer.WriteHeader(fate)
		return answer.Result(), nil
	}
	switch r.Method {
	case http.MethodHead:
		answer.WriteHeader(http.StatusNotFound)
		return answer.Result(), nil
	case http.MethodPut:
		s.templates = append(s.templates, r.URL.Path)
		return answer.Result(), nil
	}
	type told map[string]map[string]any
	var items []told
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var action map[string]struct {
			Index string `json:"_index"`
			ID    string `json:"_id"`
		}
		if err := json.Unmarshal(lines.Bytes(), &action); err != nil {
			return nil, fmt.Errorf("action %q: %w", lines.Text(), err)
		}
		if !lines.Scan() {
			return nil, fmt.Errorf("an action without a document")
		}
		for op, target := range action {
			status := 0
			if s.item != nil {
				status = s.item(s.requests, lines.Text())
			}
			key := target.Index + "/" + target.ID
			if target.ID == "" {
				key = fmt.Sprintf("%s/auto-%d", target.Index, len(s.documents))
			}
			switch {
			case status != 0:
				items = append(items, told{op: {"status": status, "error": map[string]string{"type": "a_type", "reason": "a reason"}}})
				continue
			case op == "create" && s.documents[key] != "":
				items = append(items, told{op: {"status": 409}})
				continue
			}
			s.documents[key] = lines.Text()
			items = append(items, told{op: {"status": 201}})
		}
	}
	if fate < 0 {
		return nil, fmt.Errorf("connection reset")
	}
	err := json.NewEncoder(answer).Encode(map[string]any{"items": items})
	return answer.Result(), err
}

// stored returns all documents, sorted.
func (s *store) stored() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, doc := range s.documents {
		all = append(all, doc)
	}
	slices.Sort(all)
	return all
}

func bulkTo(t *testing.T, s *store) *footanalytics.Bulk {
	t.Helper()
	b, err := footanalytics.NewBulk("http://store.invalid:9200", &http.Client{Transport: s})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// items returns n items, with ids or without.
func items(n int, ids bool) []footanalytics.Item {
	list := make([]footanalytics.Item, n)
	for i := range list {
		list[i] = footanalytics.Item{Index: "spans", Source: fmt.Appendf(nil, `{"n":%d}`, i)}
		if ids {
			list[i].ID = fmt.Sprint("id-", i)
		}
	}
	return list
}

func TestBulkTellsTheFateOfEachItem(t *testing.T) {
	const stored, refused, unknown = footanalytics.Stored, footanalytics.Refused, footanalytics.Unknown
	fail := func(statuses ...int) func(int) int {
		return func(request int) int {
			if request <= len(statuses) {
				return statuses[request-1]
			}
			return 0
		}
	}
	always := func(status int) func(int) int { return func(int) int { return status } }
	for _, c := range []struct {
		name     string
		store    *store
		ids      bool
		fates    []footanalytics.Fate
		problem  string // of the error, "" for none
		kept     int    // documents in the store
		requests int    // 0 for any number
	}{
		{name: "all is well", store: &store{}, fates: []footanalytics.Fate{stored, stored, stored}, kept: 3, requests: 1},
		{name: "a rejected item alone is sent again",
			store: &store{item: func(request int, doc string) int {
				if request < 4 && doc == `{"n":1}` {
					return 429
				}
				return 0
			}},
			fates: []footanalytics.Fate{stored, stored, stored}, kept: 3, requests: 4},
		{name: "an item that is rejected for ever is given up",
			store: &store{item: func(_ int, doc string) int {
				if doc == `{"n":1}` {
					return 503
				}
				return 0
			}},
			fates: []footanalytics.Fate{stored, refused, stored}, problem: "given up", kept: 2},
		{name: "a document that does not fit the mapping is not sent again",
			store: &store{item: func(_ int, doc string) int {
				if doc == `{"n":2}` {
					return 400
				}
				return 0
			}},
			fates: []footanalytics.Fate{stored, stored, refused}, problem: "status 400, a_type: a reason", kept: 2, requests: 1},
		{name: "a conflict without an id is a refusal",
			store: &store{item: func(int, string) int { return 409 }},
			fates: []footanalytics.Fate{refused, refused, refused}, problem: "and 2 more", requests: 1},
		{name: "a request that is turned away is sent again",
			store: &store{whole: fail(429, 503)},
			fates: []footanalytics.Fate{stored, stored, stored}, kept: 3, requests: 3},
		{name: "a request that is always turned away is given up",
			store: &store{whole: always(429)},
			fates: []footanalytics.Fate{refused, refused, refused}, problem: "too much to do"},
		{name: "a right is missing",
			store: &store{whole: always(403)},
			fates: []footanalytics.Fate{refused, refused, refused}, problem: "status 403", requests: 1},
		{name: "an answer that is lost leaves items without ids unknown",
			store: &store{whole: always(-1)},
			fates: []footanalytics.Fate{unknown, unknown, unknown}, problem: "connection reset", kept: 3, requests: 1},
		{name: "a proxy's error leaves items without ids unknown",
			store: &store{whole: always(502)},
			fates: []footanalytics.Fate{unknown, unknown, unknown}, problem: "status 502", requests: 1},
		{name: "with ids an answer that is lost does no harm", ids: true,
			store: &store{whole: fail(-1, 502, -1)},
			fates: []footanalytics.Fate{stored, stored, stored}, kept: 3, requests: 4},
		{name: "unknown once is not refused later", ids: true,
			store: &store{whole: fail(-1, 429, 429, 403)},
			fates: []footanalytics.Fate{unknown, unknown, unknown}, problem: "status 403", kept: 3, requests: 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fates, err := bulkTo(t, c.store).Write(t.Context(), items(3, c.ids))
				if !slices.Equal(fates, c.fates) {
					t.Errorf("fates %v, want %v", fates, c.fates)
				}
				switch {
				case c.problem == "" && err != nil:
					t.Errorf("error %v", err)
				case c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)):
					t.Errorf("error %v, want one with %q", err, c.problem)
				}
				if got := len(c.store.stored()); got != c.kept {
					t.Errorf("%d documents are stored, want %d", got, c.kept)
				}
				if c.requests != 0 && c.store.requests != c.requests {
					t.Errorf("%d requests, want %d", c.store.requests, c.requests)
				}
			})
		})
	}
}

func TestBulkBoundsItsRequests(t *testing.T) {
	list := items(12_000, false)
	big := []byte(`{"n":"` + strings.Repeat("x", 3_000_000) + `"}`)
	list = append(list, footanalytics.Item{Index: "spans", Source: big}, footanalytics.Item{Index: "spans", Source: big})
	var s store
	fates, err := bulkTo(t, &s).Write(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(fates, func(f footanalytics.Fate) bool { return f != footanalytics.Stored }); i >= 0 {
		t.Errorf("item %d has fate %v", i, fates[i])
	}
	if len(s.stored()) != len(list) || s.requests != 4 {
		t.Errorf("%d documents in %d requests, want %d in 4", len(s.stored()), s.requests, len(list))
	}
}

func TestBulkServesManyWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := store{whole: func(request int) int { return []int{0, 429, -1, 503}[request%4] }}
		b := bulkTo(t, &s)
		var group errgroup.Group
		for writer := range 8 {
			group.Go(func() error {
				list := items(100, true)
				for i := range list {
					list[i].ID = fmt.Sprint(writer, "-", i)
				}
				_, err := b.Write(t.Context(), list)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if got := len(s.stored()); got != 800 {
			t.Errorf("%d documents, want 800", got)
		}
	})
}

func TestBulkEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := store{whole: func(request int) int {
			if request == 3 {
				cancel()
			}
			return 429
		}}
		if _, err := bulkTo(t, &s).Write(ctx, items(3, true)); err == nil || s.requests != 3 {
			t.Errorf("error %v after %d requests, want one after 3", err, s.requests)
		}
	})
}

func TestBulkRefusesWhatWouldBreakARequest(t *testing.T) {
	var s store
	_, err := bulkTo(t, &s).Write(t.Context(), []footanalytics.Item{{Index: "spans", Source: []byte("{\n}")}})
	if err == nil || s.requests != 0 {
		t.Errorf("error %v after %d requests", err, s.requests)
	}
	for _, address := range []string{"", "store:9200", "ftp://store", "http://", "http://user:se cret@store:92x"} {
		if _, err := footanalytics.NewBulk(address, nil); err == nil || strings.Contains(err.Error(), "cret") {
			t.Errorf("%q: error %v", address, err)
		}
	}
}
