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
	"time"

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
	docs := invented(rand.New(rand.NewPCG(1, 1)), 2000)
	keep(t, c, index, docs)
	keep(t, c, index, docs[:10]) // overwritten: there are fewer spans than numbers
	c.Do(t, "POST", "/"+index+"/_refresh", "")
	whole := byDocuments(t, c, index, 0, nil, false)
	failing := func(status int, typ string) func([]byte) []byte {
		return func([]byte) []byte {
			return []byte(fmt.Sprintf(`{"responses":[{"error":{"type":%q,"reason":"because"},"status":%d}]}`, typ, status))
		}
	}
	replace := func(from, to string) func([]byte) []byte {
		return func(body []byte) []byte { return regexp.MustCompile(from).ReplaceAll(body, []byte(to)) }
	}
	// total changes how many spans there are said to be, in the answer before the rows.
	total := func(by int) func([]byte) []byte {
		return func(body []byte) []byte {
			before, _, _ := bytes.Cut(body, []byte(`"hits":{"hits":[`))
			from := bytes.LastIndex(before, []byte(`"value":`)) + len(`"value":`)
			to := from + bytes.IndexByte(body[from:], '}')
			n, err := strconv.Atoi(string(body[from:to]))
			if err != nil {
				t.Error(err)
			}
			return slices.Concat(body[:from], strconv.AppendInt(nil, int64(n+by), 10), body[to:])
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
			front := changing(t, c, func(body []byte) []byte {
				// The look finds out what there is; what is counted is changed.
				if bytes.Contains(body, []byte(`"c"`)) || test.aside == "refused" || test.aside == "buckets" {
					return test.change(body)
				}
				return body
			})
			read := &counts{}
			o := elastic.Options{Config: elastic.Default(), Fine: fineBounds, Watch: read, Log: zerolog.New(zerolog.NewTestWriter(t))}
			o.Config.Addresses, o.Config.IndexPrefix, o.Config.Read = []string{front}, prefix, elastic.Aggregations
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

// changing returns the address of what stands before a cluster and changes its answers to many searches.
func changing(t *testing.T, c *testenv.Cluster, change func(body []byte) []byte) string {
	t.Helper()
	target, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		if strings.HasSuffix(r.Request.URL.Path, "/_msearch") {
			body = change(body)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = -1
		r.Header.Del("Content-Length")
		return nil
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	return front.URL
}

// Why spans are not counted is asked last, when counting itself went well.
func TestLiveReportTellsThatASearchIsRefused(t *testing.T) {
	c := testenv.SharedCluster(t, testenv.Elasticsearch, "8.19.7")
	prefix := c.Prefix(t)
	index := prefix + "-jaeger-span-2026-01-02"
	c.Do(t, "PUT", "/"+index, string(jaeger.Template{Shards: 1}.Index()))
	keep(t, c, index, invented(rand.New(rand.NewPCG(1, 1)), 500))
	front := changing(t, c, func(body []byte) []byte {
		if !bytes.Contains(body, []byte(`"typeless"`)) {
			return body
		}
		return []byte(`{"responses":[{"error":{"type":"illegal_argument_exception","reason":"because"},"status":400}]}`)
	})
	o := elastic.Options{Config: elastic.Default(), Fine: fineBounds, Log: zerolog.New(zerolog.NewTestWriter(t))}
	o.Config.Addresses, o.Config.IndexPrefix, o.Config.Read = []string{front}, prefix, elastic.Aggregations
	refused := 0
	for _, f := range openConfig(t, o).Live(t.Context()).Findings {
		switch {
		case strings.Contains(f.Text, "illegal_argument_exception") && f.Level == elastic.Wrong:
			refused++
		case strings.Contains(f.Text, "can count"):
			t.Errorf("it tells what nobody answered: %s", f.Text)
		}
	}
	if refused != 1 {
		t.Errorf("%d refusals are told", refused)
	}
}

// A list of durations, which Jaeger does not write, would be in several bands, each of which proves it.
func TestLiveListsOfDurationsAreNotCountedTwice(t *testing.T) {
	c := testenv.SharedCluster(t, testenv.Elasticsearch, "8.19.7")
	prefix := c.Prefix(t)
	index := prefix + "-jaeger-span-2026-01-02"
	c.Do(t, "PUT", "/"+index, string(jaeger.Template{Shards: 1}.Index()))
	var docs []string
	for i := range 2000 {
		tags := []jaeger.Tag{jaeger.String("span.kind", "server")}
		if i == 5 {
			// It has to be read whole, and would not be missed if another counted twice.
			tags = append(tags, jaeger.Bool("error", true), jaeger.String("error.type", "timeout"))
		}
		docs = append(docs, string(jaeger.AppendDocument(nil, &jaeger.Document{TraceID: source.TraceID{15: 1}, SpanID: uint64(i + 1), Operation: fmt.Sprintf("op %d", i%12), Service: "shop",
			Start: 1767225600_000000 + int64(i), Duration: int64(i), Tags: tags}, jaeger.Elevated)))
	}
	keep(t, c, index, docs)
	for _, test := range []struct {
		duration string
		proven   bool
	}{{`"duration":0`, true}, {`"duration":[10,5000000]`, false}} {
		docs[0] = strings.Replace(docs[0], `"duration":0`, test.duration, 1)
		keep(t, c, index, docs[:1])
		c.Do(t, "POST", "/"+index+"/_refresh", "")
		read := &counts{}
		o := elastic.Options{Config: elastic.Default(), Fine: fineBounds, Watch: read, Log: zerolog.New(zerolog.NewTestWriter(t))}
		o.Config.Addresses, o.Config.IndexPrefix, o.Config.Read = []string{c.URL}, prefix, elastic.Aggregations
		s := openConfig(t, o)
		elastic.SetCounting(s, 50_000, 1000, 500) // so few buckets that there are several bands
		v, want, got := survey(t, s), newLedger(), newLedger()
		if err := want.page(&source.Page{Spans: byDocuments(t, c, index, 0, nil, false).spans}); err != nil {
			t.Fatal(err)
		}
		if err := s.Read(t.Context(), all(v, v.Indices[0], 0), got.page); err != nil {
			t.Fatal(err)
		}
		// The sort value of a list is its least, which deceives in documents as well.
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(ledger{})); test.proven && diff != "" {
			t.Errorf("%s (-documents +read):\n%s", test.duration, diff)
		}
		if counted, unproven := read.of("counted"), read.of("aside: unproven"); (counted > 0) != test.proven || (unproven > 0) == test.proven {
			t.Errorf("%s: %d spans were counted, %d windows were not proven", test.duration, counted, unproven)
		}
	}
}

// Minutes in which spans are counted are those of the window before and as many
// that follow, if they have begun when it is asked.
func TestMinutesThatAreExpected(t *testing.T) {
	const later = 100
	for _, test := range []struct {
		before   []int64
		surveyed float64 // in minutes
		want     []int64
	}{
		{[]int64{5}, 5.5, []int64{5}},
		{[]int64{5}, 5.91, []int64{5}},
		{[]int64{5}, 5.92, []int64{5, 6}}, // within the skew of clocks
		{[]int64{5}, later, []int64{5, 6}},
		{[]int64{5}, 4, []int64{5}}, // a reader whose clock is late
		{[]int64{5, 7}, later, []int64{5, 7, 8, 9}},
		{[]int64{5, 6, 7, 8, 9}, 9.5, []int64{5, 6, 7, 8, 9}},
		{[]int64{5, 6, 7, 8, 9}, later, []int64{6, 7, 8, 9, 10, 11, 12, 13}},
		{[]int64{1, 2, 3, 4, 5, 6, 7, 8}, 8.5, []int64{1, 2, 3, 4, 5, 6, 7, 8}},
		{[]int64{1, 2, 3, 4, 5, 6, 7, 8}, later, []int64{5, 6, 7, 8, 9, 10, 11, 12}},
		{nil, later, nil},
	} {
		if got := elastic.ExpectedMinutes(test.before, time.UnixMicro(int64(test.surveyed*60e6))); !slices.Equal(got, test.want) {
			t.Errorf("after %v, asked at %v: %v instead of %v", test.before, test.surveyed, got, test.want)
		}
	}
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
