package testenv

import "testing"

// schemathesisFolder names the packages of Schemathesis.
const schemathesisFolder = "internal/testenv/schemathesis"

// Schemathesis asks the API at a URL all that its OpenAPI file, at another, allows, and more: examples, edges of values,
// what is not allowed, and then so many arbitrary requests for each operation, always the same ones. It returns what
// Schemathesis wrote, and an error if an answer was not as the file says, or the server failed. Checks are named as
// Schemathesis does, separated by commas; those in except are left out.
func Schemathesis(t testing.TB, file, url, requests, except string) (string, error) {
	t.Helper()
	python := Python(t, schemathesisFolder)
	args := []string{
		"-m", "schemathesis.cli", "run", file, "--url", url, "--no-color", "--max-examples", requests,
		"--generation-deterministic", "--suppress-health-check", "all",
	}
	if except != "" {
		args = append(args, "--exclude-checks", except)
	}
	// It looks for its configuration, and leaves what it learns, in the folder in which it runs.
	p := StartProcess(t, Command{Path: python, Args: args, Dir: t.TempDir()})
	err := p.Err()
	return p.Stdout() + p.Stderr(), err
}
