package slo

import (
	"net/url"
	"regexp"
	"strings"

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
