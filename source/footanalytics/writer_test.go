package footanalytics_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/footanalytics"
	"github.com/traceslo/traceslo/source/jaeger"
)

func TestWriterWritesHistoryThenLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := open(t, footanalytics.Options{Seed: 1, Rate: 20, History: 10 * time.Minute})
		var cluster store
		ctx, cancel := context.WithCancel(t.Context())
		var last footanalytics.Progress
		w, err := footanalytics.NewWriter(s, footanalytics.WriterOptions{
			URL: "http://127.0.0.1:9200", Client: &http.Client{Transport: &cluster}, Prefix: "demo", Layout: jaeger.Elevated,
			Progress: func(p footanalytics.Progress) {
				if p.Upto.Before(last.Upto) || p.Spans < last.Spans || last.Live && !p.Live {
					t.Errorf("progress went from %+v to %+v", last, p)
				}
				if p.Live != !p.Upto.Before(began) {
					t.Errorf("%+v with the clock at %v", p, time.Now())
				}
				last = p
				if !p.Upto.Before(began.Add(30 * time.Second)) {
					cancel()
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited > 31*time.Second {
			t.Errorf("spans of 30 s were written after %v", waited)
		}
		want := map[string]bool{}
		err = s.Documents(t.Context(), rangeOf(t, s, began.Add(-10*time.Minute), last.Upto), func(d *jaeger.Document) error {
			day := time.UnixMicro(d.Start).UTC().Format("2006-01-02")
			want["demo-jaeger-span-"+day+string(jaeger.AppendDocument(nil, d, jaeger.Elevated))] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, names := map[string]bool{}, 0
		for key, doc := range cluster.documents {
			index, _, _ := strings.Cut(key, "/")
			if strings.HasPrefix(index, "demo-jaeger-service-") {
				names++
				continue
			}
			got[index+doc] = true
		}
		if int(last.Spans) != len(want) || !cmp.Equal(want, got) {
			t.Errorf("%d spans told, %d written, want %d", last.Spans, len(got), len(want))
		}
		if names < 30 {
			t.Errorf("only %d names of operations", names)
		}
		wantTemplates := []string{"/_index_template/demo-jaeger-service", "/_index_template/demo-jaeger-span"}
		slices.Sort(cluster.templates)
		if !slices.Equal(cluster.templates, wantTemplates) {
			t.Errorf("templates %q, want %q", cluster.templates, wantTemplates)
		}
	})
}

func TestWriterEndsWithAnErrorThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, footanalytics.Options{History: time.Minute})
		cluster := store{whole: func(int) int { return 403 }}
		w, err := footanalytics.NewWriter(s, footanalytics.WriterOptions{URL: "http://localhost:9200", Client: &http.Client{Transport: &cluster}})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("got %v, want an error with the status", err)
		}
	})
}

func TestWriterKeepsAwayFromOtherMachines(t *testing.T) {
	s := open(t, footanalytics.Options{})
	for url, allowed := range map[string]bool{
		"http://localhost:9200":                true,
		"http://127.0.0.1:9200":                true,
		"http://127.1.2.3":                     true,
		"https://[::1]:9200/":                  true,
		"http://[::ffff:127.0.0.1]:9200":       true,
		"http://elasticsearch:9200":            false,
		"http://10.0.0.1:9200":                 false,
		"http://localhost.example.com:9200":    false,
		"http://127.0.0.1.example.com":         false,
		"http://127.0.0.1@example.com:9200":    false,
		"http://user:secret@example.com:9200/": false,
	} {
		_, err := footanalytics.NewWriter(s, footanalytics.WriterOptions{URL: url})
		if (err == nil) != allowed || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want allowed to be %v", url, err, allowed)
		}
		if _, err := footanalytics.NewWriter(s, footanalytics.WriterOptions{URL: url, AllowRemote: true}); err != nil {
			t.Errorf("%s is refused though allowed: %v", url, err)
		}
	}
}

// TestWriterWithRealServers writes twice and reads back what is stored.
func TestWriterWithRealServers(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		prefix := c.Prefix(t)
		s := open(t, footanalytics.Options{Seed: 3, Rate: 6, History: 2 * time.Minute, Clock: at(monday.Add(time.Minute)), Tags: allTags, Faults: both})
		for _, layout := range []jaeger.Layout{jaeger.Elevated, jaeger.Nested} {
			ctx, cancel := context.WithCancel(t.Context())
			w, err := footanalytics.NewWriter(s, footanalytics.WriterOptions{URL: c.URL, Client: c.Client(t), Prefix: prefix, Layout: layout,
				Progress: func(p footanalytics.Progress) {
					if p.Live {
						cancel()
					}
				}})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Run(ctx); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]source.Span{}
		for _, span := range read(t, s, rangeOf(t, s, monday.Add(-time.Minute), monday.Add(time.Minute))) {
			want[fmt.Sprintf("%x/%x", span.TraceID, span.SpanID)] = span
		}

		c.Do(t, "POST", "/"+prefix+"*/_refresh", "")
		decoder := jaeger.NewDecoder(allTags, "")
		var answer jaeger.Answer
		if err := decoder.Answer(c.Do(t, "POST", "/"+jaeger.SpanIndex(prefix)+"*/_search", `{"size":10000,"sort":["startTime"]}`), &answer); err != nil {
			t.Fatal(err)
		}
		got := map[string]source.Span{}
		for _, span := range answer.Spans {
			got[fmt.Sprintf("%x/%x", span.TraceID, span.SpanID)] = span
		}
		if len(answer.Spans) != len(got) || len(answer.Unreadable) != 0 {
			t.Errorf("%d documents for %d spans, %d of them not understood", answer.Hits, len(got), len(answer.Unreadable))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-made +stored):\n%.3000s", diff)
		}

		var names struct {
			Aggregations struct {
				Services struct{ Buckets []struct{ Key string } }
			}
		}
		body := c.Do(t, "POST", "/"+prefix+"-jaeger-service-*/_search", `{"size":0,"aggs":{"services":{"terms":{"field":"serviceName","size":100}}}}`)
		if err := json.Unmarshal(body, &names); err != nil {
			t.Fatal(err)
		}
		if n := len(names.Aggregations.Services.Buckets); n != 10 {
			t.Errorf("%d services are listed, want 10: %s", n, body)
		}
	})
}

// TestBulkWithRealServers writes documents that the mapping refuses among good ones.
func TestBulkWithRealServers(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		index := c.Prefix(t) + "-bulk"
		c.Do(t, "PUT", "/"+index, `{"mappings":{"properties":{"n":{"type":"long"}}}}`)
		b, err := footanalytics.NewBulk(c.URL, c.Client(t))
		if err != nil {
			t.Fatal(err)
		}
		list := items(2000, false)
		for i := range list {
			list[i].Index = index
		}
		list[7].Source = []byte(`{"n":"seven"}`)
		fates, err := b.Write(t.Context(), list)
		if err == nil || !strings.Contains(err.Error(), "document 7") {
			t.Errorf("got %v, want an error that names document 7", err)
		}
		for i, fate := range fates {
			if (fate == footanalytics.Refused) != (i == 7) {
				t.Errorf("document %d has fate %v", i, fate)
			}
		}
		c.Do(t, "POST", "/"+index+"/_refresh", "")
		var count struct{ Count int }
		if err := json.Unmarshal(c.Do(t, "GET", "/"+index+"/_count", ""), &count); err != nil {
			t.Fatal(err)
		}
		if count.Count != len(list)-1 {
			t.Errorf("%d documents are stored, want %d", count.Count, len(list)-1)
		}
	})
}
