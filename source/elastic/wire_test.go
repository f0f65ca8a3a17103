package elastic_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/golden"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
)

func TestRequestsAreExactlyThese(t *testing.T) {
	c := newCluster(t)
	s, end := c.serve(nil)
	defer end()
	v := survey(t, s)
	index := find(t, v, recordedIndex)
	read := func(r source.Range) {
		t.Helper()
		if err := s.Read(t.Context(), r, func(*source.Page) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	read(all(v, index, 0))
	for _, r := range c.requests() {
		golden.Check(t, filepath.Join("testdata", "request", r.operation+".txt"), []byte(r.text))
	}
	since := all(v, index, 1)
	since.EndedSince = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	read(since)
	asked := c.requests()
	golden.Check(t, filepath.Join("testdata", "request", "search_since.txt"), []byte(asked[len(asked)-1].text))
}

func TestSearchGoesToThePrimaryWhereOnlyThatShowsAll(t *testing.T) {
	c := newCluster(t)
	c.recorded = filepath.Join("testdata", "answer", "opensearch-3.4.0")
	settings := strings.ReplaceAll(string(c.read("settings", nil)), "DOCUMENT", "SEGMENT")
	c.answer("settings", settings)
	s, end := c.serve(nil)
	defer end()
	v := survey(t, s)
	if err := s.Read(t.Context(), all(v, find(t, v, recordedIndex), 0), func(*source.Page) error { return nil }); err != nil {
		t.Fatal(err)
	}
	asked := c.requests()
	if last := asked[len(asked)-1].text; !strings.Contains(last, "preference=_shards:0|_primary\n") {
		t.Errorf("asked\n%s", last)
	}
}

func TestEveryRequestHasItsHeaders(t *testing.T) {
	c := newCluster(t)
	s, end := c.serve(func(o *elastic.Options) {
		o.Config.Auth.APIKey = "an-id:a-key"
		o.Config.Compression = true
		o.Config.Headers = map[string]config.Secret{"x-gateway": "letter"}
	})
	defer end()
	survey(t, s)
	for _, r := range c.requests() {
		want := map[string]string{
			"Authorization": "ApiKey YW4taWQ6YS1rZXk=", "Accept-Encoding": "gzip", "X-Gateway": "letter",
			"X-Opaque-Id": "traceslo", "User-Agent": "traceslo", "Accept": "",
		}
		for name, value := range want {
			if got := r.header.Get(name); got != value {
				t.Errorf("%s: %s: got %q, want %q", r.operation, name, got, value)
			}
		}
	}
}

func TestRecordedAnswersAreUnderstood(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join("testdata", "answer", "*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no recorded answers: %v", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			c := newCluster(t)
			c.recorded = folder
			s, end := c.serve(nil)
			defer end()
			v := survey(t, s)
			if v.Cluster == "" {
				t.Error("the cluster is not known")
			}
			want := map[string]string{
				"2026-01-01": "closed",
				"2026-01-02": "ready to 1, ready to 0",
				"2026-01-03": "resized, ready to 1, ready to 0",
				"2026-01-04": "waits to -1",
			}
			if diff := cmp.Diff(want, summary(v, "rec")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var spans []source.Span
			for shard := range 2 {
				if err := s.Read(t.Context(), all(v, find(t, v, recordedIndex), shard), func(p *source.Page) error {
					for _, span := range p.Spans {
						spans = append(spans, source.Span{SpanID: span.SpanID, Kind: span.Kind, Failed: span.Failed, Service: strings.Clone(span.Service)})
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			wantSpans := []source.Span{
				{SpanID: 1, Kind: source.KindServer, Service: "frontend"},
				{SpanID: 2, Kind: source.KindServer, Service: "frontend"},
				{SpanID: 3, Kind: source.KindServer, Service: "frontend", Failed: true},
			}
			if diff := cmp.Diff(wantSpans, spans); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			version := filepath.Base(folder)
			if r := s.Live(t.Context()); !strings.EqualFold(r.Flavor+"-"+r.Version, version) {
				t.Errorf("%s %s, want %s", r.Flavor, r.Version, version)
			}
		})
	}
}

func TestSurveyIsOneRequestWhileNothingButNumbersChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		s, end := c.serve(nil)
		defer end()
		first := survey(t, s)
		if diff := cmp.Diff([]string{"clock", "node", "cluster", "stats", "settings"}, operations(c.requests())); diff != "" {
			t.Errorf("the first survey (-want +got):\n%s", diff)
		}
		second := survey(t, s)
		if diff := cmp.Diff([]string{"stats"}, operations(c.requests())); diff != "" {
			t.Errorf("the second survey (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(first.Indices, second.Indices); diff != "" {
			t.Errorf("(-first +second):\n%s", diff)
		}
		// An index that goes, and one that comes.
		stats := string(c.read("stats", nil))
		for _, change := range []string{
			strings.Replace(stats, "rec-jaeger-span-2026-01-03", "rec-jaeger-span-archive", 1),
			strings.Replace(stats, find(t, first, recordedIndex).UUID, "another-uuid", 1),
		} {
			c.answer("stats", change)
			survey(t, s)
			if diff := cmp.Diff([]string{"stats", "settings"}, operations(c.requests())); diff != "" {
				t.Errorf("a survey with other indices (-want +got):\n%s", diff)
			}
		}
		<-time.After(time.Hour)
		survey(t, s)
		if got := operations(c.requests()); !slices.Contains(got, "settings") {
			t.Errorf("an hour later: %v", got)
		}
	})
}

func TestRefreshIsSharedByTheShardsOfAnIndex(t *testing.T) {
	c := newCluster(t)
	s, end := c.serve(nil)
	defer end()
	refreshed := func() (n int) {
		for _, r := range c.requests() {
			if r.operation == "refresh" {
				n++
			}
		}
		return n
	}
	read := func(v source.Survey) {
		t.Helper()
		errs := make(chan error)
		for shard := range 2 {
			go func() {
				errs <- s.Read(t.Context(), all(v, find(t, v, recordedIndex), shard), func(*source.Page) error { return nil })
			}()
		}
		for range 2 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	}
	v := survey(t, s)
	read(v)
	read(v)
	if n := refreshed(); n != 1 {
		t.Errorf("refreshed %d times after one survey", n)
	}
	read(survey(t, s))
	if n := refreshed(); n != 1 {
		t.Errorf("refreshed %d times after the next survey", n)
	}
}
