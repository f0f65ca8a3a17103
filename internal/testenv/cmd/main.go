// Command cmd runs the tests with the real servers that package testenv gives. The Makefile calls it.
//
//	test [argument ...]  starts the shared servers, runs go test with the arguments, stops the servers
//	serve                starts the shared servers, says how to use them, stops them when interrupted
//	prepare              brings all that the tests need into the cache
//	tool name            prints the path of a program that the cache holds, and builds it first if need be
//
// Progress goes to standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/traceslo/traceslo/internal/testenv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	go cancelWithParent(ctx, cancel)
	code, err := run(ctx, os.Args[1:])
	cancel()
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "testenv: %v\n", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// cancelWithParent calls cancel when the process that started us has ended: go run does not hand SIGTERM on to us.
func cancelWithParent(ctx context.Context, cancel func()) {
	parent := os.Getppid()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for os.Getppid() == parent {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	cancel()
}

func run(ctx context.Context, args []string) (code int, err error) {
	if len(args) == 0 {
		return 2, errors.New("say test, serve, prepare or tool")
	}
	switch args[0] {
	case "prepare":
		return 0, testenv.Prepare(ctx, progress)
	case "tool":
		if len(args) != 2 {
			return 2, errors.New("tool takes one name")
		}
		path, err := testenv.Tool(ctx, progress, args[1])
		if err == nil {
			fmt.Println(path)
		}
		return 0, err
	case "test":
		err = withServers(ctx, func(path string) error {
			code, err = goTest(ctx, path, args[1:])
			return err
		})
		return code, err
	case "serve":
		return 0, withServers(ctx, func(path string) error {
			fmt.Printf("export %s=%s\n", testenv.ServersVariable, path)
			progress("the servers are up: paste the line above into another shell and run go test there; interrupt to stop them")
			<-ctx.Done()
			return nil
		})
	default:
		return 2, fmt.Errorf("%q is none of test, serve, prepare and tool", args[0])
	}
}

// withServers starts the shared servers, calls f with the path of their description, and stops them however f ends.
func withServers(ctx context.Context, f func(path string) error) error {
	if err := testenv.Prepare(ctx, progress); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "traceslo-servers-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	servers, err := testenv.StartShared(ctx, progress)
	if err != nil {
		return err
	}
	defer servers.Close()
	path := filepath.Join(dir, "servers.json")
	if err := servers.Write(path); err != nil {
		return err
	}
	return f(path)
}

// goTest runs go test and returns its exit code. When ctx ends, it and the tests it runs are interrupted.
func goTest(ctx context.Context, servers string, args []string) (int, error) {
	c := exec.CommandContext(ctx, "go", append([]string{"test"}, args...)...)
	// What the tests leave when they are interrupted goes with our own folder, which servers of other users must enter.
	temp := filepath.Join(filepath.Dir(servers), "tmp")
	if err := os.Mkdir(temp, 0o755); err != nil {
		return 0, err
	}
	c.Env = append(os.Environ(), testenv.ServersVariable+"="+servers, "TMPDIR="+temp)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	testenv.InterruptGroup(c)
	c.WaitDelay = 30 * time.Second
	start := time.Now()
	err := c.Run()
	progress("go test: done in %s", time.Since(start).Round(time.Second))
	if ctx.Err() != nil {
		return 1, errors.New("interrupted")
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "testenv: "+format+"\n", args...)
}
