package testenv

import "testing"

// Sloth runs Sloth in a folder that holds the given files, and returns its output and how it ended: the rules of a
// specification are that of generate -i spec.yml.
func Sloth(t testing.TB, files map[string]string, args ...string) (string, error) {
	t.Helper()
	return runTool(t, "sloth", files, args)
}
