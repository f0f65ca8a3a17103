package web_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestNoPageMayFrameAReport(t *testing.T) {
	b := platform(t)
	answer := b.do(http.MethodGet, "/api/v1/report?period=today")
	policy := answer.Header().Get("Content-Security-Policy")
	if answer.Code != http.StatusOK || !strings.HasSuffix(policy, "; frame-ancestors 'none'") || !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("got %d, the policy %q", answer.Code, policy)
	}
	// In a file browsers take no notice of it, and complain.
	if strings.Contains(answer.Body.String(), "frame-ancestors") {
		t.Error("the file has a policy that is for headers alone")
	}
}
