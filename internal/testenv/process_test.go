package testenv_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/testenv"
)

func shell(t *testing.T, script string) *testenv.Process {
	t.Helper()
	return testenv.StartProcess(t, testenv.Command{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"GREETING=hello"}})
}

func TestProcessTellsOutputAndExitCode(t *testing.T) {
	p := shell(t, `echo "$GREETING"; echo woe >&2; exit 3`)
	if got := p.ExitCode(); got != 3 {
		t.Errorf("exit code %d, want 3", got)
	}
	if got := p.Stdout(); got != "hello\n" {
		t.Errorf("stdout %q, want hello", got)
	}
	if got := p.Stderr(); got != "woe\n" {
		t.Errorf("stderr %q, want woe", got)
	}
	if p.Err() == nil {
		t.Error("got no error, want one for exit code 3")
	}
}

func TestTerminateWaitsForAnOrderlyEnd(t *testing.T) {
	p := shell(t, `trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done`)
	p.WaitOutput(t, "up", 10*time.Second)
	if err := p.Terminate(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if got := p.ExitCode(); got != 0 || !strings.Contains(p.Stdout(), "bye") {
		t.Errorf("exit code %d, wrote %q; want 0 and bye", got, p.Stdout())
	}
}

func TestTerminateKillsWhatDoesNotHeed(t *testing.T) {
	p := shell(t, `trap '' TERM; echo up; while :; do sleep 0.05; done`)
	p.WaitOutput(t, "up", 10*time.Second)
	if err := p.Terminate(100 * time.Millisecond); err == nil {
		t.Error("got no error, want one that tells of the kill")
	}
	if got := p.ExitCode(); got != -1 {
		t.Errorf("exit code %d, want -1", got)
	}
}

func TestKillTakesTheChildrenToo(t *testing.T) {
	p := shell(t, `sleep 600 & echo $!; wait`)
	p.WaitOutput(t, "\n", 10*time.Second)
	child := number(t, strings.TrimSpace(p.Stdout()))
	p.Kill()
	testenv.Eventually(t, 10*time.Second, func() error {
		return gone(child)
	})
	p.Kill() // Once more does no harm.
	if err := p.Signal(syscall.SIGTERM); err == nil {
		t.Error("a signal to an ended process gave no error")
	}
}
