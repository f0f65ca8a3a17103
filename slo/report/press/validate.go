package press

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/nearest"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
)

// faults collects what is wrong with one report.
type faults struct {
	path string
	list *[]config.Fault
}

func (f faults) add(path, problem, cure string) {
	*f.list = append(*f.list, config.Fault{Path: f.path + path, Problem: problem, Cure: cure})
}

// Validate returns everything that is wrong with reports. objectives are the
// names of those that there are, zone is that of the section report. Paths
// begin with the place in the list.
func Validate(reports []Config, objectives []string, zone slo.Zone) []config.Fault {
	var list []config.Fault
	for i, c := range reports {
		f := faults{fmt.Sprintf("[%d].", i), &list}
		if slices.ContainsFunc(reports[:i], func(other Config) bool { return c.Name != "" && strings.EqualFold(other.Name, c.Name) }) {
			f.add("name", fmt.Sprintf("%q is the name of another report, too", c.Name), "write another name for one of them")
		}
		c.validate(f, objectives, zone)
	}
	return list
}

// maxName bounds names, which stand in every file's.
const maxName = 60

var nameForm = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$`)

func (c Config) validate(f faults, objectives []string, zone slo.Zone) {
	switch {
	case c.Name == "":
		f.add("name", "there is no name", "write one, as in weekly")
	case len(c.Name) > maxName || !nameForm.MatchString(c.Name):
		f.add("name", fmt.Sprintf("%q is not a name", c.Name), fmt.Sprintf(`use up to %d letters, digits and "-", and begin and end with a letter or a digit`, maxName))
	}
	if c.Schedule.String() == "" {
		f.add("schedule", "there is no schedule", "write minute, hour, day of the month, month and day of the week, as in 0 6 * * MON")
	}
	c.validatePeriod(f, zone)
	c.validateFormats(f)
	switch {
	case c.Folder == "":
		f.add("folder", "there is no folder", "write the absolute path of one, as in /var/lib/traceslo/reports")
	case !filepath.IsAbs(c.Folder):
		f.add("folder", fmt.Sprintf("%q is not an absolute path", c.Folder), "write one that begins with /")
	}
	if c.Keep < 0 {
		f.add("keep", fmt.Sprintf("%d is negative", c.Keep), "write how many runs to keep, or 0 for all")
	}
	if c.KeepFor < 0 {
		f.add("keep_for", config.FormatDuration(c.KeepFor)+" is negative", "write for how long to keep a run, or 0 for ever")
	}
	if c.Wait != 0 && (c.Wait < time.Minute || c.Wait > 7*24*time.Hour) {
		f.add("wait", config.FormatDuration(c.Wait)+" is not a time from 1m to 7d", "write for example 1h")
	}
	for i, name := range c.SLOs {
		if slices.Contains(objectives, name) {
			continue
		}
		cure := "write the name of an objective of slos"
		if near := nearest.Words(name, objectives, 3); len(near) > 0 {
			cure = "write one that there is, as " + strings.Join(near, ", ")
		}
		f.add(fmt.Sprintf("slos[%d]", i), fmt.Sprintf("there is no objective %q", name), cure)
	}
	if c.Webhook != nil {
		c.Webhook.validate(faults{f.path + "webhook.", f.list}, c.filled(zone).Formats)
	}
}

func (c Config) validatePeriod(f faults, zone slo.Zone) {
	const cure = "write for example last-week, last-month, this-quarter, yesterday or 30d"
	if c.Period == "" {
		f.add("period", "there is no period", cure)
		return
	}
	// Whatever the clock here shows, the same is said.
	far := time.Date(2100, time.March, 3, 12, 0, 0, 0, time.UTC)
	first, err := report.ParsePeriod(c.Period, c.zone(zone), far)
	if err != nil {
		f.add("period", fmt.Sprintf("%q is no period that comes again", c.Period), cure)
		return
	}
	second, err := report.ParsePeriod(c.Period, c.zone(zone), far.AddDate(2, 0, 0))
	if err != nil || first.From.Equal(second.From) {
		f.add("period", fmt.Sprintf("%q is the same time whenever the report is printed", c.Period), cure)
	}
}

func (c Config) validateFormats(f faults) {
	for i, format := range c.Formats {
		at := fmt.Sprintf("formats[%d]", i)
		if slices.Contains(c.Formats[:i], format) {
			f.add(at, fmt.Sprintf("%q stands there twice", string(format)), "leave one out")
		} else if _, err := report.ParseFormat(string(format)); err != nil {
			f.add(at, fmt.Sprintf("%q is no format of a report", string(format)), "write one of "+formatNames(report.Formats()))
		}
	}
}

func formatNames(formats []report.Format) string {
	var names []string
	for _, format := range formats {
		names = append(names, string(format))
	}
	return strings.Join(names, ", ")
}

func (w Webhook) validate(f faults, formats []report.Format) {
	const cure = "write for example https://reports.example.com/traceslo"
	// The URL is not repeated: it may hold a token.
	u, err := url.Parse(string(w.URL))
	switch {
	case w.URL == "":
		f.add("url", "there is no URL", cure)
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		f.add("url", "is not an http or https URL", cure)
	case u.User != nil:
		f.add("url", "holds a user", "leave it out; what is sent is signed with secret_file")
	case u.Scheme == "http" && w.CAFile != "":
		f.add("ca_file", "the URL is without TLS", "write https, or leave ca_file out")
	}
	if w.Format != "" && !slices.Contains(formats, w.Format) {
		f.add("format", fmt.Sprintf("%q is not among the formats of the report", string(w.Format)), "write one of "+formatNames(formats))
	}
	if w.Secret != "" && w.SecretFile != "" {
		f.add("secret_file", "secret and secret_file are two secrets", "keep one of them")
	}
	for _, file := range []struct{ key, path string }{{"secret_file", w.SecretFile}, {"ca_file", w.CAFile}} {
		if file.path != "" && !filepath.IsAbs(file.path) {
			f.add(file.key, fmt.Sprintf("%q is not an absolute path", file.path), "write one that begins with /")
		}
	}
	if w.Timeout != 0 && (w.Timeout < time.Second || w.Timeout > 5*time.Minute) {
		f.add("timeout", config.FormatDuration(w.Timeout)+" is not a time from 1s to 5m", "write for example 30s")
	}
	if w.Attempts < 0 || w.Attempts > 100 {
		f.add("attempts", fmt.Sprintf("%d is not a number from 1 to 100", w.Attempts), "write how often sending is tried, as in 10")
	}
}
