package testenv

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Prefix returns a prefix for the names of indices that no other test uses: lower case, with letters, digits and
// hyphens, and none at the end. When the test ends, the indices and the templates under it are deleted.
func (c *Cluster) Prefix(t testing.TB) string {
	t.Helper()
	prefix := newPrefix(t.Name())
	t.Cleanup(func() {
		// The test's own context has ended by now, and so may have the cluster: that is no fault.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		for _, path := range []string{"/" + prefix + "*?expand_wildcards=all", "/_template/" + prefix + "*", "/_index_template/" + prefix + "*"} {
			_, _ = c.do(ctx, http.MethodDelete, path, "")
		}
	})
	return prefix
}

// newPrefix makes a unique prefix in which a person still finds the test's name.
func newPrefix(test string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return -1
	}, strings.TrimPrefix(test, "Test"))
	return "t" + name[:min(len(name), 24)] + "-" + strings.ToLower(rand.Text()[:10])
}

// Do sends a request to the cluster and returns the body of its answer. A status of 300 or more fails the test. The body
// is sent as NDJSON to the bulk and multi-search APIs, else as JSON. Where nodes are down, the first one up is asked.
func (c *Cluster) Do(t testing.TB, method, path, body string) []byte {
	t.Helper()
	b, err := c.do(t.Context(), method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Try is Do for use within Eventually: it returns the failure, such as that of a search while shards are still starting.
func (c *Cluster) Try(t testing.TB, method, path, body string) ([]byte, error) {
	t.Helper()
	return c.do(t.Context(), method, path, body)
}

func (c *Cluster) do(ctx context.Context, method, path, body string) ([]byte, error) {
	if len(c.nodes) == 0 {
		shared := &Node{URL: c.URL, client: http.DefaultClient}
		return shared.do(ctx, method, path, body)
	}
	for _, n := range c.nodes {
		if n.process != nil && !n.process.ended() {
			return n.do(ctx, method, path, body)
		}
	}
	return nil, fmt.Errorf("%s %s: no node of %s is up", method, path, c.Name())
}

func (n *Node) do(ctx context.Context, method, path, body string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, n.URL+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		r.Header.Set("Content-Type", contentType(path))
	}
	if n.login.username != "" {
		r.SetBasicAuth(n.login.username, n.login.password)
	}
	answer, err := n.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, compact(b))
	}
	return b, nil
}

func contentType(path string) string {
	path, _, _ = strings.Cut(path, "?")
	if strings.HasSuffix(path, "/_bulk") || strings.HasSuffix(path, "/_msearch") {
		return "application/x-ndjson"
	}
	return "application/json"
}

// compact shortens an answer for an error message.
func compact(b []byte) string {
	const most = 2000
	b = bytes.TrimSpace(b)
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
