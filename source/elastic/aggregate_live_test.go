package elastic_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
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
	"github.com/traceslo/traceslo/source/sourcetest"
)

// fineBounds are some bounds of buckets, no multiples of anything.
var fineBounds = func() (bounds []uint64) {
	for b := 0.9; b < 1e9; b *= 1.3 {
		bounds = append(bounds, uint64(b))
	}
	return slices.Compact(bounds)
}()

// A ledger is what counting makes of a shard: how many spans of each kind there
// are, and the sums of their durations.
type ledger struct {
	Spans     map[string]uint64
	Durations map[string]uint64
	// windows are the pages that have groups.
	windows []window
	// last is the number up to which pages came.
	last int64
	// since is before when spans ended that are left out, in microseconds.
	since int64
}

// A window is what a page has besides groups, which is of the numbers behind after, up to last.
type window struct {
	after, last      int64
	singly, examples map[string]bool // spans as text
}

func newLedger() *ledger {
	return &ledger{Spans: map[string]uint64{}, Durations: map[string]uint64{}, last: -1}
}

func (l *ledger) count(s source.Span, n, micros uint64) {
	if s.End() < l.since {
		return
	}
	minute := s.End() / 60_000_000
	if s.End() < 0 {
		minute = (s.End()+1)/60_000_000 - 1
	}
	fine, _ := slices.BinarySearch(fineBounds, uint64(s.Duration))
	set := fmt.Sprintf("%q %q %v %q %v %q minute %d", s.Service, s.Operation, s.Kind, s.Tags, s.Failed, s.ErrorType, minute)
	l.Spans[fmt.Sprintf("%s root=%v bucket %d", set, s.Root, fine)] += n
	l.Durations[set] += micros
}

func (l *ledger) page(p *source.Page) error {
	for _, s := range p.Spans {
		l.count(s, 1, uint64(s.Duration))
	}
	for _, g := range p.Groups {
		l.count(g.Span, g.Count, g.Duration)
	}
	if len(p.Groups) > 0 {
		l.windows = append(l.windows, window{after: l.last, last: p.Last, singly: texts(p.Spans), examples: texts(p.Examples)})
	}
	l.last = p.Last
	return nil
}

func texts(spans []source.Span) map[string]bool {
	texts := map[string]bool{}
	for i := range spans {
		texts[fmt.Sprintf("%+v", spans[i])] = true
	}
	return texts
}

// told returns those of the documents of which doc values tell the truth, as of all that Jaeger writes.
func told(docs []stored) (told []string) {
	for _, s := range docs {
		if s.want != "rest" && (strings.Contains(s.doc, `["b"`) || strings.Contains(s.doc, `["server"`) || strings.Contains(s.doc, `[1,2]`) || strings.Contains(s.doc, "xyz")) || s.name == "kind endless and listed" {
			continue
		}
		told = append(told, s.doc)
	}
	return told
}

// invented returns documents of some services around some minutes, in both layouts.
func invented(rng *rand.Rand, n int) (docs []string) {
	const at = int64(1767225600_000000)
	for i := range n {
		kind := source.Kind(rng.IntN(int(source.Kinds)))
		var tags []jaeger.Tag
		if kind != source.KindUnspecified {
			tags = append(tags, jaeger.String("span.kind", kind.String()))
		}
		var logs []jaeger.Log
		if rng.IntN(20) == 0 {
			tags = append(tags, jaeger.Bool("error", rng.IntN(4) > 0))
			if rng.IntN(3) == 0 {
				tags = append(tags, jaeger.String("error.type", []string{"io", "timeout", ""}[rng.IntN(3)]))
			}
			if rng.IntN(3) == 0 {
				tags = append(tags, jaeger.Int("http.response.status_code", []int64{200, 404, 500}[rng.IntN(3)]))
			}
			if rng.IntN(6) == 0 {
				logs = append(logs, jaeger.Exception(at, "NullPointerException", "", ""))
			}
		}
		if rng.IntN(30) == 0 {
			tags = append(tags, jaeger.String("env", []string{"prod", "test"}[rng.IntN(2)]))
		}
		start := at + rng.Int64N(150_000_000)
		if rng.IntN(20) == 0 {
			start -= int64(1+rng.IntN(3)) * 3600_000_000 // late
		}
		duration := int64(rng.ExpFloat64() * []float64{800, 30_000, 900_000, 9e6}[rng.IntN(4)])
		if rng.IntN(50) == 0 { // ends at the very end of a minute, or at the beginning of the next
			start = (start/60_000_000+1)*60_000_000 - duration - int64(rng.IntN(3)-1)
		}
		layout := jaeger.Elevated
		if rng.IntN(6) == 0 {
			layout = jaeger.Nested
		}
		doc := string(jaeger.AppendDocument(nil, &jaeger.Document{TraceID: source.TraceID{0: byte(i), 15: 1}, SpanID: uint64(i + 1), Parent: uint64(rng.IntN(3)), Operation: fmt.Sprintf("op %d", rng.IntN(12)),
			Service: fmt.Sprintf("shop-%d", rng.IntN(3)), Start: start, Duration: duration, Tags: tags, Logs: logs}, layout))
		if layout == jaeger.Elevated {
			further := []string{fmt.Sprintf(`"shard@id":"%d"`, rng.IntN(3)), `"env":"prod"`}[:min(2, rng.IntN(40))]
			if strings.Contains(doc, `"error":true`) && rng.IntN(2) == 0 { // as tags_as_fields has it
				further = append(further, fmt.Sprintf(`"error@type":"e%d"`, rng.IntN(3)), fmt.Sprintf(`"http@response@status_code":%d`, 500+rng.IntN(3)))
			}
			doc = strings.Replace(doc, `"tag":{`, `"tag":{`+strings.Join(append(further, ""), ","), 1)
			doc = strings.Replace(doc, `,}`, `}`, 1)
		}
		docs = append(docs, doc)
	}
	return docs
}

func TestLiveCountedSpansAreThoseOfTheirDocuments(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	docs := slices.Concat(told(written()), recorded(t, "hotrod-v2"), recorded(t, "hotrod-v1")[:60], invented(rng, 6000))
	rng.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		prefix := c.Prefix(t)
		index := prefix + "-jaeger-span-2026-01-02"
		body := strings.Replace(string(jaeger.Template{Shards: 2}.Index()), `"settings":{`, `"settings":{"index.refresh_interval":"-1",`, 1)
		c.Do(t, "PUT", "/"+index, body)
		keep(t, c, index, docs)
		keep(t, c, index, docs[:400]) // overwritten: their first numbers are gone
		for _, reader := range []struct {
			name    string
			tags    []string
			roots   bool
			first   int64
			least   int64
			buckets int
			after   time.Duration
		}{
			{"windows of all", nil, false, 50_000, 100, 60_000, 0},
			{"small windows", nil, true, 700, 100, 60_000, 0},
			{"few buckets", []string{"shard.id", "env"}, true, 50_000, 100, 5000, 0},
			{"tags", []string{"shard.id", "env"}, false, 3000, 100, 60_000, 0},
			{"from a minute on", nil, false, 3000, 100, 60_000, time.Minute},
			{"from within a minute on", nil, false, 3000, 100, 60_000, 70 * time.Second},
		} {
			read, examples := &counts{}, 0
			o := elastic.Options{Config: elastic.Default(), Tags: reader.tags, Roots: reader.roots, Fine: fineBounds, Watch: read, Log: zerolog.New(zerolog.NewTestWriter(t))}
			o.Config.Addresses, o.Config.IndexPrefix, o.Config.TLS.CAFile, o.Config.Read = []string{c.URL}, prefix, c.CAFile, elastic.Aggregations
			s := openConfig(t, o)
			elastic.SetCounting(s, reader.first, reader.least, reader.buckets)
			v := survey(t, s)
			for _, shard := range v.Indices[0].Shards {
				want, got := newLedger(), newLedger()
				r := all(v, v.Indices[0], shard.Number)
				if reader.after > 0 {
					r.EndedSince = time.UnixMicro(1767225600_000000).Add(reader.after)
					want.since, got.since = r.EndedSince.UnixMicro(), r.EndedSince.UnixMicro()
				}
				if err := s.Read(t.Context(), r, got.page); err != nil {
					t.Fatal(err)
				}
				whole := byDocuments(t, c, index, shard.Number, reader.tags, reader.roots)
				if err := want.page(&source.Page{Spans: whole.spans}); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(ledger{})); diff != "" {
					t.Errorf("%s, shard %d (-documents +counted):\n%s", reader.name, shard.Number, diff)
				}
				stored := texts(whole.spans)
				for _, w := range got.windows {
					for example := range w.examples {
						if !stored[example] {
							t.Errorf("%s, shard %d: nowhere is the example %s", reader.name, shard.Number, example)
						}
					}
					examples += len(w.examples)
					for i, number := range whole.numbers {
						// Ten is the least of the newest of a window that are shown, if they are counted.
						newest := number > max(w.after, w.last-10) && number <= w.last
						if span := fmt.Sprintf("%+v", whole.spans[i]); newest && whole.spans[i].End() >= want.since && !w.singly[span] && !w.examples[span] {
							t.Errorf("%s, shard %d: %d of the window up to %d was counted, and is no example: %s", reader.name, shard.Number, number, w.last, span)
						}
					}
				}
			}
			t.Logf("%s: %v", reader.name, maps.Collect(maps.All(read.by)))
			if n := read.of("aside: unproven"); n > 0 {
				t.Errorf("%s: %d windows were not proven", reader.name, n)
			}
			if examples == 0 {
				t.Errorf("%s: no examples", reader.name)
			}
			if read.of("counted") < 1000 {
				t.Errorf("%s: %d spans were counted, %d read whole, %d lean", reader.name, read.of("counted"), read.of("whole"), read.of("lean"))
			}
		}
		o := elastic.Options{Config: elastic.Default(), Fine: fineBounds, Log: zerolog.New(zerolog.NewTestWriter(t))}
		o.Config.Addresses, o.Config.IndexPrefix, o.Config.TLS.CAFile, o.Config.Read = []string{c.URL}, prefix, c.CAFile, elastic.Aggregations
		s := openConfig(t, o)
		elastic.SetCounting(s, 500, 100, 60_000)
		sourcetest.Contract(t, s)
	})
}

func TestLiveReportTellsWhatTheClusterCounts(t *testing.T) {
	const minute = int64(1767225600_000000)
	docs := func(n, parent int, layout jaeger.Layout, fields string, tags ...jaeger.Tag) (docs []string) {
		for i := range n {
			doc := string(jaeger.AppendDocument(nil, &jaeger.Document{TraceID: source.TraceID{15: 1}, SpanID: uint64(i + 1), Parent: uint64(parent), Operation: "op", Service: "shop",
				Start: minute + int64(i), Duration: 5000, Tags: append(tags, jaeger.String("span.kind", "server"))}, layout))
			docs = append(docs, strings.Replace(doc, `"tag":{`, `"tag":{`+fields, 1))
		}
		return docs
	}
	parentless := func(docs []string) []string {
		for i := range docs {
			docs[i] = strings.Replace(docs[i], `"parentSpanID"`, `"noID"`, 1)
		}
		return docs
	}
	const tenant = `"tenant@id":"a",`
	failed := jaeger.Bool("error", true)
	for _, test := range []struct {
		name string
		docs []string
		want []string
	}{
		{"Jaeger of now", slices.Concat(
			docs(300, 0, jaeger.Elevated, tenant),
			docs(40, 0, jaeger.Elevated, "", jaeger.String("tenant.id", "a")),
			docs(30, 0, jaeger.Elevated, tenant, failed, jaeger.String("error.type", "io")),
			docs(20, 0, jaeger.Elevated, tenant+`"error@type":"io",`, failed),
			docs(10, 0, jaeger.Elevated, tenant, failed, jaeger.Int("http.response.status_code", 500)),
			parentless(docs(15, 2, jaeger.Elevated, tenant)),
		), []string{
			`ok: of the newest 415 spans of "INDEX" the cluster can count 300; `,
			`warning: 40 of them have the tag "tenant.id" in a list, where it cannot be counted, and are read as documents; elevate it with Jaeger's tags_as_fields`,
			`ok: 40 of them failed, and are read as documents: not all that counting them needs is in fields; 30 have error.type in a list: elevated with Jaeger's tags_as_fields, they cost the cluster about half as much`,
			`warning: 15 of them tell their parent in a list alone, as before Jaeger 2.20, which root_only has read as documents; update Jaeger, or leave root_only out`,
		}},
		{"Jaeger of old, most failed", slices.Concat(
			docs(200, 0, jaeger.Nested, "", failed, jaeger.String("tenant.id", "a"), jaeger.String("error.type", "io")),
			docs(100, 0, jaeger.Nested, "", jaeger.String("tenant.id", "a")),
		), []string{
			`warning: of the newest 300 spans of "INDEX" the cluster can count 0; the others are read as documents, which costs as much as read: documents`,
			`warning: 300 of them have the tag "tenant.id" in a list, where it cannot be counted, and are read as documents; elevate it with Jaeger's tags_as_fields`,
			`ok: 200 of them failed, and are read as documents: not all that counting them needs is in fields; `,
		}},
		{"nothing", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
				prefix := c.Prefix(t)
				index := prefix + "-jaeger-span-2026-01-02"
				c.Do(t, "PUT", "/"+index, string(jaeger.Template{Shards: 1}.Index()))
				if len(test.docs) > 0 {
					keep(t, c, index, test.docs)
				}
				o := elastic.Options{Config: elastic.Default(), Tags: []string{"tenant.id"}, Roots: true, Fine: fineBounds, Log: zerolog.New(zerolog.NewTestWriter(t))}
				o.Config.Addresses, o.Config.IndexPrefix, o.Config.TLS.CAFile, o.Config.Read = []string{c.URL}, prefix, c.CAFile, elastic.Aggregations
				var found []string
				for _, f := range openConfig(t, o).Live(t.Context()).Findings {
					if strings.Contains(f.Text, "count") || strings.Contains(f.Text, " of them ") {
						found = append(found, fmt.Sprintf("%s: %s; %s", f.Level, strings.ReplaceAll(f.Text, index, "INDEX"), f.Cure))
					}
				}
				if diff := cmp.Diff(test.want, found); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}
