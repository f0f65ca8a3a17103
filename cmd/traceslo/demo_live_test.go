package main_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/footanalytics"
)

// TestDemoThroughElasticsearch lets the demo write into a real cluster and
// read it from there, and check --live look at it before and after.
func TestDemoThroughElasticsearch(t *testing.T) {
	t.Parallel() // It waits more than it works.
	c := testenv.StartCluster(t, testenv.ClusterOptions{Flavor: testenv.Elasticsearch, Version: "8.19.7"})
	binary := testenv.Binary(t, "./cmd/traceslo")
	config := filepath.Join(t.TempDir(), "traceslo.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "source: {elasticsearch: {addresses: [%s], index_prefix: footanalytics}}\n", c.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func() (string, error) {
		out, err := exec.Command(binary, "check", "--live", "--config.file="+config).CombinedOutput()
		return string(out), err
	}
	if out, err := check(); err == nil || !strings.Contains(out, "fault    there is no index") || !strings.Contains(out, "the cluster is not fit to be read: 1 fault") {
		t.Errorf("of an empty cluster, check says %v:\n%s", err, out)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	history := demoSpans(t, time.Now())
	demo := testenv.StartProcess(t, testenv.Command{Path: binary, Args: []string{"demo", "--elasticsearch=" + c.URL, "--web.listen-address=" + address}})
	testenv.Eventually(t, 5*time.Minute, func() error {
		families, err := scrape("http://" + address)
		if err != nil {
			return err
		}
		if got := sum(families, "traceslo_source_spans_total"); got < history || sum(families, "traceslo_source_catching_up") != 0 {
			return fmt.Errorf("%v spans read of %v\n%s", got, history, demo.Tail())
		}
		return nil
	})
	if out, err := check(); err != nil || !strings.Contains(out, "can be searched") {
		t.Errorf("of the demo's cluster, check says %v:\n%s", err, out)
	}
	if err := demo.Terminate(2 * time.Second); err != nil {
		t.Error(err)
	}
	if demo.Err() != nil {
		t.Errorf("the demo ended with %v", demo.Err())
	}
}

// demoSpans returns how many spans of the demo's platform ended in the 50
// minutes before a time: a demo that starts then, with its hour of history,
// must read at least these. How busy the platform is hangs on the hour.
func demoSpans(t *testing.T, at time.Time) float64 {
	t.Helper()
	platform, err := footanalytics.New(footanalytics.Options{Seed: 1, History: 50 * time.Minute, Clock: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	survey, err := platform.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	index, spans := survey.Indices[0], 0
	all := source.Range{Index: index.Name, UUID: index.UUID, After: -1, Upto: index.Shards[0].Upto}
	if err := platform.Read(t.Context(), all, func(p *source.Page) error { spans += len(p.Spans); return nil }); err != nil {
		t.Fatal(err)
	}
	if spans == 0 {
		t.Fatal("the platform has no spans")
	}
	return float64(spans)
}
