package elastic_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/sourcetest"
)

// A shelf plays the search of one shard: it holds documents by their numbers.
type shelf struct {
	// at are the numbers of the documents, ascending.
	at []int
	// pad is how many bytes a document has besides.
	pad map[int]int
	// most is the largest size that is answered, 0 for any; refuse is the answer to a larger one.
	most   int
	refuse func(http.ResponseWriter, int) bool
	// plain tells which documents are plain, nil for none.
	plain func(n int) bool

	sizes []int // that were asked for
	forms map[string]int
}

// A searchBody is what of a search the shelf understands.
type searchBody struct {
	Size         int
	Source       *bool           `json:"_source"`
	StoredFields string          `json:"stored_fields"`
	Sort         json.RawMessage `json:"sort"`
	Query        struct {
		Bool struct {
			Filter []struct {
				Range struct {
					SeqNo struct{ GT, LTE int } `json:"_seq_no"`
				}
			}
		}
	}
}

// form tells what is asked for: whole documents, those that are not plain
// (others), the doc values of those that are (lean), or what is in lists.
func (q *searchBody) form() string {
	switch {
	case bytes.Contains(q.Sort, []byte(`"nested"`)):
		return "lists"
	case q.StoredFields == "_none_":
		return "lean"
	case len(q.Query.Bool.Filter) > 1:
		return "others"
	}
	return "whole"
}

// search answers a search.
func (h *shelf) search(w http.ResponseWriter, _ *http.Request, body []byte) bool {
	var q searchBody
	if err := json.Unmarshal(body, &q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return true
	}
	if q.form() == "lists" {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, leanHits())
		return true
	}
	h.sizes = append(h.sizes, q.Size)
	if h.forms == nil {
		h.forms = map[string]int{}
	}
	h.forms[q.form()]++
	if h.most > 0 && q.Size > h.most {
		return h.refuse(w, 1)
	}
	r := q.Query.Bool.Filter[0].Range.SeqNo
	from, _ := slices.BinarySearch(h.at, r.GT+1)
	to, _ := slices.BinarySearch(h.at, r.LTE+1)
	found := slices.DeleteFunc(slices.Clone(h.at[from:to]), func(n int) bool {
		plain := h.plain != nil && h.plain(n)
		return q.form() == "lean" && !plain || q.form() == "others" && plain
	})
	found = found[:min(len(found), q.Size)]
	if q.form() == "lean" {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, leanHits(found...))
		return true
	}
	answer := strings.Split(hits(found...), `"process"`)
	w.Header().Set("Content-Type", "application/json")
	if q.Source != nil {
		_, _ = fmt.Fprintf(w, `{"timed_out":false,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"hits":[{"_index":"i","_id":"%d","sort":[%[1]d]}]}}`, found[0])
		return true
	}
	var b bytes.Buffer
	for i, part := range answer {
		if i > 0 {
			b.WriteString(`"pad":"`)
			b.Write(bytes.Repeat([]byte(" "), h.pad[found[i-1]]))
			b.WriteString(`","process"`)
		}
		b.WriteString(part)
	}
	_, _ = w.Write(b.Bytes())
	return true
}

// leanHits is the answer of a search for doc values: the documents with these
// numbers, each of which tells its number as hits does.
func leanHits(numbers ...int) string {
	var b strings.Builder
	b.WriteString(`{"took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"hits":[`)
	for i, n := range numbers {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"_index":"i","_score":null,"sort":[%d,"1","%x","_empty","shop",1,1,null]}`, n, n+1)
	}
	b.WriteString(`]}}`)
	return b.String()
}

// stats are statistics in which the recorded index's shards reach so far.
func reaching(c *cluster, upto int) string {
	stats := string(c.read("stats", nil))
	return strings.ReplaceAll(stats, `"max_seq_no":1,"global_checkpoint":1}`, fmt.Sprintf(`"max_seq_no":%d,"global_checkpoint":%[1]d}`, upto))
}

func every(step, upto int) []int {
	var at []int
	for n := 0; n <= upto; n += step {
		at = append(at, n)
	}
	return at
}

func TestARangeIsReadPageByPage(t *testing.T) {
	third := func(n int) bool { return n%3 == 0 }
	for _, test := range []struct {
		name     string
		shelf    shelf
		upto     int
		searches int // at most
	}{
		{"numbers without gaps", shelf{at: every(1, 9999)}, 9999, 10},
		{"plain documents", shelf{at: every(1, 49_999), plain: func(int) bool { return true }}, 49_999, 22},
		{"one plain document in three", shelf{at: every(1, 9999), plain: third}, 9999, 22},
		{"few that are not plain", shelf{at: every(1, 49_999), plain: func(n int) bool { return n%100 != 0 }}, 49_999, 22},
		{"a crowd that is not plain", shelf{at: every(1, 49_999), plain: func(n int) bool { return n < 10_000 || n >= 20_000 }}, 49_999, 80},
		{"one plain document in a thousand", shelf{at: every(1000, 999_999), plain: func(int) bool { return true }}, 999_999, 30},
		{"one document in a thousand, plain or not", shelf{at: every(1000, 999_999), plain: third}, 999_999, 40},
		{"one document in a thousand", shelf{at: every(1000, 999_999)}, 999_999, 20},
		{"one document in a million", shelf{at: every(1_000_000, 50_000_000)}, 50_000_000, 30},
		{"a desert and then a crowd", shelf{at: slices.Concat([]int{3}, every(1, 1005000)[1_000_000:])}, 1_005_000, 30},
		{"nothing at all", shelf{}, 5000, 5},
		{"a gap at the end", shelf{at: every(1, 10)}, 20000, 10},
		{"answers that are too large for a gateway", shelf{at: every(1, 999), most: 200, refuse: say(413, "text/html", "too large")}, 999, 14},
		{"a cluster whose memory is short", shelf{at: every(1, 999), most: 200, refuse: complain("circuit_breaking_exception", "Data too large", 429)}, 999, 14},
		{"an index with a narrow result window", shelf{at: every(1, 999), most: 200, refuse: complain("illegal_argument_exception", "Result window is too large, see [index.max_result_window]", 400)}, 999, 14},
		{"an index with a narrow result window and plain documents", shelf{at: every(1, 9999), most: 2000, plain: third, refuse: complain("illegal_argument_exception", "Result window is too large, see [index.max_result_window]", 400)}, 9999, 50},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				c.answer("stats", reaching(c, test.upto))
				c.on["search"] = test.shelf.search
				s, end := c.serve(nil)
				defer end()
				v := survey(t, s)
				r := all(v, find(t, v, recordedIndex), 0)
				var got []int
				last := r.After
				if err := s.Read(t.Context(), r, func(p *source.Page) error {
					for i := range p.Spans {
						got = append(got, int(p.Spans[i].SpanID)-1)
						if n := int64(p.Spans[i].SpanID) - 1; n <= last || n > p.Last {
							t.Errorf("number %d in the page (%d, %d]", n, last, p.Last)
						}
					}
					last = p.Last
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				if last != r.Upto {
					t.Errorf("ended at %d", last)
				}
				if diff := cmp.Diff(test.shelf.at, got); diff != "" {
					t.Errorf("%d documents instead of %d", len(got), len(test.shelf.at))
				}
				if n := len(test.shelf.sizes); n > test.searches {
					t.Errorf("%d searches: %v, %v", n, test.shelf.sizes, test.shelf.forms)
				}
			})
		})
	}
}

func TestPagesAreAsLargeAsTheirDocumentsAllow(t *testing.T) {
	for _, test := range []struct {
		name      string
		pad       int
		low, high int // of the last full page
	}{
		{"small documents come by thousands", 0, 3000, 5000},
		{"documents of 20 kB come by hundreds", 20_000, 150, 225},
		{"documents of 1 MB come by the handful", 1 << 20, 3, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				upto := max(100, 10*test.high)
				h := shelf{at: every(1, upto), pad: map[int]int{}}
				for n := range upto + 1 {
					h.pad[n] = test.pad
				}
				c.answer("stats", reaching(c, upto))
				c.on["search"] = h.search
				s, end := c.serve(nil)
				defer end()
				v := survey(t, s)
				var pages []int
				if err := s.Read(t.Context(), all(v, find(t, v, recordedIndex), 0), func(p *source.Page) error {
					pages = append(pages, len(p.Spans))
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				if full := pages[len(pages)-2]; full < test.low || full > test.high {
					t.Errorf("pages of %v", pages)
				}
			})
		})
	}
}

func TestADocumentThatIsTooLargeIsReadPast(t *testing.T) {
	c := newCluster(t)
	c.answer("stats", reaching(c, 9))
	h := shelf{at: every(1, 9), pad: map[int]int{4: 65 << 20}}
	c.on["search"] = h.search
	s, end := c.serve(nil)
	defer end()
	v := survey(t, s)
	var spans, unreadable []int
	if err := s.Read(t.Context(), all(v, find(t, v, recordedIndex), 0), func(p *source.Page) error {
		for _, span := range p.Spans {
			spans = append(spans, int(span.SpanID)-1)
		}
		for _, bad := range p.Unreadable {
			if bad.ID != "4" || bad.Index != "i" {
				t.Errorf("not understood: %+v", bad)
			}
			unreadable = append(unreadable, int(p.Last))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{0, 1, 2, 3, 5, 6, 7, 8, 9}, spans); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{4}, unreadable); diff != "" {
		t.Errorf("not understood (-want +got):\n%s", diff)
	}
}

func TestSourceKeepsTheContract(t *testing.T) {
	c := newCluster(t)
	c.answer("stats", reaching(c, 1500))
	c.on["search"] = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		h := shelf{at: every(2, 1500), plain: func(n int) bool { return n%3 > 0 }}
		return r.URL.Query().Get("preference") == "_shards:0" && h.search(w, r, body)
	}
	s, end := c.serve(nil)
	defer end()
	sourcetest.Contract(t, s)
}

// formOf tells what a search asks for.
func formOf(body []byte) string {
	var q searchBody
	if json.Unmarshal(body, &q) != nil {
		return ""
	}
	return q.form()
}
