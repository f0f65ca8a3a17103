package elastic_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
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
		{"a minute is none", replace(`"m":(\d)\.(\d)`, `"m":$2.$1`), "unproven"},
	} {
		t.Run(test.name, func(t *testing.T) {
			proxy := httputil.NewSingleHostReverseProxy(target)
			proxy.ModifyResponse = func(r *http.Response) error {
				// The look finds out what there is; what is counted is changed.
				if body, err := io.ReadAll(r.Body); err != nil {
					return err
				} else if strings.HasSuffix(r.Request.URL.Path, "/_msearch") && (bytes.Contains(body, []byte(`"c"`)) || test.aside == "refused" || test.aside == "buckets") {
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

// TestDeepAnswersAreRefused has an answer that is nested deeper than a stack is.
func TestDeepAnswersAreRefused(t *testing.T) {
	body := append([]byte(`{"responses":[{"x":`), bytes.Repeat([]byte("["), 20<<20)...)
	if _, err := elastic.ReadCounted(body); err == nil {
		t.Error("it is taken")
	}
}

func FuzzCountedAnswers(f *testing.F) {
	f.Add([]byte(`{"responses":[{"status":200,"timed_out":false,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"total":{"value":2}},"aggregations":{"c":{"buckets":[{"key":{"s":"a\u0041","o":"b","m":1.7672256E15,"k":null,"t0":"x","p0":null},"doc_count":2,"f":{"buckets":[{"doc_count":2,"r":{"doc_count":1}},{"doc_count":0}]},"d":{"value":7.0}}]}}}]}`))
	f.Add([]byte(`{"responses":[{"error":{"type":"x"},"status":400}]}`))
	f.Add([]byte(`{"responses":[[]]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		groups, err := elastic.ReadCounted(body)
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
