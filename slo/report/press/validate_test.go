package press_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
	"github.com/traceslo/traceslo/slo/report/press"
)

func TestWhatIsRefused(t *testing.T) {
	weekly := press.Config{Name: "weekly", Schedule: schedule(t, "0 6 * * MON"), Period: "last-week", Folder: "/reports"}
	hook := func(change func(*press.Webhook)) func(*press.Config) {
		return func(c *press.Config) {
			c.Webhook = &press.Webhook{URL: "https://example.com/token-4711"}
			change(c.Webhook)
		}
	}
	const periods = "; write for example last-week, last-month, this-quarter, yesterday or 30d"
	for _, test := range []struct {
		name   string
		change func(*press.Config)
		want   string
	}{
		{"nothing", func(*press.Config) {}, ""},
		{"nothing, with all that there is", func(c *press.Config) {
			madrid := zone(t, "Europe/Madrid")
			c.TimeZone, c.Period, c.Formats, c.SLOs = &madrid, "30d", report.Formats(), []string{"checkout"}
			c.Keep, c.KeepFor, c.Wait = 3, time.Hour, 7*24*time.Hour
			c.Webhook = &press.Webhook{URL: "https://example.com", Format: report.CSV, SecretFile: "/s", CAFile: "/c", Timeout: time.Second, Attempts: 100}
		}, ""},
		{"no name", func(c *press.Config) { c.Name = "" }, "[0].name: there is no name; write one, as in weekly"},
		{"a name that is a path", func(c *press.Config) { c.Name = "../weekly" }, `[0].name: "../weekly" is not a name; use up to 60 letters, digits and "-", and begin and end with a letter or a digit`},
		{"no period", func(c *press.Config) { c.Period = "" }, "[0].period: there is no period" + periods},
		{"a period that is none", func(c *press.Config) { c.Period = "last-decade" }, `[0].period: "last-decade" is no period that comes again` + periods},
		{"a day", func(c *press.Config) { c.Period = "2026-11-27" }, `[0].period: "2026-11-27" is the same time whenever the report is printed` + periods},
		{"a format twice", func(c *press.Config) { c.Formats = []report.Format{report.CSV, report.CSV} }, `[0].formats[1]: "csv" stands there twice; leave one out`},
		{"no folder", func(c *press.Config) { c.Folder = "" }, "[0].folder: there is no folder; write the absolute path of one, as in /var/lib/traceslo/reports"},
		{"fewer runs than none", func(c *press.Config) { c.Keep = -1 }, "[0].keep: -1 is negative; write how many runs to keep, or 0 for all"},
		{"kept for less than no time", func(c *press.Config) { c.KeepFor = -time.Hour }, "[0].keep_for: -1h is negative; write for how long to keep a run, or 0 for ever"},
		{"waiting for too long", func(c *press.Config) { c.Wait = 8 * 24 * time.Hour }, "[0].wait: 8d is not a time from 1m to 7d; write for example 1h"},
		{"an objective that is misspelt", func(c *press.Config) { c.SLOs = []string{"chekout"} }, `[0].slos[0]: there is no objective "chekout"; write one that there is, as checkout`},
		{"no URL", hook(func(w *press.Webhook) { w.URL = "" }), "[0].webhook.url: there is no URL; write for example https://reports.example.com/traceslo"},
		{"another scheme", hook(func(w *press.Webhook) { w.URL = "ftp://token-4711" }), "[0].webhook.url: is not an http or https URL; write for example https://reports.example.com/traceslo"},
		{"authorities without TLS", hook(func(w *press.Webhook) { w.URL, w.CAFile = "http://example.com", "/c" }), "[0].webhook.ca_file: the URL is without TLS; write https, or leave ca_file out"},
		{"a format that is not printed", hook(func(w *press.Webhook) { w.Format = report.CSV }), `[0].webhook.format: "csv" is not among the formats of the report; write one of html`},
		{"a secret beside the daemon", hook(func(w *press.Webhook) { w.SecretFile = "secret" }), `[0].webhook.secret_file: "secret" is not an absolute path; write one that begins with /`},
		{"no time", hook(func(w *press.Webhook) { w.Timeout = time.Millisecond }), "[0].webhook.timeout: 1ms is not a time from 1s to 5m; write for example 30s"},
		{"too many attempts", hook(func(w *press.Webhook) { w.Attempts = 101 }), "[0].webhook.attempts: 101 is not a number from 1 to 100; write how often sending is tried, as in 10"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := weekly
			test.change(&c)
			got := ""
			for _, f := range press.Validate([]press.Config{c}, []string{"checkout"}, slo.Zone{}) {
				got += f.Path + ": " + f.Problem + "; " + f.Cure
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	again := weekly
	again.Name = "Weekly"
	got := press.Validate([]press.Config{weekly, again}, nil, slo.Zone{})
	if len(got) != 1 || got[0].Path != "[1].name" {
		t.Errorf("of two names that differ in their case alone, it says %+v", got)
	}
}
