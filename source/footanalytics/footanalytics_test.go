package footanalytics_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/footanalytics"
	"github.com/traceslo/traceslo/source/sourcetest"
)

// monday is a Monday, midnight UTC; on the Sunday before and the Tuesday after there are matches.
var monday = time.Date(2026, time.November, 16, 0, 0, 0, 0, time.UTC)

// allTags are the tags of the platform that differ from span to span, and some that do not exist.
var allTags = []string{
	"video.id", "request.id", "user.plan", "ml.model.version", "http.response.status_code", "rpc.grpc.status_code", "host.name",
	"deployment.environment", "service.version", "error.type", "error", "span.kind", "db.operation.name", "messaging.destination.name",
	"no.such.tag", "", "http.route",
}

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func open(t testing.TB, o footanalytics.Options) *footanalytics.Source {
	t.Helper()
	s, err := footanalytics.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rangeOf returns the range of what ended in [from, to), by whole seconds.
func rangeOf(t testing.TB, s *footanalytics.Source, from, to time.Time) source.Range {
	t.Helper()
	survey, err := s.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return source.Range{Index: survey.Indices[0].Name, UUID: survey.Indices[0].UUID, After: from.Unix() - 1, Upto: to.Unix() - 1}
}

// read returns copies of all spans of a range.
func read(t testing.TB, s *footanalytics.Source, r source.Range) []source.Span {
	t.Helper()
	spans, err := copies(t.Context(), s, r)
	if err != nil {
		t.Fatal(err)
	}
	return spans
}

func copies(ctx context.Context, s source.Source, r source.Range) (spans []source.Span, err error) {
	err = s.Read(ctx, r, func(p *source.Page) error {
		for _, span := range p.Spans {
			span.Tags = slices.Clone(span.Tags)
			spans = append(spans, span)
		}
		return nil
	})
	return spans, err
}

func TestSourceKeepsTheContract(t *testing.T) {
	sourcetest.Contract(t, open(t, footanalytics.Options{Seed: 1, History: 3 * time.Minute, Clock: at(monday), Tags: allTags}))
}

func TestSameSeedSameSpans(t *testing.T) {
	o := footanalytics.Options{Seed: 7, History: time.Hour, Clock: at(monday), Tags: allTags}
	first := open(t, o)
	from, to := monday.Add(-2*time.Minute), monday
	want := read(t, first, rangeOf(t, first, from, to))

	again := open(t, o)
	if !reflect.DeepEqual(want, read(t, again, rangeOf(t, again, from, to))) {
		t.Error("the same options make other spans")
	}
	o.Clock = at(monday.Add(10 * time.Minute))
	later := open(t, o)
	if !reflect.DeepEqual(want, read(t, later, rangeOf(t, later, from, to))) {
		t.Error("the same options make other spans ten minutes later")
	}
	if a, b := rangeOf(t, first, from, to).UUID, rangeOf(t, later, from, to).UUID; a != b {
		t.Errorf("the same spans are in index %q and in index %q", a, b)
	}
	o.Seed++
	other := open(t, o)
	if reflect.DeepEqual(want, read(t, other, rangeOf(t, other, from, to))) {
		t.Error("another seed makes the same spans")
	}
	if a, b := rangeOf(t, first, from, to).UUID, rangeOf(t, other, from, to).UUID; a == b {
		t.Errorf("other spans are in the same index %q", a)
	}
}

func TestAnyRangeIsReadAlone(t *testing.T) {
	s := open(t, footanalytics.Options{Seed: 3, History: time.Hour, Clock: at(monday), Tags: allTags,
		Faults: []footanalytics.Fault{{Kind: footanalytics.SlowInference, From: monday.Add(-time.Hour)}}})
	from := monday.Add(-5 * time.Minute)
	want := read(t, s, rangeOf(t, s, from, monday))
	for _, step := range []time.Duration{time.Second, 7 * time.Second, 2 * time.Minute} {
		var got []source.Span
		for begin := from; begin.Before(monday); begin = begin.Add(step) {
			end := begin.Add(step)
			if end.After(monday) {
				end = monday
			}
			spans := read(t, s, rangeOf(t, s, begin, end))
			for _, span := range spans {
				if ended := time.UnixMicro(span.End()); ended.Before(begin) || !ended.Before(end) {
					t.Fatalf("a span that ended at %v is in [%v, %v)", ended, begin, end)
				}
			}
			got = append(got, spans...)
		}
		if !reflect.DeepEqual(want, got) {
			t.Errorf("in steps of %v (-whole +steps):\n%s", step, cmp.Diff(want, got))
		}
	}

	r := rangeOf(t, s, from, monday)
	r.EndedSince = from.Add(time.Minute)
	if diff := cmp.Diff(read(t, s, rangeOf(t, s, r.EndedSince, monday)), read(t, s, r)); diff != "" {
		t.Errorf("ended since (-want +got):\n%s", diff)
	}

	r = rangeOf(t, s, from, monday)
	var group errgroup.Group
	for range 4 {
		group.Go(func() error {
			got, err := copies(t.Context(), s, r)
			if err == nil && !reflect.DeepEqual(want, got) {
				err = errors.New("read side by side, the spans are others")
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestSurveyTellsOfSecondsThatAreOver(t *testing.T) {
	now := monday.Add(500 * time.Millisecond)
	s := open(t, footanalytics.Options{History: time.Hour, Clock: func() time.Time { return now }})
	upto := func() int64 {
		t.Helper()
		survey, err := s.Survey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if index := survey.Indices[0]; index.Name != footanalytics.Index || !index.Created.Equal(monday.Add(-time.Hour)) || !survey.Clock.Equal(now) || !survey.Taken.Equal(now) {
			t.Errorf("at %v the survey is %+v", now, survey)
		}
		shard := survey.Indices[0].Shards[0]
		if !shard.Ready || shard.Max < shard.Upto {
			t.Errorf("at %v the shard is %+v", now, shard)
		}
		return shard.Upto
	}
	if got, want := upto(), monday.Unix()-1; got != want {
		t.Errorf("up to %d, want %d", got, want)
	}
	now = now.Add(500 * time.Millisecond)
	if got, want := upto(), monday.Unix(); got != want {
		t.Errorf("half a second later up to %d, want %d", got, want)
	}
	now = monday.Add(-2 * time.Hour)
	if got := upto(); got != -1 {
		t.Errorf("before the index was made up to %d, want -1", got)
	}
}

func TestNothingIsOlderThanTheHistory(t *testing.T) {
	s := open(t, footanalytics.Options{History: time.Minute, Clock: at(monday)})
	r := rangeOf(t, s, monday, monday)
	r.After = -1
	spans := read(t, s, r)
	if len(spans) == 0 {
		t.Fatal("no spans")
	}
	for _, span := range spans {
		if ended := time.UnixMicro(span.End()); ended.Before(monday.Add(-time.Minute)) {
			t.Errorf("a span ended at %v", ended)
		}
	}
}

func TestReadRefusesAnotherIndex(t *testing.T) {
	s := open(t, footanalytics.Options{Clock: at(monday)})
	r := rangeOf(t, s, monday, monday)
	r.UUID = "another"
	err := s.Read(t.Context(), r, func(*source.Page) error { return nil })
	if source.KindOf(err) != source.Foreign {
		t.Errorf("got %v, want an error of kind %q", err, source.Foreign)
	}
}

func TestPagesAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		rate float64
		span time.Duration
	}{
		"a quiet platform": {0.001, 2 * time.Hour},
		"a busy platform":  {500, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, footanalytics.Options{Rate: c.rate, Clock: at(monday), History: 3 * time.Hour})
			r := rangeOf(t, s, monday.Add(-c.span), monday)
			pages, last := 0, r.After
			err := s.Read(t.Context(), r, func(p *source.Page) error {
				pages++
				if len(p.Spans) > 20_000 || p.Last-last > 3600 {
					t.Errorf("a page holds %d spans of %d s", len(p.Spans), p.Last-last)
				}
				last = p.Last
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if pages < 2 || last != r.Upto {
				t.Errorf("%d pages up to %d, want several up to %d", pages, last, r.Upto)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		o    footanalytics.Options
		want string
	}{
		"a negative rate":    {footanalytics.Options{Rate: -1}, "rate -1"},
		"a rate beyond use":  {footanalytics.Options{Rate: 1e6}, "at most 10000"},
		"a negative history": {footanalytics.Options{History: -time.Second}, "history -1s"},
		"an unknown fault":   {footanalytics.Options{Faults: []footanalytics.Fault{{Kind: "flood"}}}, `"flood"`},
		"a fault that ends before it begins": {footanalytics.Options{Faults: []footanalytics.Fault{
			{Kind: footanalytics.SlowInference, From: monday, To: monday}}}, "end after it begins"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := footanalytics.New(c.o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for name, tags := range map[string][]string{"no tags": nil, "two tags": {"deployment.environment", "ml.model.version"}} {
		b.Run(name, func(b *testing.B) {
			s := open(b, footanalytics.Options{Seed: 1, Clock: at(monday), History: 30 * 24 * time.Hour, Tags: tags})
			r := rangeOf(b, s, monday.Add(-7*24*time.Hour), monday)
			spans, traces := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				err := s.Read(b.Context(), r, func(p *source.Page) error {
					spans += len(p.Spans)
					for i := range p.Spans {
						if p.Spans[i].Root {
							traces++
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(spans), "ns/span")
			b.ReportMetric(float64(spans)/float64(b.N), "spans/week")
			b.ReportMetric(float64(spans)/float64(traces), "spans/trace")
		})
	}
}

// BenchmarkPoll is what a daemon asks for when it is up to date: the last five seconds.
func BenchmarkPoll(b *testing.B) {
	s := open(b, footanalytics.Options{Seed: 1, Clock: at(monday), History: time.Hour})
	r := rangeOf(b, s, monday.Add(-5*time.Second), monday)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Read(b.Context(), r, func(*source.Page) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
