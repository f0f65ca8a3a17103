package testenv

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// ClusterOptions says which cluster StartCluster starts. The zero value of each field but Flavor and Version is fit.
type ClusterOptions struct {
	Flavor, Version string
	Nodes           int               // 1 if zero.
	HeapMiB         int               // Of each node; 512 if zero.
	Security        bool              // TLS on the HTTP port, and a login; Elasticsearch 8 and later.
	Settings        map[string]string // Further settings of every node, as in elasticsearch.yml.
	// DataDir is the data folder of the only node, kept when the cluster ends; OpenDir makes a fit one. Empty: temporary.
	DataDir string
}

// A Cluster is a running Elasticsearch or OpenSearch.
type Cluster struct {
	Flavor  string `json:"flavor"` // Elasticsearch or OpenSearch.
	Version string `json:"version"`
	URL     string `json:"url"` // Of the first node, without a trailing slash.

	// With Security only: a superuser, and the file with the certificate that vouches for the nodes.
	Username string `json:"-"`
	Password string `json:"-"`
	CAFile   string `json:"-"`

	nodes    []*Node
	dir      string
	settings map[string]string
	heapMiB  int
}

// Name returns the flavor and the version, fit for a subtest.
func (c *Cluster) Name() string { return c.Flavor + "-" + c.Version }

// Major returns the first number of the version.
func (c *Cluster) Major() int {
	major, _, _ := strings.Cut(c.Version, ".")
	n, err := strconv.Atoi(major)
	if err != nil {
		panic("version " + c.Version)
	}
	return n
}

// Nodes returns the nodes of a cluster that the test started itself; a shared cluster shows none.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// StartCluster starts a cluster that ends with the test, and waits until it answers. The test is skipped if the real
// servers are not wanted, or this machine cannot run the version.
func StartCluster(t testing.TB, o ClusterOptions) *Cluster {
	t.Helper()
	Live(t)
	d, err := distribution(o.Flavor, o.Version)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ensureServer(t.Context(), t.Logf, d)
	if err != nil {
		t.Skipf("%s: %v", d, err)
	}
	if o.Security {
		if s, err = s.withSecurity(t.Context(), t.Logf); err != nil {
			t.Fatal(err)
		}
	}
	c, err := startCluster(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, n := range c.nodes {
				t.Logf("%s wrote:\n%s", n.Name, n.process.Tail())
			}
		}
		c.Close()
	})
	return c
}

// startCluster starts a cluster and waits until all its nodes have found each other.
func startCluster(ctx context.Context, s server, o ClusterOptions) (*Cluster, error) {
	for attempt := 1; ; attempt++ {
		c, err := tryCluster(ctx, s, o)
		if err == nil {
			return c, nil
		}
		c.Close()
		if attempt == 3 || !portTaken(err.Error()) {
			return nil, fmt.Errorf("start %s: %w", s, err)
		}
	}
}

// tryCluster returns what it has started even when it fails.
func tryCluster(ctx context.Context, s server, o ClusterOptions) (*Cluster, error) {
	c := &Cluster{Flavor: o.Flavor, Version: o.Version, heapMiB: max(o.HeapMiB, 0), settings: map[string]string{}}
	if c.heapMiB == 0 {
		c.heapMiB = 512
	}
	var err error
	if c.dir, err = os.MkdirTemp("", "traceslo-"+s.String()+"-"); err != nil {
		return c, err
	}
	if err := os.Chmod(c.dir, 0o755); err != nil {
		return c, err
	}
	scheme, secret := "http", login{}
	client := &http.Client{}
	if o.Security {
		scheme = "https"
		if secret, err = newLogin(c.dir); err != nil {
			return c, err
		}
		c.Username, c.Password, c.CAFile = secret.username, secret.password, secret.caFile
		client = secret.client()
	}
	for i := range max(o.Nodes, 1) {
		n := &Node{Name: "node-" + strconv.Itoa(i), server: s, client: client, login: secret}
		n.dir = filepath.Join(c.dir, n.Name)
		if n.ports, err = reservePorts(ctx, 2); err != nil {
			return c, err
		}
		n.URL = scheme + "://" + n.ports.address(0)
		c.nodes = append(c.nodes, n)
		if err := n.prepare(); err != nil {
			return c, err
		}
		if o.Security {
			if err := secret.install(filepath.Join(n.dir, "config")); err != nil {
				return c, err
			}
		}
	}
	c.URL = c.nodes[0].URL
	c.configure(o)
	if o.DataDir != "" {
		if err := handOver(o.DataDir); err != nil {
			return c, err
		}
	}
	for _, n := range c.nodes {
		if err := n.start(c.settings, c.heapMiB); err != nil {
			return c, err
		}
	}
	for _, n := range c.nodes {
		if err := n.wait(ctx); err != nil {
			return c, err
		}
	}
	_, err = c.nodes[0].do(ctx, http.MethodGet, "/_cluster/health?timeout=60s&wait_for_nodes="+strconv.Itoa(len(c.nodes)), "")
	return c, err
}

// configure sets what all nodes share.
func (c *Cluster) configure(o ClusterOptions) {
	// A name of its own, so that no node of another cluster on this machine is ever taken in.
	c.settings["cluster.name"] = filepath.Base(c.dir)
	if len(c.nodes) == 1 {
		c.settings["discovery.type"] = "single-node"
	} else {
		names, seeds := make([]string, len(c.nodes)), make([]string, len(c.nodes))
		for i, n := range c.nodes {
			names[i], seeds[i] = n.Name, n.ports.address(1)
		}
		master := "cluster.initial_master_nodes"
		if c.Flavor == OpenSearch {
			master = "cluster.initial_cluster_manager_nodes"
		}
		c.settings[master] = strings.Join(names, ",")
		c.settings["discovery.seed_hosts"] = strings.Join(seeds, ",")
	}
	if c.Flavor == Elasticsearch {
		c.settings["xpack.security.enabled"] = strconv.FormatBool(o.Security)
		if o.Security {
			maps.Copy(c.settings, securitySettings())
		}
	}
	if o.DataDir != "" {
		c.settings["path.data"] = o.DataDir
	}
	maps.Copy(c.settings, o.Settings)
}

// OpenDir makes a folder that a server can use even if it runs as another user, which t.TempDir does not. It is deleted
// when the test ends.
func OpenDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "traceslo-dir-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Restart starts a killed or stopped node again, on its ports and with its data, and waits until it is in the cluster.
func (c *Cluster) Restart(t testing.TB, n *Node) {
	t.Helper()
	n.process.Kill()
	if err := n.start(c.settings, c.heapMiB); err != nil {
		t.Fatal(err)
	}
	if err := n.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Close kills the nodes and deletes what they wrote.
func (c *Cluster) Close() {
	for _, n := range c.nodes {
		if n.process != nil {
			n.process.Kill()
		}
		if n.ports != nil {
			n.ports.release()
		}
	}
	_ = os.RemoveAll(c.dir)
}

// Client returns an HTTP client that trusts the cluster; with Security, requests need the Username and Password besides.
func (c *Cluster) Client(t testing.TB) *http.Client {
	t.Helper()
	if c.CAFile == "" {
		return &http.Client{}
	}
	return c.nodes[0].client
}
