package testenv

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// startTime bounds how long a node may take from its start to its first answer, on a busy machine.
const startTime = 5 * time.Minute

// A Node is one server process of a cluster. It keeps its ports and its data when it is restarted.
type Node struct {
	Name string
	URL  string

	server  server
	dir     string // Holds config, data, logs and tmp.
	ports   *ports // HTTP, transport.
	client  *http.Client
	login   login
	process *Process
}

// A server is an unpacked distribution with the Java runtime to run it.
type server struct {
	Distribution
	home string
	java java
}

func ensureServer(ctx context.Context, log Log, d Distribution) (server, error) {
	j, err := ensureJava(ctx, log, d.minJava, d.maxJava)
	if err != nil {
		return server{}, err
	}
	home, err := d.Ensure(ctx, log)
	return server{d, home, j}, err
}

// prepare lays the node's folders.
func (n *Node) prepare() error {
	for _, d := range []string{"config", "data", "logs", "tmp"} {
		if err := os.MkdirAll(filepath.Join(n.dir, d), 0o755); err != nil {
			return err
		}
	}
	config := filepath.Join(n.dir, "config")
	if err := os.CopyFS(config, os.DirFS(filepath.Join(n.server.home, "config"))); err != nil {
		return err
	}
	path := filepath.Join(config, "jvm.options")
	options, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, jvmOptions(options, n.server.java), 0o644)
}

// start starts the node's process and does not wait for it.
func (n *Node) start(settings map[string]string, heapMiB int) error {
	if err := handOver(n.dir); err != nil {
		return err
	}
	all := map[string]string{
		"node.name":      n.Name,
		"path.data":      filepath.Join(n.dir, "data"),
		"path.logs":      filepath.Join(n.dir, "logs"),
		"network.host":   "127.0.0.1",
		"http.port":      strconv.Itoa(n.ports.numbers[0]),
		"transport.port": strconv.Itoa(n.ports.numbers[1]),
		// Tests fill neither the disk nor wait for one that somebody else filled.
		"cluster.routing.allocation.disk.threshold_enabled": "false",
		"action.destructive_requires_name":                  "false",
	}
	for k, v := range settings {
		all[k] = v
	}
	var args []string
	for k, v := range sorted(all) {
		args = append(args, "-E", k+"="+v)
	}
	prefix := "ES_"
	if n.server.Flavor == OpenSearch {
		prefix = "OPENSEARCH_"
	}
	p, err := Start(Command{
		Path: filepath.Join(n.server.home, "bin", n.server.Flavor),
		Args: args,
		Dir:  n.dir,
		Env: []string{
			"PATH=" + os.Getenv("PATH"),
			"HOME=" + n.dir,
			"LANG=C.UTF-8",
			prefix + "JAVA_HOME=" + n.server.java.home,
			prefix + "PATH_CONF=" + filepath.Join(n.dir, "config"),
			prefix + "TMPDIR=" + filepath.Join(n.dir, "tmp"),
			fmt.Sprintf("%sJAVA_OPTS=-Xms%dm -Xmx%dm", prefix, heapMiB, heapMiB),
		},
		Bare:         true,
		Unprivileged: true,
		LogDir:       filepath.Join(n.dir, "logs"),
	})
	n.process = p
	return err
}

// wait waits until the node belongs to a cluster that has a master.
func (n *Node) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	return n.process.become(ctx, func() error {
		// Not every bare server has a handler for "/".
		if _, err := n.do(ctx, http.MethodGet, "/_nodes/_local?filter_path=nodes.*.version", ""); err != nil {
			return err
		}
		_, err := n.do(ctx, http.MethodGet, "/_cluster/health?timeout=1s&master_timeout=1s", "")
		return err
	})
}

// portTaken tells a failed start whose port was taken between our look and its bind.
func portTaken(log string) bool {
	return strings.Contains(log, "BindException") || strings.Contains(log, "BindTransportException") ||
		strings.Contains(log, "BindHttpException") || strings.Contains(log, "address already in use")
}

// Kill kills the node as kill -9 would.
func (n *Node) Kill() { n.process.Kill() }

// Stop stops the node as an operator would, with SIGTERM.
func (n *Node) Stop(t testing.TB) {
	t.Helper()
	if err := n.process.Terminate(time.Minute); err != nil {
		t.Fatal(err)
	}
}

// Process returns the node's process; Restart makes a new one.
func (n *Node) Process() *Process { return n.process }
