package testenv

import (
	"path/filepath"
	"syscall"
	"testing"
)

// An Alertmanager is a running Alertmanager, alone in its cluster.
type Alertmanager struct {
	URL     string // Of its API, without a trailing slash: URL + "/api/v2/alerts".
	Address string // The same as host:port: a target of Prometheus' alerting.alertmanagers.
	Dir     string // Holds alertmanager.yml. Reload makes a change to it heard.
	Process *Process
}

// StartAlertmanager starts an Alertmanager with the text of an alertmanager.yml and waits until it is ready. It ends
// with the test.
func StartAlertmanager(t testing.TB, config string) *Alertmanager {
	t.Helper()
	path := tool(t, "alertmanager")
	dir := t.TempDir()
	mustWriteFiles(t, dir, map[string]string{"alertmanager.yml": config})
	process, p := listen(t, 1, func(p *ports) Command {
		args := []string{
			"--config.file=" + filepath.Join(dir, "alertmanager.yml"),
			"--storage.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + p.address(0),
			"--cluster.listen-address=",
		}
		return Command{Path: path, Args: args, Dir: dir}
	}, "/-/ready")
	return &Alertmanager{URL: p.url(0), Address: p.address(0), Dir: dir, Process: process}
}

// Reload tells Alertmanager to read its configuration again; it does so soon after.
func (a *Alertmanager) Reload(t testing.TB) {
	t.Helper()
	if err := a.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// Amtool runs amtool in a folder that holds the given files, and returns its output and how it ended.
func Amtool(t testing.TB, files map[string]string, args ...string) (string, error) {
	t.Helper()
	return runTool(t, "amtool", files, args)
}
