package elastic_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
	"github.com/traceslo/traceslo/source/jaeger"
)

// TestLiveWhatIsNotProvenIsReadAsDocuments stands between a cluster and its
// reader, and changes what the cluster says of its counts.
func TestLiveWhatIsNotProvenIsReadAsDocuments(t *testing.T) {
	c := testenv.SharedCluster(t, testenv.Elasticsearch, "8.19.7")
	prefix := c.Prefix(t)
	index := prefix + "-jaeger-span-2026-01-02"
	c.Do(t, "PUT", "/"+index, string(jaeger.Template{Shards: 1}.Index()))
	keep(t, c, index, invented(rand.New(rand.NewPCG(1, 1)), 2000))
	c.Do(t, "POST", "/"+index+"/_refresh", "")
	whole := byDocuments(t, c, index, 0, nil, false)
	target, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	failing := func(status int, typ string) func([]byte) []byte {
		return func([]byte) []byte {
			return []byte(fmt.Sprintf(`{"responses":[{"error":{"type":%q,"reason":"because"},"status":%d}]}`, typ, status))
		}
	}
	replace := func(from, to string) func([]byte) []byte {
		return func(body []byte) []byte { return regexp.MustCompile(from).ReplaceAll(body, []byte(to)) }
	}
	// total changes how many spans there are said to be, in the answer to that alone.
	total := func(by int) func([]byte) []byte {
		return func(body []byte) []byte {
			return regexp.MustCompile(`("hits":\{"total":\{"value":)(\d+)(\}\},"status")`).ReplaceAllFunc(body, func(all []byte) []byte {
				from := bytes.LastIndexByte(all[:len(all)-len(`}},"status"`)], ':') + 1
				to := from + bytes.IndexByte(all[from:], '}')
				n, err := strconv.Atoi(string(all[from:to]))
				if err != nil {
					t.Error(err)
				}
				return slices.Concat(all[:from], strconv.AppendInt(nil, int64(n+by), 10), all[to:])
			})
		}
	}
	for _, test := range []struct {
		name   string
		change func(body []byte) []byte
		// aside is why spans are read as documents; "" if they are counted.
		aside string
	}{
		{"nothing is changed", func(b []byte) []byte { return b }, ""},
		{"a search is refused", failing(400, "illegal_argument_exception"), "refused"},
		{"many searches at once are not allowed", failing(403, "security_exception"), "refused"},
		{"there are too many buckets", failing(503, "too_many_buckets_exception"), "buckets"},
		{"a circuit breaker trips", failing(429, "circuit_breaking_exception"), "buckets"},
		{"a bucket of durations has more than there are", replace(`"buckets":\[\{"doc_count":\d+`, `"buckets":[{"doc_count":77`), "unproven"},
		{"there are more documents than buckets tell", replace(`"value":(\d+)\}\}`, `"value":1$1}}`), "unproven"},
		{"there are more spans than numbers", replace(`(doc_count":|"total":\{"value":)(\d+)`, `${1}${2}000`), "unproven"},
		{"a sum is no whole number", replace(`"d":\{"value":(\d+)\.\d+`, `"d":{"value":$1.5`), "unproven"},
		{"a sum is below zero", replace(`"d":\{"value":`, `"d":{"value":-`), "unproven"},
		{"a sum is too great to be exact", replace(`"d":\{"value":[^}]*`, `"d":{"value":1E16`), "unproven"},
		{"there are more spans than are found", total(1), "unproven"},
		{"there are fewer spans than are found", total(-1), "unproven"},
		{"a failed span is among no rows", replace(`\{"sort":\[[^]]*"true"[^]]*\]\},`, ``), "unproven"},
		{"a row is of no span", replace(`"sort":\[(\d+),"[0-9a-f]+"`, `"sort":[$1,7`), "unproven"},
		{"a minute is none", replace(`"m":(\d)\.(\d)`, `"m":$2.$1`), "unproven"},
	} {
		t.Run(test.name, func(t *testing.T) {
			proxy := httputil.NewSingleHostReverseProxy(target)
			proxy.ModifyResponse = func(r *http.Response) error {
				// The look finds out what there is; what is counted is changed.
				if body, err := io.ReadAll(r.Body); err != nil {
					return err
				} else if strings.HasSuffix(r.Request.URL.Path, "/_msearch") && (!bytes.Contains(body, []byte(`"m":{"buckets"`)) || test.aside == "refused" || test.aside == "buckets") {
					r.Body = io.NopCloser(bytes.NewReader(test.change(body)))
				} else {
					r.Body = io.NopCloser(bytes.NewReader(body))
				}
				r.ContentLength = -1
				r.Header.Del("Content-Length")
				return nil
			}
			front := httptest.NewServer(proxy)
			defer front.Close()
			read := &counts{}
			o := elastic.Options{Config: elastic.Default(), Fine: fineBounds, Watch: read, Log: zerolog.New(zerolog.NewTestWriter(t))}
			o.Config.Addresses, o.Config.IndexPrefix, o.Config.Read = []string{front.URL}, prefix, elastic.Aggregations
			s := openConfig(t, o)
			elastic.SetCounting(s, 1500, 1000, 60_000)
			v := survey(t, s)
			want, got := newLedger(), newLedger()
			if err := want.page(&source.Page{Spans: whole.spans}); err != nil {
				t.Fatal(err)
			}
			if err := s.Read(t.Context(), all(v, v.Indices[0], 0), got.page); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(ledger{})); diff != "" {
				t.Errorf("(-documents +read):\n%s", diff)
			}
			if counted := read.of("counted"); (counted > 0) != (test.aside == "") {
				t.Errorf("%d spans were counted", counted)
			}
			if test.aside != "" && read.of("aside: "+test.aside) == 0 {
				t.Errorf("it was read as documents for another reason than %q: %v", test.aside, read.by)
			}
			s.Close()
		})
	}
}

// TestLiveNumbersTellHowManySpansThereAre reads windows in which each number is
// of a span, and then of one in which a number is of none any more.
func TestLiveNumbersTellHowManySpansThereAre(t *testing.T) {
	c := testenv.SharedCluster(t, testenv.Elasticsearch, "8.19.7")
	prefix := c.Prefix(t)
	index := prefix + "-jaeger-span-2026-01-02"
	c.Do(t, "PUT", "/"+index, string(jaeger.Template{Shards: 1}.Index()))
	var docs []string
	for i := range 3000 {
		tags := []jaeger.Tag{jaeger.String("span.kind", "server")}
		if i%100 == 0 {
			tags = append(tags, jaeger.Bool("error", true)) // it comes as a row
		}
		docs = append(docs, string(jaeger.AppendDocument(nil, &jaeger.Document{TraceID: source.TraceID{15: 1}, SpanID: uint64(i + 1), Operation: "buy", Service: "shop", Start: 1767225600_000000 + int64(i), Duration: int64(i), Tags: tags}, jaeger.Elevated)))
	}
	keep(t, c, index, docs)
	c.Do(t, "POST", "/"+index+"/_refresh", "")
	target, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	// searches are of how many parts each request was.
	var searches []int
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_msearch") {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			searches = append(searches, bytes.Count(body, []byte("\n"))/2)
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	o := elastic.Options{Config: elastic.Default(), Fine: fineBounds, Log: zerolog.New(zerolog.NewTestWriter(t))}
	o.Config.Addresses, o.Config.IndexPrefix, o.Config.Read = []string{front.URL}, prefix, elastic.Aggregations
	s := openConfig(t, o)
	elastic.SetCounting(s, 1000, 500, 60_000)
	read := func(spans int, want ...int) {
		t.Helper()
		searches = nil
		v, got := survey(t, s), 0
		r := all(v, v.Indices[0], 0)
		r.Upto = int64(len(docs) - 1)
		if err := s.Read(t.Context(), r, func(p *source.Page) error {
			got += len(p.Spans)
			for i := range p.Groups {
				got += int(p.Groups[i].Count)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if got != spans || !slices.Equal(searches, want) {
			t.Errorf("%d spans by searches %v instead of %d by %v", got, searches, spans, want)
		}
	}
	read(3000, 1, 2, 2) // a look, and two windows
	keep(t, c, index, docs[:10])
	c.Do(t, "POST", "/"+index+"/_refresh", "")
	read(2990, 2, 1) // numbers are found to be missing, and it is asked of how many there are spans
	read(2990, 3)    // at once, as the window before had no other way
}

// What is counted and what is not are told alike by queries and by a span, at every bound.
func TestWhatEndsInItsMinute(t *testing.T) {
	const minute = 60_000_000
	for _, minutes := range [][]int64{{0}, {1, 2, 5}} {
		for _, top := range []int64{1, 8001, 30_000_000} {
			tell := elastic.InTime(minutes, top)
			durations := []int64{0, 1, top - 1, top, top + 1, minute, math.MaxInt64}
			for d := int64(8000); d <= 32_768_000; d *= 2 {
				durations = append(durations, d-1, d, d+1)
			}
			in := 0
			for _, duration := range durations {
				starts := []int64{math.MinInt64, -1, 0, 1, math.MaxInt64}
				for m := int64(0); m < 8; m++ {
					starts = append(starts, m*minute-1, m*minute, m*minute+minute/2)
					for d := int64(8000); d <= 32_768_000; d *= 2 {
						starts = append(starts, m*minute-d-1, m*minute-d)
					}
				}
				for _, start := range starts {
					counted, not, by := tell(start, duration)
					if counted == not || counted != by {
						t.Fatalf("of the minutes %d up to %d: start %d, duration %d: counted %t, not %t, by the span %t", minutes, top, start, duration, counted, not, by)
					}
					if !counted {
						continue
					}
					in++
					if end := start + duration; end/minute != start/minute || duration > top || !slices.Contains(minutes, start/minute) {
						t.Fatalf("of the minutes %d up to %d: start %d, duration %d is counted", minutes, top, start, duration)
					}
				}
			}
			if in < 20 {
				t.Errorf("%d are counted of the minutes %d up to %d", in, minutes, top)
			}
		}
	}
}

// TestDeepAnswersAreRefused has an answer that is nested deeper than a stack is.
func TestDeepAnswersAreRefused(t *testing.T) {
	body := append([]byte(`{"responses":[{"x":`), bytes.Repeat([]byte("["), 20<<20)...)
	if _, _, err := elastic.ReadCounted(body); err == nil {
		t.Error("it is taken")
	}
}

// countedAnswer is an answer to what ReadCounted asks.
const countedAnswer = `{"responses":[` +
	`{"status":200,"timed_out":false,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"total":{"value":5}},"aggregations":{"c":{"buckets":[
{"key":{"s":"a\u0041","o":"b","m":1.7672256E15,"k":null,"t0":"x","p0":null},"doc_count":2,"f":{"buckets":[{"doc_count":2,"r":{"doc_count":1}},{"doc_count":0}]},"d":{"value":7.0}},
{"key":{"s":"a","o":"","m":1.7672256E15,"k":"server","t0":null,"p0":"y"},"doc_count":3,"f":{"buckets":[{"doc_count":0},{"doc_count":3,"r":{"doc_count":3}}]},"d":{"value":90.0}}]}}},` +
	`{"status":200,"timed_out":false,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"total":{"value":6}}}, ` + rowsAnswer + `]}`

const rowsAnswer = `{"timed_out":false,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"hits":[{"sort":[7]}]},"status":200}`

func TestGroupsOfAnAnswer(t *testing.T) {
	groups, rows, err := elastic.ReadCounted([]byte(countedAnswer))
	if err != nil || rows != rowsAnswer {
		t.Fatalf("%v, and the rows are %s", err, rows)
	}
	const minute = 1767225600_000000
	at := func(s source.Span) source.Span { s.Start = minute - s.Duration; return s }
	want := []source.Group{
		{Span: at(source.Span{Service: "aA", Operation: "b", Duration: 10, Tags: []string{"x"}, Root: true}), Count: 1, Duration: 7},
		{Span: at(source.Span{Service: "aA", Operation: "b", Duration: 10, Tags: []string{"x"}}), Count: 1},
		{Span: at(source.Span{Service: "a", Operation: jaeger.EmptyOperation, Kind: source.KindServer, Duration: 100, Tags: []string{"y"}}), Count: 3, Duration: 90},
	}
	if diff := cmp.Diff(want, groups); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, change := range map[string][2]string{
		"fewer spans than are counted": {`"value":6`, `"value":4`}, "no rows": {`, ` + rowsAnswer, ``}, "an answer too many": {`]}`, `,` + rowsAnswer + `]}`},
		"a count of no number": {`{"doc_count":0}`, `{"doc_count":}`}, "a count of too many digits": {`{"doc_count":0}`, `{"doc_count":0000000000000000000}`},
		"a broken count": {`{"doc_count":0}`, `{"doc_count":0`},
		"a broken row":   {`"sort":[7]`, `"sort":[7`}, "no number of spans": {`"hits":{"total":{"value":6}}`, `"hits":{"total":{"value":x}}`},
	} {
		i := strings.LastIndex(countedAnswer, change[0])
		body := countedAnswer[:i] + change[1] + countedAnswer[i+len(change[0]):]
		if _, _, err := elastic.ReadCounted([]byte(body)); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}

func FuzzCountedAnswers(f *testing.F) {
	f.Add([]byte(countedAnswer))
	f.Add([]byte(`{"responses":[{"error":{"type":"x"},"status":400}]}`))
	f.Add([]byte(`{"responses":[[]]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		groups, _, err := elastic.ReadCounted(body)
		if err != nil {
			return
		}
		for _, g := range groups {
			if g.Count == 0 || g.Span.Service == "" || g.Span.Duration < 0 || g.Span.Operation != strings.ToValidUTF8(g.Span.Operation, "") {
				t.Errorf("%+v", g)
			}
		}
	})
}
