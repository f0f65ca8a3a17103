package elastic_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/source/elastic"
)

var apart = regexp.MustCompile(`clock is \S+`)

func TestLiveReportTellsWhatIsWrong(t *testing.T) {
	const index = `{"settings":{"index":{"uuid":"u","creation_date":"1","number_of_shards":"1"}}}`
	for _, test := range []struct {
		name  string
		upset func(c *cluster)
		want  []string // but what is fine
	}{
		{"nothing", func(*cluster) {}, []string{
			`warning: "rec-jaeger-span-2026-01-01" is closed, and is read when it is opened`,
			`warning: "rec-jaeger-span-2026-01-03" is left out: it is a shrunken, split or cloned copy of another index`,
			`warning: shard 0 of "rec-jaeger-span-2026-01-04" has no primary that answers, and waits; see GET _cluster/allocation/explain`,
		}},
		{"no index, but under other prefixes", func(c *cluster) {
			c.answer("stats", `{"_shards":{"total":0,"successful":0,"failed":0}}`)
			c.on["settings"] = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				body := `{}`
				if strings.HasPrefix(r.URL.Path, "/*") {
					body = `{"prod-jaeger-span-2026-01-02":` + index + `,"jaeger-span-2026-01-02":` + index + `}`
				}
				_, _ = io.WriteString(w, body)
				return true
			}
		}, []string{`fault: there is no index "rec-jaeger-span-*" to read; write Jaeger's own index prefix to index_prefix; there are indices under "", "prod"`}},
		{"names that are not followed", func(c *cluster) {
			c.answer("stats", `{"_shards":{"total":1,"successful":1,"failed":0},"indices":{"rec-jaeger-span-2026.01.02":{"uuid":"u"},"rec-jaeger-span-archive":{"uuid":"a"},"rec-jaeger-span-copy":{"uuid":"c"}}}`)
			c.answer("settings", `{"rec-jaeger-span-2026.01.02":`+index+`}`)
		}, []string{
			`warning: "rec-jaeger-span-2026.01.02" is left out: its date is not written with the separator "-"; write index_date_separator: "."`,
			`warning: "rec-jaeger-span-copy" is left out: Jaeger gives no such name`,
			`fault: there is no index "rec-jaeger-span-*" to read; write Jaeger's own index prefix to index_prefix; there are indices under "rec"`,
		}},
		{"a document that is not Jaeger's", func(c *cluster) {
			c.answer("settings", `{"rec-jaeger-span-2026-01-02":`+index+`}`)
			c.answer("stats", `{"_shards":{"total":1,"successful":1,"failed":0},"indices":{"rec-jaeger-span-2026-01-02":{"uuid":"u","shards":{"0":[{"routing":{"state":"STARTED","primary":true},"commit":{"user_data":{"history_uuid":"h"}},"seq_no":{"max_seq_no":0,"global_checkpoint":0}}]}}}}`)
			c.answer("search", strings.Replace(hits(0), `"spanID":"1",`, "", 1))
		}, []string{`warning: a document of "rec-jaeger-span-2026-01-02" is not understood (span_id); see that Jaeger writes these indices`}},
		{"the clocks are apart", func(c *cluster) {
			c.answer("clock", `{"nodes":{"n":{"timestamp":1}}}`)
			c.answer("settings", `{}`)
			c.answer("stats", `{"_shards":{"total":0,"successful":0,"failed":0}}`)
		}, []string{
			`warning: the cluster's clock is SOME ahead of this machine's; let both follow NTP`,
			`fault: there is no index "rec-jaeger-span-*" to read; write Jaeger's own index prefix to index_prefix, and see that the role covers it`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t)
			c.answer("clock", `{}`)
			test.upset(c)
			s, end := c.serve(nil)
			defer end()
			var got []string
			for _, f := range s.Live(t.Context()).Findings {
				if f.Level == elastic.Fine {
					continue
				}
				text := fmt.Sprintf("%s: %s", f.Level, f.Text)
				if f.Cure != "" {
					text += "; " + f.Cure
				}
				got = append(got, apart.ReplaceAllString(text, "clock is SOME"))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLiveReportTellsAddressesOfDifferentClusters(t *testing.T) {
	var addresses []string
	for _, uuid := range []string{"one", "two"} {
		c := newCluster(t)
		c.answer("cluster", `{"cluster_uuid":"`+uuid+`"}`)
		server := httptest.NewServer(c)
		t.Cleanup(server.Close)
		addresses = append(addresses, server.URL)
	}
	s := at(t, addresses[0], func(c *elastic.Config) { c.Addresses = addresses })
	want := elastic.Finding{Level: elastic.Wrong, Text: addresses[1] + ` leads to cluster "two", an address before it to cluster "one"`, Cure: "write the addresses of one cluster; run one daemon for each"}
	for _, f := range s.Live(t.Context()).Findings {
		if f == want {
			return
		}
	}
	t.Errorf("%+v", s.Live(t.Context()).Findings)
}

func TestLiveReportTellsHowSpansAreRead(t *testing.T) {
	for _, test := range []struct {
		name  string
		upset func(c *cluster)
		want  string
	}{
		{"plain but for a third", func(*cluster) {}, `667 of the last 1000 documents of "rec-jaeger-span-2026-01-02" can be read lean`},
		{"refused", func(c *cluster) {
			answer := c.on["search"]
			c.on["search"] = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
				if formOf(body) == "lean" {
					return complain("illegal_argument_exception", "Fielddata is disabled on text fields by default", 400)(w, 1)
				}
				return answer(w, r, body)
			}
		}, `the spans of "rec-jaeger-span-2026-01-02" are read whole, as its doc values do not tell them`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t)
			c.answer("stats", reaching(c, 4999))
			c.on["search"] = (&shelf{at: every(1, 4999), plain: func(n int) bool { return n%3 > 0 }}).search
			test.upset(c)
			s, end := c.serve(nil)
			defer end()
			var found []string
			for _, f := range s.Live(t.Context()).Findings {
				if strings.Contains(f.Text, "lean") || strings.Contains(f.Text, "whole") {
					found = append(found, f.Text)
				}
			}
			if diff := cmp.Diff([]string{test.want}, found); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
