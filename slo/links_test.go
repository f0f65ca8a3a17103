package slo_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
)

func TestLinksRefuse(t *testing.T) {
	for url, want := range map[string]string{
		"": "", "https://traceslo.example.com": "", "http://[::1]:16686/jaeger/": "",
		"traceslo.example.com":         "is not an http or https URL",
		"ftp://traceslo.example.com":   "is not an http or https URL",
		"https://":                     "is not an http or https URL",
		"javascript:alert(1)":          "is not an http or https URL",
		"https://a b.example.com":      "is not an http or https URL",
		"https://me:pw-4711@a.example": "holds a user, which everybody would see",
		"https://a.example/?org=1":     "has a query or a fragment, and paths are added to it",
		"https://a.example/#top":       "has a query or a fragment, and paths are added to it",
		"https://a.example/{service}":  "{service} is not replaced by anything",
	} {
		var faults []config.Fault
		if want != "" {
			faults = []config.Fault{
				{Path: "status_url", Problem: want, Cure: "write for example https://traceslo.example.com"},
				{Path: "jaeger_url", Problem: want, Cure: "write for example https://jaeger.example.com"},
			}
		}
		if diff := cmp.Diff(faults, slo.Links{Status: url, Jaeger: url}.Validate()); diff != "" {
			t.Errorf("%s: -want +got\n%s", url, diff)
		}
	}
}

func TestLinksLeadToJaeger(t *testing.T) {
	links := slo.Links{Jaeger: "https://jaeger.example.com/ui/"}
	failing := slo.Objective{SLI: sli.Indicator{Availability: &sli.Availability{}}}
	slow := slo.Objective{SLI: sli.Indicator{Latency: &sli.Latency{Threshold: 1500 * time.Millisecond}}}
	for _, test := range []struct{ got, want string }{
		{links.Trace("0af7651916cd43dd"), "https://jaeger.example.com/ui/trace/0af7651916cd43dd"},
		{links.BadTraces(&failing, "a%20b", "1", "2"), "https://jaeger.example.com/ui/search?service=a%20b&tags=%7B%22error%22%3A%22true%22%7D&limit=20&lookback=custom&start=1&end=2"},
		{links.BadTraces(&slow, "a", "1", "2"), "https://jaeger.example.com/ui/search?service=a&minDuration=1.5s&limit=20&lookback=custom&start=1&end=2"},
		{slo.Links{}.Trace("1"), ""},
		{slo.Links{}.BadTraces(&slow, "a", "1", "2"), ""},
	} {
		if test.got != test.want {
			t.Errorf("got %s\nwant %s", test.got, test.want)
		}
	}
}
