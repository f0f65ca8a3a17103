// Package testenv gives tests real servers: Elasticsearch, OpenSearch, Jaeger, HotROD, Prometheus and Alertmanager, as
// plain processes on the loopback interface, fetched once into a cache outside the tree, and a real browser. What a test
// asserts with them is the test's affair; nothing outside tests and the Makefile imports this package.
//
// "make test" starts the shared clusters, one per version, and names them to the tests through the variable
// TRACESLO_TEST_SERVERS. A plain "go test ./..." has none, and every function that needs a real server then skips the
// test with a line that says how to run it. "make servers" keeps the shared clusters up and prints the variable, so that
// a single live test can be run again and again.
//
//	func TestReads(t *testing.T) {
//		testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
//			prefix := c.Prefix(t) // unique, lower case; its indices are deleted when the test ends
//			c.Do(t, "PUT", "/"+prefix+"-a", `{"settings":{"number_of_shards":3}}`)
//		})
//	}
//
// Shared returns all shared clusters, SharedCluster the one of a flavor and version. A test that must configure, stop or
// kill a cluster starts its own with StartCluster: TLS and users with Security, several nodes with Nodes, and each
// Node can be killed and restarted. StartJaegerV1, StartJaegerV2, StartHotROD, StartPrometheus and StartAlertmanager
// start the rest; Promtool, Amtool, Sloth, Helm and Kubeconform run those programs to their end. NodeModules,
// NodeProject, Python and PythonProject give what runs in those languages its packages. StartBrowser starts Chromium,
// which visits pages and tells what it saw; Schemathesis holds an API against its OpenAPI file. Binary builds a command
// of this module, BuildImage an image, StartProcess runs a program, Eventually polls. Whatever a test starts ends with
// it, and dies with the test process if that is killed.
package testenv

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"
)

// ServersVariable is the environment variable that holds the path of the file describing the shared servers.
const ServersVariable = "TRACESLO_TEST_SERVERS"

// A Log receives one line of progress; t.Logf is one.
type Log func(format string, args ...any)

// Servers describes the shared servers of one test run, as "make test" hands it to the tests.
type Servers struct {
	Clusters []*Cluster `json:"clusters"`
	Missing  []Missing  `json:"missing,omitempty"` // What this machine cannot run, and why.
}

// Missing is a version that should be tested and cannot be had on this machine.
type Missing struct {
	Flavor  string `json:"flavor"`
	Version string `json:"version"`
	Reason  string `json:"reason"`
}

// Live skips the test unless it runs with the real servers.
func Live(t testing.TB) {
	t.Helper()
	if os.Getenv(ServersVariable) == "" {
		t.Skip("real servers: run `make test` (see CONTRIBUTING.md)")
	}
}

// Shared returns the servers that "make test" started, and skips the test if it did not.
func Shared(t testing.TB) *Servers {
	t.Helper()
	Live(t)
	s, err := readServers(os.Getenv(ServersVariable))
	if err != nil {
		t.Fatalf("%s: %v", ServersVariable, err)
	}
	return s
}

// SharedCluster returns the shared cluster of a flavor and version, and skips the test if this machine cannot run it.
func SharedCluster(t testing.TB, flavor, version string) *Cluster {
	t.Helper()
	s := Shared(t)
	for _, c := range s.Clusters {
		if c.Flavor == flavor && c.Version == version {
			return c
		}
	}
	for _, m := range s.Missing {
		if m.Flavor == flavor && m.Version == version {
			t.Skipf("%s %s: %s", flavor, version, m.Reason)
		}
	}
	t.Fatalf("%s %s is not a shared cluster", flavor, version)
	return nil
}

// EachCluster runs a subtest for each shared version; a version that this machine cannot run is skipped and says why.
func EachCluster(t *testing.T, f func(t *testing.T, c *Cluster)) {
	t.Helper()
	s := Shared(t)
	for _, c := range s.Clusters {
		t.Run(c.Name(), func(t *testing.T) { f(t, c) })
	}
	for _, m := range s.Missing {
		t.Run(m.Flavor+"-"+m.Version, func(t *testing.T) { t.Skip(m.Reason) })
	}
}

// Eventually calls f until it returns nil, and fails the test with f's last error when it has not within the given time.
func Eventually(t testing.TB, within time.Duration, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if err := poll(ctx, f); err != nil {
		t.Fatalf("not within %s: %v", within, err)
	}
}

// poll calls f twenty times a second until it returns nil or ctx ends; the error is then f's last one.
func poll(ctx context.Context, f func() error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

func readServers(path string) (*Servers, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s Servers
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	return &s, nil
}

// Write puts the description where Shared finds it, once ServersVariable names the path.
func (s *Servers) Write(path string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
