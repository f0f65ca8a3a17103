package press_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/slo/report"
	"github.com/traceslo/traceslo/slo/report/press"
)

func TestOldRunsThatCannotBeRemovedAreTriedAgain(t *testing.T) {
	begin := instant(t, "2026-11-01T12:00:00Z")
	b := newBench(t, begin, func(c *press.Config) {
		c.Name, c.Schedule, c.Period, c.Formats, c.Keep = "daily", schedule(t, "0 6 * * *"), "yesterday", []report.Format{report.JSON}, 1
	})
	b.step(begin)
	first, second := begin.AddDate(0, 0, 1), begin.AddDate(0, 0, 2)
	b.read(first)
	b.step(first)
	b.read(second)
	// The folder goes away as soon as the second run is printed.
	away := b.config.Folder + "-away"
	move := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Error(err)
		}
	}
	b.said = func(line string) {
		if strings.Contains(line, "printed a report") {
			move(b.config.Folder, away)
		}
	}
	want := fmt.Sprintf(`remove old runs of the report "daily": read the folder %q: no such file or directory`, b.config.Folder)
	if got := b.try(second); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := b.try(second.Add(time.Minute / 2)); got != "" {
		t.Errorf("it is tried again at once: %s", got)
	}
	b.wantGauges(map[string]float64{"runs_total{daily}": 2, "last_success_timestamp_seconds{daily}": float64(second.Unix()), "failures_total{folder daily}": 1})
	move(away, b.config.Folder)
	b.wantFiles("daily_2026-11-02T0500Z.json", "daily_2026-11-03T0500Z.json")
	b.step(second.Add(time.Minute))
	b.wantFiles("daily_2026-11-03T0500Z.json")
}
