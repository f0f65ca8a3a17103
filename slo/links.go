package slo

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
)

// Links are the pages that alerts, boards and reports lead to. An empty one is left out.
type Links struct {
	// Status is the URL of traceslo's own page, as people reach it.
	Status string `yaml:"status_url"`
	// Jaeger is the URL of Jaeger's UI, as people reach it.
	Jaeger string `yaml:"jaeger_url"`
}

// Validate returns everything that is wrong with l.
func (l Links) Validate() []config.Fault {
	var faults []config.Fault
	for _, link := range []struct{ path, url, example string }{
		{"status_url", l.Status, "https://traceslo.example.com"},
		{"jaeger_url", l.Jaeger, "https://jaeger.example.com"},
	} {
		problem := checkURL(link.url)
		if problem == "" && strings.ContainsAny(link.url, "?#") {
			problem = "has a query or a fragment, and paths are added to it"
		}
		if problem != "" {
			faults = append(faults, config.Fault{Path: link.path, Problem: problem, Cure: "write for example " + link.example})
		}
	}
	return faults
}

// BadTraces leads to Jaeger's search for what an objective calls bad: traces of
// a service that are slow where a duration decides, and failed ones where none
// does; "" if nobody said where Jaeger is. What stands for service, start and end, the last two in
// microseconds, is put into the URL as it is: escaped text, or a template of it.
func (l Links) BadTraces(o *Objective, service, start, end string) string {
	if bounds := o.SLI.Bounds(); len(bounds) > 0 {
		return l.SlowTraces(bounds[0], service, start, end)
	}
	return l.FailedTraces(service, start, end)
}

// SlowTraces leads to the traces that took longer, as BadTraces does.
func (l Links) SlowTraces(than time.Duration, service, start, end string) string {
	return l.search("minDuration="+url.QueryEscape(than.String()), service, start, end)
}

// FailedTraces leads to the traces that failed, as BadTraces does.
func (l Links) FailedTraces(service, start, end string) string {
	return l.search("tags="+url.QueryEscape(`{"error":"true"}`), service, start, end)
}

// search leads to Jaeger's search. Most versions of Jaeger read no times from a
// link but these.
func (l Links) search(condition, service, start, end string) string {
	if l.Jaeger == "" {
		return ""
	}
	return fmt.Sprintf("%s/search?service=%s&%s&limit=20&lookback=custom&start=%s&end=%s", strings.TrimSuffix(l.Jaeger, "/"), service, condition, start, end)
}

// Trace leads to a trace in Jaeger, "" if nobody said where Jaeger is.
func (l Links) Trace(id string) string {
	if l.Jaeger == "" {
		return ""
	}
	return strings.TrimSuffix(l.Jaeger, "/") + "/trace/" + url.PathEscape(id)
}

// placeholder is what looks like something that is replaced in a URL.
var placeholder = regexp.MustCompile(`\{[^{}]*\}|[{}]`)

// checkURL returns what is wrong with a link in which placeholders are
// replaced. It does not repeat the link, which may hold a password.
func checkURL(link string, placeholders ...string) string {
	if link == "" {
		return ""
	}
	for _, found := range placeholder.FindAllString(link, -1) {
		known := false
		for _, p := range placeholders {
			known = known || p == found
		}
		if !known {
			return found + " is not replaced by anything"
		}
	}
	switch u, err := url.Parse(placeholder.ReplaceAllString(link, "x")); {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return "is not an http or https URL"
	case u.User != nil:
		return "holds a user, which everybody would see"
	}
	return ""
}
