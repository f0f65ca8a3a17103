package testenv

import (
	"context"
	"testing"
	"time"
)

// listen starts a program that listens on n ports and waits until the path on the first answers 200. It is started anew,
// on others, when one of the ports was taken meanwhile. It ends with the test.
func listen(t testing.TB, n int, command func(p *ports) Command, path string) (*Process, *ports) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		p, err := reservePorts(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.release)
		process := StartProcess(t, command(p))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err = process.become(ctx, func() error { return answers(ctx, p.url(0)+path) })
		cancel()
		if err == nil {
			return process, p
		}
		process.Kill()
		if attempt == 3 || !portTaken(err.Error()) {
			t.Fatal(err)
		}
	}
}

// tool returns the path of a program for a test that wants the real servers, and skips the test if it does not.
func tool(t testing.TB, name string) string {
	t.Helper()
	Live(t)
	path, err := Tool(t.Context(), t.Logf, name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// runTool runs a program to its end in a folder that holds the given files, and returns its standard output. The error
// of one that ends badly holds the last lines that it wrote.
func runTool(t testing.TB, name string, files map[string]string, args []string) (string, error) {
	t.Helper()
	path := tool(t, name)
	dir := t.TempDir()
	mustWriteFiles(t, dir, files)
	return output(t.Context(), dir, nil, path, args...)
}
