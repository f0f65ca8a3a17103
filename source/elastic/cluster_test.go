package elastic_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(tests{m}) }

// tests are those of the package, and the end of what the test environment keeps open for them.
type tests struct{ *testing.M }

// Run implements goleak.TestingM.
func (t tests) Run() int {
	defer http.DefaultClient.CloseIdleConnections()
	return t.M.Run()
}

// A cluster plays Elasticsearch: it answers with what was recorded, unless the
// test says otherwise, and remembers what it was asked.
type cluster struct {
	t testing.TB
	// recorded is the folder of the answers.
	recorded string
	// on answers an operation instead; it returns false for the recorded answer.
	on map[string]func(w http.ResponseWriter, r *http.Request, body []byte) bool

	mu    sync.Mutex
	asked []request
}

// A request is one that the cluster was sent.
type request struct {
	operation string
	header    http.Header
	text      string // method, path, query and body, for a golden
}

// The index that the recorded answers tell most of, with two shards.
const recordedIndex = "rec-jaeger-span-2026-01-02"

func newCluster(t testing.TB) *cluster {
	return &cluster{t: t, recorded: filepath.Join("testdata", "answer", "elasticsearch-8.19.7"), on: map[string]func(http.ResponseWriter, *http.Request, []byte) bool{}}
}

// answer makes the cluster answer an operation always so, and with success.
func (c *cluster) answer(operation, body string) {
	c.on[operation] = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
		return true
	}
}

// ServeHTTP implements http.Handler.
func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	operation := operationOf(r.URL.Path)
	c.mu.Lock()
	c.asked = append(c.asked, request{operation, r.Header.Clone(), textOf(r, body)})
	c.mu.Unlock()
	if on := c.on[operation]; on != nil && on(w, r, body) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(c.read(operation, r.URL.Query()))
}

func (c *cluster) read(operation string, query url.Values) []byte {
	if operation == "search" && query.Get("preference") == "_shards:1" {
		operation = "search1"
	}
	b, err := os.ReadFile(filepath.Join(c.recorded, operation+".json"))
	if err != nil {
		c.t.Error(err)
	}
	return b
}

// operationOf names the recorded answer to a path.
func operationOf(path string) string {
	switch {
	case strings.HasPrefix(path, "/_cluster/state"):
		return "cluster"
	case strings.HasPrefix(path, "/_nodes/_local"):
		return "node"
	case strings.HasPrefix(path, "/_nodes/_master"):
		return "clock"
	case strings.HasSuffix(path, "/_stats/docs"):
		return "stats"
	}
	return path[strings.LastIndex(path, "/_")+2:]
}

// textOf writes a request down, its query sorted and decoded.
func textOf(r *http.Request, body []byte) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL.Path)
	query := r.URL.Query()
	var names []string
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "  %s=%s\n", name, strings.ReplaceAll(query.Get(name), ",", ",\n    "))
	}
	if len(body) > 0 {
		b.WriteString("\n")
		if err := json.Indent(&b, body, "", "  "); err != nil {
			fmt.Fprintf(&b, "no JSON: %v: %s", err, body)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// requests returns the operations that the cluster was asked since the last call.
func (c *cluster) requests() []request {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := c.asked
	c.asked = nil
	return asked
}

func operations(asked []request) []string {
	var names []string
	for _, r := range asked {
		names = append(names, r.operation)
	}
	return names
}

// serve lets a source talk to the cluster without a network, so that the
// source's waits take no time in a synctest bubble. What it returns ends all.
func (c *cluster) serve(change func(*elastic.Options)) (s *elastic.Source, end func()) {
	c.t.Helper()
	pipes := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: c}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(pipes) }()
	o := elastic.Options{Config: elastic.Default(), Log: zerolog.New(zerolog.NewTestWriter(c.t))}
	o.Config.IndexPrefix = "rec"
	if change != nil {
		change(&o)
	}
	s, err := elastic.NewWithDial(o, pipes.dial)
	if err != nil {
		c.t.Fatal(err)
	}
	return s, func() {
		s.Close()
		_ = server.Close()
		<-done
	}
}

// pipes is a listener that hands out ends of pipes.
type pipes struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept, Close and Addr implement net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.once.Do(func() { close(p.closed) }); return nil }

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// find returns an index of a survey.
func find(t testing.TB, v source.Survey, name string) source.Index {
	t.Helper()
	for _, index := range v.Indices {
		if index.Name == name {
			return index
		}
	}
	t.Fatalf("%s is not in %+v", name, v.Indices)
	return source.Index{}
}

// all returns everything of a shard of an index.
func all(v source.Survey, index source.Index, shard int) source.Range {
	return source.Range{Index: index.Name, UUID: index.UUID, Shard: shard, After: -1, Upto: index.Shards[shard].Upto, Surveyed: v.Taken}
}
