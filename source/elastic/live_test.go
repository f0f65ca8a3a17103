package elastic_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
	"github.com/traceslo/traceslo/source/jaeger"
	"github.com/traceslo/traceslo/source/sourcetest"
)

// mapping is what of Jaeger's template the reading hangs on.
const mapping = `"mappings":{"properties":{"startTimeMillis":{"type":"date","format":"epoch_millis"},"duration":{"type":"long"},` +
	`"tags":{"type":"nested","dynamic":false,"properties":{"key":{"type":"keyword"},"value":{"type":"keyword"}}}}}`

// open returns a source for the indices under a prefix.
func open(t *testing.T, c *testenv.Cluster, prefix string, change func(*elastic.Config)) *elastic.Source {
	t.Helper()
	config := elastic.Default()
	config.Addresses = []string{c.URL}
	config.IndexPrefix = prefix
	config.TLS.CAFile = c.CAFile
	if change != nil {
		change(&config)
	}
	return openConfig(t, elastic.Options{Config: config, Log: zerolog.New(zerolog.NewTestWriter(t))})
}

func openConfig(t *testing.T, o elastic.Options) *elastic.Source {
	t.Helper()
	s, err := elastic.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// store writes spans numbered from..to as Jaeger does, in both layouts by turns.
func store(t *testing.T, c *testenv.Cluster, index string, from, to int) {
	t.Helper()
	var bulk []byte
	for i := from; i < to; i++ {
		bulk = append(bulk, "{\"index\":{}}\n"...)
		bulk = jaeger.AppendDocument(bulk, &jaeger.Document{
			TraceID: source.TraceID{15: 1}, SpanID: uint64(i + 1), Operation: "op", Service: "shop", Start: time.Now().UnixMicro(), Duration: 5000,
			Tags: []jaeger.Tag{jaeger.String("span.kind", "server")},
		}, jaeger.Layout(i%2))
		bulk = append(bulk, '\n')
	}
	var answer struct{ Errors bool }
	if err := json.Unmarshal(c.Do(t, "POST", "/"+index+"/_bulk", string(bulk)), &answer); err != nil || answer.Errors {
		t.Fatalf("bulk: %v, errors %v", err, answer.Errors)
	}
}

// survey fails the test if it cannot.
func survey(t *testing.T, s *elastic.Source) source.Survey {
	t.Helper()
	v, err := s.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// summary tells an index in one word a fact.
func summary(v source.Survey, prefix string) map[string]string {
	out := map[string]string{}
	for _, index := range v.Indices {
		words := []string{}
		if index.Unfollowed != "" {
			words = append(words, string(index.Unfollowed))
		}
		if index.Closed {
			words = append(words, "closed")
		}
		for _, shard := range index.Shards {
			word := "ready"
			if !shard.Ready {
				word = "waits"
			}
			words = append(words, fmt.Sprintf("%s to %d", word, shard.Upto))
		}
		out[strings.TrimPrefix(index.Name, prefix+"-jaeger-span-")] = strings.Join(words, ", ")
	}
	return out
}

func TestLiveSurveyTellsWhichIndicesThereAre(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		prefix := c.Prefix(t)
		base := "/" + prefix + "-jaeger-span-"
		create := func(name, settings string) {
			c.Do(t, "PUT", base+name+"?wait_for_active_shards=0", `{"settings":{"number_of_replicas":0,`+settings+`},`+mapping+`}`)
		}
		s := open(t, c, prefix, nil)
		before := survey(t, s)
		if len(before.Indices) != 0 || before.Cluster == "" {
			t.Fatalf("before there is anything: %+v", before)
		}
		create("2026-01-02", `"number_of_shards":2`)
		store(t, c, base[1:]+"2026-01-02", 0, 1)
		create("2026-01-02-15", `"number_of_shards":1`)
		c.Do(t, "PUT", base+"000001", `{"settings":{"number_of_shards":1},"aliases":{"`+base[1:]+`read":{}}}`)
		store(t, c, base[1:]+"write", 0, 3) // made by nobody but the write
		create("archive", `"number_of_shards":1`)
		create("archive-000001", `"number_of_shards":1`)
		create("2026.01.02", `"number_of_shards":1`)
		create("2026-01-05", `"number_of_shards":1`)
		c.Do(t, "POST", base+"2026-01-05/_close", "")
		create("2026-01-06", `"number_of_shards":1,"index.routing.allocation.require._name":"nobody"`)
		c.Do(t, "PUT", base+"2026-01-02/_settings", `{"index.blocks.write":true}`)
		c.Do(t, "POST", base+"2026-01-02/_clone"+base+"2026-01-03", `{"settings":{"index.blocks.write":null}}`)
		c.Do(t, "POST", base+"2026-01-02/_shrink"+base+"000002", `{"settings":{"index.number_of_shards":1}}`)
		c.Do(t, "POST", base+"2026-01-02/_shrink/shrink-abcd-"+base[1:]+"000003", `{"settings":{"index.number_of_shards":1}}`)

		want := map[string]string{
			"2026-01-02-15": "ready to -1", "000001": "ready to -1", "write": "ready to 2",
			"2026-01-05": "closed", "2026-01-06": "waits to -1",
		}
		got := survey(t, s)
		found := summary(got, prefix)
		for _, name := range []string{"2026-01-03", "000002"} {
			if !strings.HasPrefix(found[name], "resized") {
				t.Errorf("%s: %q, want resized", name, found[name])
			}
			delete(found, name)
		}
		if daily := found["2026-01-02"]; daily != "ready to 0, ready to -1" && daily != "ready to -1, ready to 0" {
			t.Errorf("2026-01-02: %q", daily)
		}
		delete(found, "2026-01-02")
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !slices.IsSortedFunc(got.Indices, func(a, b source.Index) int { return a.Created.Compare(b.Created) }) {
			t.Error("not in order of creation")
		}
		for _, index := range got.Indices {
			if index.Created.Before(before.Clock.Add(-2*time.Second)) || index.Created.After(time.Now().Add(2*time.Second)) {
				t.Errorf("%s was created at %v, the test began at the cluster's %v", index.Name, index.Created, before.Clock)
			}
		}

		uuids := uuidsOf(got)
		c.Do(t, "DELETE", base+"2026-01-02-15", "")
		c.Do(t, "DELETE", base+"000001", "")
		create("2026-01-02-15", `"number_of_shards":1`)
		c.Do(t, "POST", base+"2026-01-05/_open", "")
		testenv.Eventually(t, 30*time.Second, func() error {
			v := survey(t, s)
			found, again := summary(v, prefix), uuidsOf(v)
			switch {
			case found["000001"] != "":
				return errors.New("a deleted index is still there")
			case again["2026-01-02-15"] == uuids["2026-01-02-15"]:
				return errors.New("an index made again has its old UUID")
			case found["2026-01-05"] != "ready to -1":
				return fmt.Errorf("the opened index: %q", found["2026-01-05"])
			}
			return nil
		})
	})
}

func uuidsOf(v source.Survey) map[string]string {
	out := map[string]string{}
	for _, index := range v.Indices {
		_, name, _ := strings.Cut(index.Name, "jaeger-span-")
		out[name] = index.UUID
	}
	return out
}

func TestLiveEverySpanIsReadOnceWhileOthersWrite(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		settings := map[string]string{"by number of shards": `"number_of_shards":3`}
		if c.Flavor == testenv.OpenSearch {
			settings["with segment replication"] = `"number_of_shards":3,"index.replication.type":"SEGMENT"`
		}
		for name, setting := range settings {
			t.Run(name, func(t *testing.T) { readWhileOthersWrite(t, c, setting) })
		}
	})
}

func readWhileOthersWrite(t *testing.T, c *testenv.Cluster, setting string) {
	const writers, batches, batch = 3, 12, 40
	prefix := c.Prefix(t)
	index := prefix + "-jaeger-span-2026-01-02"
	c.Do(t, "PUT", "/"+index, `{"settings":{"number_of_replicas":0,`+setting+`},`+mapping+`}`)
	s := open(t, c, prefix, nil)

	var group errgroup.Group
	for w := range writers {
		group.Go(func() error {
			for b := range batches {
				from := (w*batches + b) * batch
				store(t, c, index, from, from+batch)
			}
			return nil
		})
	}
	written := make(chan struct{})
	go func() { _ = group.Wait(); close(written) }()

	at := map[int]int64{0: -1, 1: -1, 2: -1}
	seen := map[uint64]int{}
	for done := false; ; {
		select {
		case <-written:
			done = true
		default:
		}
		v := survey(t, s)
		for _, shard := range v.Indices[0].Shards {
			if !shard.Ready {
				t.Fatalf("shard %d is not ready", shard.Number)
			}
			r := source.Range{Index: index, UUID: v.Indices[0].UUID, Shard: shard.Number, After: at[shard.Number], Upto: shard.Upto, Surveyed: v.Taken}
			err := s.Read(t.Context(), r, func(p *source.Page) error {
				for i := range p.Spans {
					seen[p.Spans[i].SpanID]++
					if span := &p.Spans[i]; span.Kind != source.KindServer || span.Service != "shop" {
						t.Errorf("span %+v", span)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			at[shard.Number] = shard.Upto
		}
		if done {
			break
		}
	}
	for id := range uint64(writers * batches * batch) {
		if seen[id+1] != 1 {
			t.Fatalf("span %d was read %d times; %d spans of %d", id+1, seen[id+1], len(seen), writers*batches*batch)
		}
	}
}

func TestLiveSourceKeepsTheContract(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		prefix := c.Prefix(t)
		index := prefix + "-jaeger-span-2026-01-02"
		c.Do(t, "PUT", "/"+index, `{"settings":{"number_of_shards":3,"number_of_replicas":0},`+mapping+`}`)
		store(t, c, index, 0, 2500)
		sourcetest.Contract(t, open(t, c, prefix, nil))
		t.Run("compressed", func(t *testing.T) {
			sourcetest.Contract(t, open(t, c, prefix, func(c *elastic.Config) { c.Compression = true }))
		})
	})
}

func TestLiveOldSpansAreLeftOutAsFarAsAllowed(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		prefix := c.Prefix(t)
		index := prefix + "-jaeger-span-2026-01-02"
		since := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
		for _, mapped := range []string{mapping, `"mappings":{}`} {
			c.Do(t, "PUT", "/"+index, `{"settings":{"number_of_shards":1,"number_of_replicas":0},`+mapped+`}`)
			spans := []struct {
				name            string
				start, duration time.Duration
				wanted          bool
			}{
				{"ended long before", -3 * time.Hour, time.Second, false},
				{"began long before and ended after", -3 * time.Hour, 4 * time.Hour, true},
				{"began less than an hour before and ended after", -time.Hour + time.Second, time.Hour - time.Millisecond, true},
				{"began after", time.Minute, time.Millisecond, true},
			}
			for i, span := range spans {
				doc := jaeger.AppendDocument(nil, &jaeger.Document{SpanID: uint64(i + 1), TraceID: source.TraceID{1}, Service: "shop", Operation: span.name,
					Start: since.Add(span.start).UnixMicro(), Duration: span.duration.Microseconds()}, jaeger.Elevated)
				c.Do(t, "POST", "/"+index+"/_doc", string(doc))
			}
			c.Do(t, "POST", "/"+index+"/_doc", `{"traceID":"1","spanID":"9","operationName":"without startTimeMillis","startTime":1,"duration":1,"process":{"serviceName":"shop"}}`)

			s := open(t, c, prefix, nil)
			v := survey(t, s)
			got := map[string]bool{}
			r := source.Range{Index: index, UUID: v.Indices[0].UUID, After: -1, Upto: v.Indices[0].Shards[0].Upto, Surveyed: v.Taken, EndedSince: since}
			if err := s.Read(t.Context(), r, func(p *source.Page) error {
				for _, span := range p.Spans {
					got[strings.Clone(span.Operation)] = true
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{"without startTimeMillis": true}
			for _, span := range spans {
				if span.wanted {
					want[span.name] = true
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("mapped by %.30s (-want +got):\n%s", mapped, diff)
			}
			c.Do(t, "DELETE", "/"+index, "")
		}
	})
}

func TestLiveIndexThatGoesAwayIsNoLoss(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		for _, befalls := range []struct{ what, method, path string }{{"deleted", "DELETE", ""}, {"closed", "POST", "/_close"}} {
			prefix := c.Prefix(t)
			index := prefix + "-jaeger-span-2026-01-02"
			store(t, c, index, 0, 10)
			s := open(t, c, prefix, nil)
			v := survey(t, s)
			c.Do(t, befalls.method, "/"+index+befalls.path, "")
			shard := v.Indices[0].Shards[0]
			r := source.Range{Index: index, UUID: v.Indices[0].UUID, Shard: shard.Number, After: -1, Upto: max(0, shard.Upto), Surveyed: v.Taken}
			err := s.Read(t.Context(), r, func(*source.Page) error { t.Error("a page was handed over"); return nil })
			if source.KindOf(err) != source.Partial {
				t.Errorf("%s: got %v, want a partial answer", befalls.what, err)
			}
		}
	})
}
