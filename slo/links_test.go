package slo_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/config"
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
