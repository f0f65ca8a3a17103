package footanalytics_test

import (
	"slices"
	"testing"
	"time"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/footanalytics"
)

// quantile returns the q-quantile of the durations of the spans that ask picks.
func quantile(t *testing.T, spans []source.Span, q float64, ask func(*source.Span) bool) time.Duration {
	t.Helper()
	var durations []int64
	for i := range spans {
		if ask(&spans[i]) {
			durations = append(durations, spans[i].Duration)
		}
	}
	if len(durations) < 100 {
		t.Fatalf("only %d such spans", len(durations))
	}
	slices.Sort(durations)
	return time.Duration(durations[int(q*float64(len(durations)))]) * time.Microsecond
}

// failing returns the share of failed spans among those that ask picks.
func failing(t *testing.T, spans []source.Span, ask func(*source.Span) bool) float64 {
	t.Helper()
	all, failed := 0.0, 0.0
	for i := range spans {
		if ask(&spans[i]) {
			all++
			if spans[i].Failed {
				failed++
			}
		}
	}
	if all < 100 {
		t.Fatalf("only %v such spans", all)
	}
	return failed / all
}

// entry picks what alerts look at: the spans in which a service is called, and roots.
func entry(service string) func(*source.Span) bool {
	return func(s *source.Span) bool {
		return s.Service == service && (s.Kind == source.KindServer || s.Kind == source.KindConsumer || s.Root)
	}
}

func named(service, operation string) func(*source.Span) bool {
	return func(s *source.Span) bool { return s.Service == service && s.Operation == operation }
}

func TestFaultsShow(t *testing.T) {
	from, to := monday.Add(18*time.Hour), monday.Add(19*time.Hour)
	during := func(kinds ...footanalytics.FaultKind) []source.Span {
		o := footanalytics.Options{Seed: 2, Rate: 20, History: 30 * time.Hour, Clock: at(monday.Add(24 * time.Hour)), Calm: true}
		for _, k := range kinds {
			o.Faults = append(o.Faults, footanalytics.Fault{Kind: k, From: from.Add(-10 * time.Minute), To: to})
		}
		s := open(t, o)
		return read(t, s, rangeOf(t, s, from, to))
	}
	t.Run("a calm platform keeps what it promises", func(t *testing.T) {
		spans := during()
		for _, service := range []string{"api-gateway", "video-ingestion", "ml-pipeline"} {
			if got := failing(t, spans, entry(service)); got > 0.02 {
				t.Errorf("%.2f %% of the calls of %s fail", 100*got, service)
			}
			if got := quantile(t, spans, 0.95, entry(service)); got > 4500*time.Millisecond {
				t.Errorf("the p95 of %s is %v", service, got)
			}
		}
		if got := failing(t, spans, entry("api-gateway")); got > 0.002 || got == 0 {
			t.Errorf("%.3f %% of the calls of api-gateway fail", 100*got)
		}
	})
	t.Run("slow inference", func(t *testing.T) {
		spans := during(footanalytics.SlowInference)
		if got := quantile(t, spans, 0.95, named("ml-pipeline", "ml.inference")); got < 8*time.Second {
			t.Errorf("the p95 of ml.inference is %v", got)
		}
		if got := quantile(t, spans, 0.95, entry("ml-pipeline")); got < 8*time.Second {
			t.Errorf("the p95 of ml-pipeline is %v", got)
		}
		if got := failing(t, spans, entry("api-gateway")); got > 0.002 {
			t.Errorf("%.2f %% of the calls of api-gateway fail", 100*got)
		}
	})
	t.Run("failing uploads", func(t *testing.T) {
		spans := during(footanalytics.FailingUploads)
		if got := failing(t, spans, named("video-ingestion", "video.upload.s3")); got < 0.3 || got > 0.5 {
			t.Errorf("%.0f %% of the uploads fail, want 40 %%", 100*got)
		}
		if got := failing(t, spans, entry("video-ingestion")); got < 0.1 {
			t.Errorf("%.1f %% of the calls of video-ingestion fail", 100*got)
		}
		types := map[string]int{}
		for i := range spans {
			if s := &spans[i]; s.Failed && s.Operation == "video.upload.s3" {
				types[s.ErrorType]++
			}
		}
		if len(types) != 1 || types["S3UploadError"] == 0 {
			t.Errorf("the uploads fail by %v, want S3UploadError only", types)
		}
	})
}

func TestFaultsComeAFewTimesAWeek(t *testing.T) {
	for seed := range uint64(5) {
		s := open(t, footanalytics.Options{Seed: seed, History: 40 * 24 * time.Hour, Clock: at(monday)})
		from := monday.AddDate(0, 0, -28)
		count := map[footanalytics.FaultKind]int{}
		for _, f := range s.Faults(from, monday) {
			count[f.Kind]++
			if lasts := f.To.Sub(f.From); lasts < 10*time.Minute || lasts > time.Hour {
				t.Errorf("seed %d: %v lasts %v", seed, f, lasts)
			}
			if !f.From.Before(monday) || !f.To.After(from) {
				t.Errorf("seed %d: %v is outside of what was asked", seed, f)
			}
		}
		for _, k := range footanalytics.FaultKinds {
			if count[k] < 8 || count[k] > 16 {
				t.Errorf("seed %d: %d times %q in four weeks", seed, count[k], k)
			}
		}
	}
}

func TestFaultsHappenWhenTheyAreToldOf(t *testing.T) {
	s := open(t, footanalytics.Options{Seed: 4, Rate: 40, History: 40 * 24 * time.Hour, Clock: at(monday)})
	uploads := named("video-ingestion", "video.upload.s3")
	for _, f := range s.Faults(monday.AddDate(0, 0, -6), monday.AddDate(0, 0, -1)) {
		if f.Kind != footanalytics.FailingUploads {
			continue
		}
		// A minute lies between the begin of a trace and the end of its upload at most.
		if got := failing(t, read(t, s, rangeOf(t, s, f.From.Add(time.Minute), f.To)), uploads); got < 0.2 {
			t.Errorf("in %v %.0f %% of the uploads fail", f, 100*got)
		}
		if got := failing(t, read(t, s, rangeOf(t, s, f.To.Add(time.Minute), f.To.Add(20*time.Minute))), uploads); got > 0.05 {
			t.Errorf("after %v %.0f %% of the uploads fail", f, 100*got)
		}
	}
}

func TestCalmHasNoFaults(t *testing.T) {
	s := open(t, footanalytics.Options{Calm: true, Clock: at(monday)})
	if got := s.Faults(monday.AddDate(-1, 0, 0), monday); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestFaultsSwitchedOnByHand(t *testing.T) {
	from := monday.Add(time.Hour)
	want := footanalytics.Fault{Kind: footanalytics.SlowInference, From: from}
	s := open(t, footanalytics.Options{Calm: true, Clock: at(monday), Faults: []footanalytics.Fault{want}})
	if got := s.Faults(monday, from); len(got) != 0 {
		t.Errorf("before it begins: %v", got)
	}
	if got := s.Faults(monday, from.Add(time.Second)); !slices.Equal(got, []footanalytics.Fault{want}) {
		t.Errorf("got %v, want %v", got, want)
	}
}
