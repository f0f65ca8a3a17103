package footanalytics_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/footanalytics"
	"github.com/traceslo/traceslo/source/jaeger"
)

// both is every fault at once, for ever.
var both = []footanalytics.Fault{{Kind: footanalytics.SlowInference}, {Kind: footanalytics.FailingUploads}}

func TestDocumentsAreTheSpansThatAreCounted(t *testing.T) {
	s := open(t, footanalytics.Options{Seed: 12, Rate: 1000, History: time.Hour, Clock: at(monday), Tags: allTags, Faults: both})
	r := rangeOf(t, s, monday.Add(-6*time.Minute), monday)
	// By place in the range: all spans that failed, for there are many ways, and one in fifty of the rest.
	want, count := map[int]source.Span{}, 0
	errorTypes := map[string]bool{}
	err := s.Read(t.Context(), r, func(p *source.Page) error {
		for _, span := range p.Spans {
			if span.Failed || count%50 == 0 {
				span.Tags = slices.Clone(span.Tags)
				want[count] = span
				errorTypes[span.ErrorType] = true
			}
			if span.Failed != (span.ErrorType != "") {
				return fmt.Errorf("failed is %v and the error type %q", span.Failed, span.ErrorType)
			}
			count++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, errorType := range []string{"TimeoutError", "CUDAOutOfMemoryError", "S3UploadError", "404", "503", "RESOURCE_EXHAUSTED", "unknown"} {
		if !errorTypes[errorType] {
			t.Errorf("no span failed by %q", errorType)
		}
	}
	for name, layout := range map[string]jaeger.Layout{"as Jaeger v1 writes": jaeger.Nested, "as Jaeger v2 writes": jaeger.Elevated} {
		t.Run(name, func(t *testing.T) {
			decoder := jaeger.NewDecoder(allTags, "")
			documents := 0
			var doc []byte
			err := s.Documents(t.Context(), r, func(d *jaeger.Document) error {
				i := documents
				documents++
				counted, ok := want[i]
				if !ok {
					return nil
				}
				decoder.Reset()
				doc = jaeger.AppendDocument(doc[:0], d, layout)
				var decoded source.Span
				if reason := decoder.Decode(doc, &decoded); reason != "" || !json.Valid(doc) {
					return fmt.Errorf("%s: %s", reason, doc)
				}
				if !reflect.DeepEqual(counted, decoded) {
					return fmt.Errorf("span %d (-counted +decoded):\n%s", i, cmp.Diff(counted, decoded))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if documents != count {
				t.Errorf("%d documents of %d spans", documents, count)
			}
		})
	}
}

// spanKey names a span among all.
type spanKey struct {
	trace source.TraceID
	id    uint64
}

// family returns the whole traces that began in an hour, by span.
func family(t *testing.T, s *footanalytics.Source, from time.Time) map[spanKey]jaeger.Document {
	t.Helper()
	spans := map[spanKey]jaeger.Document{}
	begun := map[source.TraceID]bool{}
	err := s.Documents(t.Context(), rangeOf(t, s, from, from.Add(time.Hour+5*time.Minute)), func(d *jaeger.Document) error {
		key := spanKey{d.TraceID, d.SpanID}
		if _, twice := spans[key]; twice || d.SpanID == 0 {
			t.Errorf("span %x of trace %x is there twice, or has no id", d.SpanID, d.TraceID)
		}
		spans[key] = jaeger.Document{TraceID: d.TraceID, SpanID: d.SpanID, Parent: d.Parent, Service: d.Service, Operation: d.Operation, Start: d.Start, Duration: d.Duration}
		if start := time.UnixMicro(d.Start); d.Parent == 0 && !start.Before(from) && start.Before(from.Add(time.Hour)) {
			begun[d.TraceID] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range spans {
		if !begun[key.trace] {
			delete(spans, key)
		}
	}
	if len(spans) < 10_000 {
		t.Fatalf("only %d spans", len(spans))
	}
	return spans
}

func TestSpansLieWithinTheirParents(t *testing.T) {
	s := open(t, footanalytics.Options{Seed: 6, Rate: 5, History: 3 * time.Hour, Clock: at(monday), Faults: both})
	spans := family(t, s, monday.Add(-2*time.Hour))
	roots := map[source.TraceID]int{}
	for key, child := range spans {
		if child.Duration < 0 {
			t.Errorf("%s lasts %d µs", child.Operation, child.Duration)
		}
		if child.Parent == 0 {
			roots[key.trace]++
			continue
		}
		parent, ok := spans[spanKey{key.trace, child.Parent}]
		if !ok {
			t.Errorf("the parent of %s is in no trace", child.Operation)
			continue
		}
		parentEnd := parent.Start + parent.Duration
		if child.Operation == "video.process" {
			if child.Start < parentEnd {
				t.Errorf("a message is handled %d µs before it is sent", parentEnd-child.Start)
			}
			continue
		}
		if child.Start < parent.Start || child.Start+child.Duration > parentEnd {
			t.Errorf("%s is [%d, %d), and its parent %s [%d, %d)", child.Operation, child.Start, child.Start+child.Duration, parent.Operation, parent.Start, parentEnd)
		}
	}
	for key := range spans {
		if roots[key.trace] != 1 {
			t.Errorf("trace %x has %d roots", key.trace, roots[key.trace])
		}
	}
}

// TestServicesCallEachOtherAsDesigned holds the table of journeys to the
// platform's list of calls.
func TestServicesCallEachOtherAsDesigned(t *testing.T) {
	s := open(t, footanalytics.Options{Seed: 6, Rate: 5, History: 3 * time.Hour, Clock: at(monday)})
	spans := family(t, s, monday.Add(-2*time.Hour))
	calls := map[string]map[string]bool{}
	for key, child := range spans {
		if parent, ok := spans[spanKey{key.trace, child.Parent}]; ok && parent.Service != child.Service {
			if calls[parent.Service] == nil {
				calls[parent.Service] = map[string]bool{}
			}
			calls[parent.Service][child.Service] = true
		}
	}
	got := map[string][]string{}
	for from, to := range calls {
		for service := range to {
			got[from] = append(got[from], service)
		}
		slices.Sort(got[from])
	}
	want := map[string][]string{
		"api-gateway":     {"analytics-engine", "user-management", "video-ingestion"},
		"video-ingestion": {"database", "ml-pipeline", "s3-storage"},
		"ml-pipeline":     {"gpu-cluster", "model-storage", "result-cache"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-design +spans):\n%s", diff)
	}
}

// TestOperationsAreThoseThatPeopleName keeps the names that configurations and boards use.
func TestOperationsAreThoseThatPeopleName(t *testing.T) {
	s := open(t, footanalytics.Options{Seed: 6, Rate: 5, History: 3 * time.Hour, Clock: at(monday)})
	got := map[string]bool{}
	for _, span := range read(t, s, rangeOf(t, s, monday.Add(-2*time.Hour), monday.Add(-time.Hour))) {
		got[span.Service+" "+span.Operation+" "+span.Kind.String()] = true
	}
	for _, want := range []string{
		"api-gateway GET /api/v1/matches/{id} server",
		"video-ingestion publish video.uploaded producer",
		"video-ingestion video.process consumer",
		"video-ingestion video.upload.s3 client",
		"ml-pipeline ml.inference server",
		"ml-pipeline ml.preprocessing internal",
		"ml-pipeline ml.model.inference internal",
		"ml-pipeline ml.postprocessing internal",
	} {
		if !got[want] {
			t.Errorf("no span %q", want)
		}
	}
}

func BenchmarkDocuments(b *testing.B) {
	s := open(b, footanalytics.Options{Seed: 1, Clock: at(monday), History: 24 * time.Hour})
	r := rangeOf(b, s, monday.Add(-time.Hour), monday)
	var doc []byte
	spans, bytes := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		err := s.Documents(b.Context(), r, func(d *jaeger.Document) error {
			doc = jaeger.AppendDocument(doc[:0], d, jaeger.Elevated)
			spans++
			bytes += len(doc)
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(spans), "ns/span")
	b.ReportMetric(float64(bytes)/float64(spans), "B/span")
}
