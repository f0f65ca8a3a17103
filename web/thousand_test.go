package web_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/traceslo/traceslo/slo"
)

func TestManyObjectivesHavePages(t *testing.T) {
	b := thousand(t, 1)
	seen := map[string]bool{}
	for page := 1; page <= 5; page++ {
		text := b.get(fmt.Sprintf("/?q=o&page=%d", page), 200)
		if len(text) > 1<<20 {
			t.Errorf("page %d has %d bytes", page, len(text))
		}
		for _, m := range regexp.MustCompile(`href="\./slo/([^"]+)"`).FindAllStringSubmatch(text, -1) {
			seen[m[1]] = true
		}
		if next := fmt.Sprintf(`href="?page=%d&amp;q=o" rel="next"`, page+1); strings.Contains(text, next) != (page < 5) {
			t.Errorf("page %d leads on, or does not", page)
		}
	}
	if len(seen) != 1000 {
		t.Errorf("%d objectives are on the pages", len(seen))
	}
	b.get("/?q=o&page=6", 400)
}

// thousand returns a bench with a thousand objectives that have events for so
// many days.
func thousand(t testing.TB, days int) *bench {
	var objectives []slo.Objective
	for i := range 1000 {
		o := available(fmt.Sprintf("objective-%d", i), fmt.Sprintf("service-%d", i%100))
		o.Labels = map[string]string{"team": fmt.Sprintf("team-%d", i%10)}
		objectives = append(objectives, o)
	}
	b := newBench(t, objectives...)
	for hour := range days * 24 {
		for i := range 100 {
			b.span(hour*60, fmt.Sprintf("service-%d", i), "GET /", map[bool]string{true: "timeout"}[hour%7 == i%7])
		}
	}
	b.read(days * 24 * 60)
	return b
}

func BenchmarkOverviewOfThousand(b *testing.B) {
	const days = 30
	bench := thousand(b, days)
	size := 0
	b.Run("sparklines known", func(b *testing.B) {
		for b.Loop() {
			size = len(bench.get("/", 200))
		}
		b.ReportMetric(float64(size), "bytes/page")
	})
	b.Run("a new minute each time", func(b *testing.B) {
		minute := days * 24 * 60
		for b.Loop() {
			b.StopTimer()
			minute++
			bench.span(minute, "service-1", "GET /", "")
			bench.read(minute)
			b.StartTimer()
			bench.get("/", 200)
		}
	})
}
