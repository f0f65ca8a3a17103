package testenv

import (
	"path/filepath"
	"syscall"
	"testing"
)

// PrometheusOptions says what a Prometheus scrapes and evaluates.
type PrometheusOptions struct {
	Config string            // The text of prometheus.yml.
	Files  map[string]string // Further files by name, such as rules; the configuration names them relative to itself.
	Args   []string          // Further flags, such as --enable-feature=exemplar-storage.
}

// A Prometheus is a running Prometheus.
type Prometheus struct {
	URL     string // Of its API, without a trailing slash: URL + "/api/v1/query?query=up".
	Dir     string // Holds prometheus.yml and the further files. Reload makes changes to them heard.
	Process *Process
}

// StartPrometheus starts a Prometheus and waits until it is ready. It ends with the test.
func StartPrometheus(t testing.TB, o PrometheusOptions) *Prometheus {
	t.Helper()
	path := tool(t, "prometheus")
	dir := t.TempDir()
	mustWriteFiles(t, dir, o.Files)
	mustWriteFiles(t, dir, map[string]string{"prometheus.yml": o.Config})
	process, p := listen(t, 1, func(p *ports) Command {
		args := []string{
			"--config.file=" + filepath.Join(dir, "prometheus.yml"),
			"--storage.tsdb.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + p.address(0),
			"--log.level=warn",
			// An alert that fires before Alertmanager is found is told again only after that.
			"--rules.alert.resend-delay=1s",
		}
		return Command{Path: path, Args: append(args, o.Args...), Dir: dir}
	}, "/-/ready")
	return &Prometheus{URL: p.url(0), Dir: dir, Process: process}
}

// Reload tells Prometheus to read its configuration again; it does so soon after.
func (p *Prometheus) Reload(t testing.TB) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// Promtool runs promtool in a folder that holds the given files, and returns its output and how it ended.
func Promtool(t testing.TB, files map[string]string, args ...string) (string, error) {
	t.Helper()
	return runTool(t, "promtool", files, args)
}
