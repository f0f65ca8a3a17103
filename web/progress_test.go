package web_test

import (
	"regexp"
	"testing"

	"github.com/traceslo/traceslo/source"
)

func TestACatchingUpTellsHowFarItCame(t *testing.T) {
	b := newBench(t)
	spans := make([]source.Span, 150_000)
	for i := range spans {
		spans[i] = source.Span{SpanID: uint64(i + 1), Service: "shop", Operation: "op", Start: b.now.UnixMicro(), Duration: 1}
	}
	b.index.Append(0, spans...)
	if more, err := b.feed.Step(t.Context(), b.now); err != nil || !more {
		t.Fatalf("more %v, error %v", more, err)
	}
	want := regexp.MustCompile(`Catching up: 33\.3% of what is to be read is, 50,000 spans in all, about [0-9a-z.]+ left\.`)
	for _, path := range []string{"/", "/api/v1/status", "/api/v1/feed"} {
		if text := b.get(path, 200); !want.MatchString(text) {
			t.Errorf("%s does not tell %v:\n%.2000s", path, want, text)
		}
	}
	// It may end while the answer is made.
	progress, asked := b.running.Progress, 0
	b.running.Progress = func() *source.Progress {
		if asked++; asked > 1 {
			return nil
		}
		return progress()
	}
	if text := b.get("/api/v1/status", 200); !want.MatchString(text) {
		t.Errorf("of a catching up that ends meanwhile it says %s", text)
	}
	b.running.Progress = progress
	for more := true; more; {
		var err error
		if more, err = b.feed.Step(t.Context(), b.now); err != nil {
			t.Fatal(err)
		}
	}
	if text := b.get("/api/v1/status", 200); want.MatchString(text) || regexp.MustCompile(`"catching_up"`).MatchString(text) {
		t.Errorf("when all is read: %s", text)
	}
}
