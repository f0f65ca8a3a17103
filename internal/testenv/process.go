package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Command says what to start.
type Command struct {
	Path string
	Args []string
	Dir  string   // Working folder; ours if empty.
	Env  []string // Added to our environment; all of the environment if Bare.
	Bare bool
	// Unprivileged starts it as another user if we are root.
	Unprivileged bool
	// LogDir is where stdout and stderr are written; a temporary folder if empty.
	LogDir string
}

// A Process is a running or ended child of ours. It dies with us, however we end. Its methods may be called at once from
// several goroutines.
type Process struct {
	cmd            *exec.Cmd
	stdout, stderr string        // Paths.
	done           chan struct{} // Closed when it has ended and err is set.
	err            error
}

// Start starts a process. Who starts it stops it.
func Start(c Command) (*Process, error) {
	dir := c.LogDir
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "traceslo-process-"); err != nil {
			return nil, err
		}
	}
	p := &Process{
		stdout: filepath.Join(dir, "stdout.log"),
		stderr: filepath.Join(dir, "stderr.log"),
		done:   make(chan struct{}),
	}
	// Files, not pipes: a pipe would keep us waiting for grandchildren, and is lost when we are.
	out, err := os.OpenFile(p.stdout, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	errs, err := os.OpenFile(p.stderr, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = errs.Close() }()

	// No context: the process ends by Kill, Terminate or our end.
	p.cmd = exec.CommandContext(context.Background(), c.Path, c.Args...)
	p.cmd.Dir, p.cmd.Env = c.Dir, c.Env
	if !c.Bare {
		p.cmd.Env = append(os.Environ(), c.Env...)
	}
	p.cmd.Stdout, p.cmd.Stderr = out, errs
	p.cmd.SysProcAttr = attributes(c.Unprivileged)

	started := make(chan error)
	go func() {
		// The kernel takes the end of the thread that started the child for our end, so the thread must stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %q: %w", filepath.Base(c.Path), err)
	}
	return p, nil
}

// StartProcess starts a process that is killed when the test ends, and whose output is logged if the test failed.
func StartProcess(t testing.TB, c Command) *Process {
	t.Helper()
	if c.LogDir == "" {
		c.LogDir = t.TempDir()
	}
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", filepath.Base(c.Path), p.Tail())
		}
	})
	return p
}

// Pid returns the process's number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

func (p *Process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Err returns how the process ended, nil for exit code 0. It waits for the end.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// ExitCode waits for the end and returns the exit code, -1 if a signal ended it.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends a signal to the process alone.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends the process and its children at once, as kill -9 would, and waits for the end. It may be called again.
func (p *Process) Kill() {
	if !p.ended() {
		_ = killGroup(p.Pid())
		<-p.done
	}
}

// Terminate asks the process to end with SIGTERM and waits for it. If it does not end in time it is killed, which is an
// error; how it ended by itself is not, and is told by Err.
func (p *Process) Terminate(within time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		p.Kill()
		return fmt.Errorf("%s did not end within %s of SIGTERM", filepath.Base(p.cmd.Path), within)
	}
}

// Stdout returns what the process has written to its standard output until now.
func (p *Process) Stdout() string { return read(p.stdout) }

// Stderr returns what the process has written to its standard error until now.
func (p *Process) Stderr() string { return read(p.stderr) }

// Tail returns the last lines of standard output and standard error.
func (p *Process) Tail() string {
	return strings.TrimSpace(tail(p.Stdout(), 40) + "\n" + tail(p.Stderr(), 40))
}

// WaitOutput waits until the output holds a text, and fails the test if the process ends first or the time runs out.
func (p *Process) WaitOutput(t testing.TB, text string, within time.Duration) {
	t.Helper()
	p.mustBecome(t, within, func() error {
		if strings.Contains(p.Stdout(), text) || strings.Contains(p.Stderr(), text) {
			return nil
		}
		return fmt.Errorf("no %q in its output", text)
	})
}

// WaitHTTP waits until a GET of url answers 200, and fails the test if the process ends first or the time runs out.
func (p *Process) WaitHTTP(t testing.TB, url string, within time.Duration) {
	t.Helper()
	p.mustBecome(t, within, func() error { return answers(t.Context(), url) })
}

func (p *Process) mustBecome(t testing.TB, within time.Duration, ready func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if err := p.become(ctx, ready); err != nil {
		t.Fatal(err)
	}
}

// become waits until ready returns nil. Its error holds the end of the process's output.
func (p *Process) become(ctx context.Context, ready func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-p.done:
			cancel()
		case <-stop:
		}
	}()
	err := poll(ctx, ready)
	if err == nil {
		return nil
	}
	name := filepath.Base(p.cmd.Path)
	if p.ended() {
		return fmt.Errorf("%s ended (%s) before it was ready; it wrote:\n%s", name, p.cmd.ProcessState, p.Tail())
	}
	return fmt.Errorf("%s is not ready: %w; it wrote:\n%s", name, err, p.Tail())
}

// answers returns nil if a GET of url answers 200.
func answers(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = a.Body.Close() }()
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, a.Status)
	}
	return nil
}

func read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// tail returns the last n lines of s.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
