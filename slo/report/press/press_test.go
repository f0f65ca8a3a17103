package press_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/slo/report"
	"github.com/traceslo/traceslo/slo/report/press"
)

func TestAReportIsPrintedWhenItIsDue(t *testing.T) {
	sunday := instant(t, "2026-11-22T12:00:00+01:00")
	b := newBench(t, sunday, nil)
	b.read(sunday)
	b.step(sunday)
	b.wantFiles() // what was due before it was configured is nobody's
	due := instant(t, "2026-11-23T06:00:00+01:00")
	b.read(due.Add(-time.Second))
	b.step(due.Add(-time.Second))
	b.wantFiles()
	b.step(due)
	want := []string{"weekly_2026-11-23T0500Z.csv", "weekly_2026-11-23T0500Z.json"}
	b.wantFiles(want...)
	if got := b.report(want[1]); got.Period.Name != "2026-W47" || got.Objectives[0].Events != 10 || got.Objectives[0].Bad != 1 {
		t.Errorf("it tells of %s, %d events and %d bad ones", got.Period.Name, got.Objectives[0].Events, got.Objectives[0].Bad)
	}
	b.wantGauges(map[string]float64{"runs_total{weekly}": 1, "last_success_timestamp_seconds{weekly}": float64(due.Unix())})
	for range 2 {
		for _, name := range want {
			if err := os.Remove(filepath.Join(b.config.Folder, name)); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
		b.step(due.Add(time.Hour))
		b.wantFiles() // it is not printed twice, after a restart neither
		b.load(due.Add(time.Hour))
	}
}

func TestAReportWaitsForTheLedger(t *testing.T) {
	due := instant(t, "2026-11-23T06:00:00+01:00")
	friday := due.AddDate(0, 0, -3)
	start := func(t *testing.T) *bench {
		b := newBench(t, friday, nil)
		b.read(friday)
		b.step(friday)
		b.step(due)
		b.wantFiles()
		return b
	}
	t.Run("until all of its period is read", func(t *testing.T) {
		b := start(t)
		b.read(instant(t, "2026-11-22T23:59:59+01:00"))
		b.step(due.Add(30 * time.Minute))
		b.wantFiles()
		b.read(instant(t, "2026-11-23T00:00:00+01:00"))
		b.step(due.Add(31 * time.Minute))
		if n := len(b.files()); n != 2 {
			t.Errorf("%d files are printed", n)
		}
	})
	t.Run("but not for ever, and tells then what nobody knows", func(t *testing.T) {
		b := start(t)
		b.step(due.Add(time.Hour - time.Second))
		b.wantFiles()
		b.step(due.Add(time.Hour))
		if got := b.report("weekly_2026-11-23T0500Z.json"); len(got.Objectives[0].Unmeasured) == 0 {
			t.Error("it does not tell that the weekend is unmeasured")
		}
	})
	t.Run("but a daemon that comes back late reads first", func(t *testing.T) {
		b := start(t)
		late := due.Add(30 * time.Hour)
		b.load(late)
		b.step(late)
		b.wantFiles()
		b.read(late)
		b.step(late.Add(time.Minute))
		if n := len(b.files()); n != 2 {
			t.Errorf("%d files are printed", n)
		}
	})
}

func TestRunsThatComeDueMeanwhileWaitNoLonger(t *testing.T) {
	begin := instant(t, "2026-11-22T12:00:00Z")
	b := newBench(t, begin, func(c *press.Config) { c.Schedule, c.Period = schedule(t, "*/10 * * * *"), "1h" })
	b.read(begin)
	b.step(begin)
	for at := begin; at.Before(begin.Add(2 * time.Hour)); at = at.Add(time.Minute) {
		b.step(at) // and nothing is read
	}
	// Due since 12:10, printed from 13:10 on; the next one waits anew.
	b.wantFiles("weekly_2026-11-22T1310Z.csv", "weekly_2026-11-22T1310Z.json")
}

func TestMissedRunsAreMadeUpOnce(t *testing.T) {
	begin := instant(t, "2026-10-02T12:00:00+02:00")
	b := newBench(t, begin, nil)
	b.read(begin)
	b.step(begin)
	// The daemon is down for five Mondays, and for the night in which clocks are put back.
	back := instant(t, "2026-11-03T12:00:00+01:00")
	b.load(back)
	b.read(back)
	for i := range 3 {
		b.step(back.Add(time.Duration(i) * time.Minute))
	}
	b.wantFiles("weekly_2026-11-02T0500Z.csv", "weekly_2026-11-02T0500Z.json")
	if got := b.report("weekly_2026-11-02T0500Z.json").Period.Name; got != "2026-W44" {
		t.Errorf("it tells of %s", got)
	}
	if got := strings.Count(b.log.String(), "runs of a report were missed"); got != 1 {
		t.Errorf("it is said %d times:\n%s", got, b.log)
	}
	b.wantGauges(map[string]float64{"runs_total{weekly}": 1, "last_success_timestamp_seconds{weekly}": float64(back.Unix())})
}

func TestClocksThatArePutForwardAndBack(t *testing.T) {
	for _, test := range []struct {
		name, schedule, period, from string
		days                         int
		want                         []string
	}{
		{"a time that is skipped, and the short day after which it comes", "30 2 * * *", "yesterday", "2026-03-28T12:00:00+01:00", 2,
			[]string{"daily_2026-03-29T0100Z 2026-03-28", "daily_2026-03-30T0030Z 2026-03-29"}},
		{"a time that comes twice is printed once", "30 2 * * *", "yesterday", "2026-10-24T12:00:00+02:00", 2,
			[]string{"daily_2026-10-25T0030Z 2026-10-24", "daily_2026-10-26T0130Z 2026-10-25"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			from := instant(t, test.from)
			b := newBench(t, from, func(c *press.Config) {
				c.Name, c.Schedule, c.Period, c.Formats = "daily", schedule(t, test.schedule), test.period, []report.Format{report.JSON}
			})
			for at := from; at.Before(from.AddDate(0, 0, test.days)); at = at.Add(10 * time.Minute) {
				b.read(at)
				b.step(at)
			}
			var got []string
			for _, name := range b.files() {
				got = append(got, strings.TrimSuffix(name, ".json")+" "+b.report(name).Period.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("runs and periods (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAReportFollowsTheConfiguration(t *testing.T) {
	monday := instant(t, "2026-11-23T12:00:00+01:00")
	begin := monday.AddDate(0, 0, -1)
	b := newBench(t, begin, nil)
	b.read(monday)
	b.step(begin)
	b.step(monday)
	first := []string{"weekly_2026-11-23T0500Z.csv", "weekly_2026-11-23T0500Z.json"}
	b.wantFiles(first...)
	// A schedule that would have been due this morning, too.
	b.config.Schedule = schedule(t, "0 7 * * *")
	b.load(monday)
	b.step(monday)
	b.wantFiles(first...)
	tuesday := monday.AddDate(0, 0, 1)
	b.read(tuesday)
	b.step(tuesday)
	if n := len(b.files()); n != 4 {
		t.Errorf("by the new schedule, %d files are there", n)
	}
	// A report of another name takes its place, and then it comes back.
	weekly := b.config
	b.config.Name = "daily"
	b.load(tuesday)
	b.step(tuesday)
	for name := range b.gauges() {
		if strings.Contains(name, "weekly") {
			t.Errorf("%s is shown of a report that is no more", name)
		}
	}
	b.config = weekly
	later := tuesday.AddDate(0, 0, 3)
	b.load(later)
	b.read(later)
	b.step(later)
	if n := len(b.files()); n != 4 {
		t.Errorf("what was due while it was not configured is printed: %v", b.files())
	}
}

func TestAFolderThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	begin := instant(t, "2026-11-22T12:00:00+01:00")
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, begin, func(c *press.Config) { c.Folder = blocked })
	due := instant(t, "2026-11-23T06:00:00+01:00")
	b.read(due)
	b.step(begin)
	var failed []time.Duration
	for at := time.Duration(0); at < 10*time.Minute; at += time.Minute / 2 {
		if err := b.press.Step(context.Background(), due.Add(at)); err != nil {
			failed = append(failed, at)
			want := fmt.Sprintf(`print the report "weekly_2026-11-23T0500Z": make the folder %q: not a directory`, blocked)
			if err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	}
	if diff := cmp.Diff([]time.Duration{0, time.Minute, 3 * time.Minute, 7 * time.Minute}, failed); diff != "" {
		t.Errorf("tries (-want +got):\n%s", diff)
	}
	b.wantGauges(map[string]float64{"failures_total{folder weekly}": 4})
}

func TestWhatIsKept(t *testing.T) {
	begin := instant(t, "2026-11-01T12:00:00Z")
	for _, test := range []struct {
		name   string
		change func(*press.Config)
		want   []string
	}{
		{"the latest runs", func(c *press.Config) { c.Keep = 2 }, []string{"05", "06"}},
		{"what is young enough", func(c *press.Config) { c.KeepFor = 72 * time.Hour }, []string{"04", "05", "06"}},
		{"what is both", func(c *press.Config) { c.Keep, c.KeepFor = 3, 48*time.Hour }, []string{"05", "06"}},
		{"the latest, however old", func(c *press.Config) { c.KeepFor = time.Second }, []string{"06"}},
		{"all", func(*press.Config) {}, []string{"02", "03", "04", "05", "06"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, begin, func(c *press.Config) {
				c.Name, c.Schedule, c.Period, c.Formats = "daily", schedule(t, "0 6 * * *"), "yesterday", []report.Format{report.JSON}
				test.change(c)
			})
			if err := os.MkdirAll(filepath.Join(b.config.Folder, "daily_2020-01-01T0000Z.json"), 0o755); err != nil {
				t.Fatal(err)
			}
			foreign := []string{"daily_2020-01-02T0000Z.json.bak", "notes.txt", "daily.json", "other-daily_2020-01-01T0000Z.json",
				"daily_2020-13-45T9999Z.json", ".other_2020-01-01T0000Z.json.123.part"}
			leftover := ".daily_2026-11-01T0500Z.json.4242.part"
			for _, name := range append(slices.Clone(foreign), leftover) {
				if err := os.WriteFile(filepath.Join(b.config.Folder, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			b.step(begin)
			for day := range 5 {
				at := begin.AddDate(0, 0, day+1)
				b.read(at)
				b.step(at)
			}
			want := append(slices.Clone(foreign), "daily_2020-01-01T0000Z.json")
			for _, day := range test.want {
				want = append(want, "daily_2026-11-"+day+"T0500Z.json")
			}
			slices.Sort(want)
			b.wantFiles(want...)
		})
	}
}

func TestRunPrintsUntilItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now() // 2000-01-01, a Saturday
		b := newBench(t, begin, func(c *press.Config) { c.Schedule, c.Period = schedule(t, "*/5 * * * *"), "1h" })
		b.read(begin.Add(12 * time.Minute))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.press.Run(ctx) }()
		<-time.After(11 * time.Minute)
		synctest.Wait()
		b.wantFiles("weekly_2000-01-01T0005Z.csv", "weekly_2000-01-01T0005Z.json", "weekly_2000-01-01T0010Z.csv", "weekly_2000-01-01T0010Z.json")
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAnErrorIsSaidWhenItIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, time.Now(), func(c *press.Config) {
			c.Schedule, c.Period, c.Folder = schedule(t, "*/5 * * * *"), "1h", "/dev/null/no"
		})
		b.read(time.Now().Add(time.Hour))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.press.Run(ctx) }()
		<-time.After(9*time.Minute + 30*time.Second)
		synctest.Wait()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := strings.Count(b.log.String(), "a report is not printed, not sent, or its old runs are not removed"); got != 3 { // after 0, 1 and 3 minutes
			t.Errorf("it is said %d times:\n%s", got, b.log)
		}
	})
}
