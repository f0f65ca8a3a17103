package press_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo/report"
	"github.com/traceslo/traceslo/slo/report/press"
)

// TestAClockThatWasWrongIsForgotten has a report that is printed each day, of
// which one run is kept, while the clock goes wrong and is put right again.
func TestAClockThatWasWrongIsForgotten(t *testing.T) {
	first, second, third := "daily_2026-11-22T0500Z", "daily_2026-11-23T0500Z", "daily_2026-11-24T0500Z"
	right := instant(t, "2026-11-22T12:00:00+01:00")
	ahead, behind := instant(t, "2030-01-01T06:00:00+01:00"), instant(t, "2026-06-01T06:00:00+02:00")
	for _, test := range []struct {
		name string
		// wrong is what happens while the clock is wrong, codes what the receiver answers.
		wrong func(*testing.T, *bench)
		codes []int
		// sent are the runs that come before the second, left those that stay.
		sent, left []string
	}{
		{"ahead, and a run is printed that the receiver does not take", func(t *testing.T, b *bench) {
			b.step(ahead)
			if b.try(ahead.Add(time.Hour)) == "" {
				t.Error("it is taken")
			}
		}, []int{204, 500, 204}, []string{first, "daily_2030-01-01T0500Z", "daily_2030-01-01T0500Z"}, []string{"daily_2030-01-01T0500Z.json"}},
		{"ahead, and a run waits for the ledger", func(t *testing.T, b *bench) {
			for at := time.Duration(0); at < time.Hour; at += time.Minute {
				b.step(ahead.Add(at))
			}
		}, []int{204}, []string{first}, nil},
		{"ahead, and a run cannot be written", func(t *testing.T, b *bench) {
			away := b.config.Folder + "-away"
			if err := os.Rename(b.config.Folder, away); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(b.config.Folder, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			b.step(ahead)
			if b.try(ahead.Add(time.Hour)) == "" {
				t.Error("it is written")
			}
			if err := os.Rename(b.config.Folder, away+"-file"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(away, b.config.Folder); err != nil {
				t.Fatal(err)
			}
		}, []int{204}, []string{first}, nil},
		// The last run comes again then, as if it had been missed.
		{"behind", func(t *testing.T, b *bench) {
			b.step(behind.Add(-time.Hour))
			b.try(behind)
			b.wantFiles("daily_2026-06-01T0400Z.json", first+".json")
		}, []int{204, 500, 204}, []string{first, "daily_2026-06-01T0400Z", "daily_2026-06-01T0400Z", first}, nil},
	} {
		for _, restart := range []bool{false, true} {
			name := test.name
			if restart {
				name += "; restarted"
			}
			t.Run(name, func(t *testing.T) {
				r := newReceiver(t, httptest.NewServer, test.codes...)
				b := newBench(t, right.AddDate(0, 0, -1), func(c *press.Config) {
					c.Name, c.Schedule, c.Period, c.Formats, c.Keep = "daily", schedule(t, "0 6 * * *"), "yesterday", []report.Format{report.JSON}, 1
					c.Folder, c.Webhook = filepath.Join(t.TempDir(), "reports"), &press.Webhook{URL: config.Secret(r.URL)}
				})
				b.step(right.AddDate(0, 0, -1))
				b.read(right)
				b.step(right)
				test.wrong(t, b)
				if restart {
					b.load(right.Add(time.Minute))
				}
				b.step(right.Add(time.Minute))
				for day, run := range []string{second, third} {
					due := right.AddDate(0, 0, day+1).Add(-6 * time.Hour)
					b.step(due)
					b.step(due.Add(30 * time.Minute))
					if slices.Contains(b.files(), run+".json") {
						t.Errorf("%s does not wait, as if it had done so while the clock was wrong", run)
					}
					b.read(due.Add(31 * time.Minute))
					b.step(due.Add(31 * time.Minute))
					b.wantFiles(append([]string{run + ".json"}, test.left...)...)
				}
				var sent []string
				for _, got := range r.all() {
					sent = append(sent, got.delivery)
				}
				if diff := cmp.Diff(append(test.sent, second, third), sent); diff != "" {
					t.Errorf("sent are (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestARunThatWasNoticedByAWrongClockDoesNotWaitLonger(t *testing.T) {
	due := instant(t, "2026-11-23T06:00:00+01:00")
	b := newBench(t, due.Add(-time.Hour), nil)
	b.step(due.Add(-time.Hour))
	b.step(due.AddDate(4, 0, 0))
	b.step(due) // and nothing is read
	b.step(due.Add(time.Hour - time.Second))
	b.wantFiles()
	b.step(due.Add(time.Hour))
	b.wantFiles("weekly_2026-11-23T0500Z.csv", "weekly_2026-11-23T0500Z.json")
}

func TestARunOfAWrongClockTakesNoPlaceOfThoseThatAreKept(t *testing.T) {
	begin := instant(t, "2026-11-01T12:00:00Z")
	for _, test := range []struct {
		name   string
		change func(*press.Config)
		want   []string
	}{
		{"the latest run", func(c *press.Config) { c.Keep = 1 }, []string{"06"}},
		{"two runs", func(c *press.Config) { c.Keep = 2 }, []string{"05", "06"}},
		{"the latest, however old", func(c *press.Config) { c.KeepFor = time.Second }, []string{"06"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, begin, func(c *press.Config) {
				c.Name, c.Schedule, c.Period, c.Formats = "daily", schedule(t, "0 6 * * *"), "yesterday", []report.Format{report.JSON}
				test.change(c)
			})
			b.step(begin)
			ahead := instant(t, "2030-01-01T12:00:00Z")
			b.step(ahead)
			b.step(ahead.Add(time.Hour))
			for day := range 6 {
				at := begin.AddDate(0, 0, day)
				b.read(at)
				b.step(at)
			}
			var want []string
			for _, day := range test.want {
				want = append(want, "daily_2026-11-"+day+"T0500Z.json")
			}
			b.wantFiles(append(want, "daily_2030-01-01T0500Z.json")...)
		})
	}
}

func TestRestartsDoNotMakeAReportWaitForEver(t *testing.T) {
	due := instant(t, "2026-11-23T06:00:00+01:00")
	b := newBench(t, due.AddDate(0, 0, -3), nil)
	b.read(due.AddDate(0, 0, -3))
	b.step(due.AddDate(0, 0, -3))
	printed := time.Duration(-1)
	for at := time.Duration(0); at < 3*time.Hour && printed < 0; at += 10 * time.Second {
		if at%(20*time.Minute) == 0 {
			b.load(due.Add(at))
		}
		b.step(due.Add(at))
		if len(b.files()) > 0 {
			printed = at
		}
	}
	// Of each restart, up to a minute is not known to have been waited.
	if printed < time.Hour || printed > 64*time.Minute {
		t.Errorf("it is printed after %s, want an hour", printed)
	}
}
