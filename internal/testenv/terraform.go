package testenv

import "testing"

// Hclfmt runs the formatter of HashiCorp's configuration language in a folder that holds the given files, and returns
// its output and how it ended: with -check, badly where a file cannot be read or is formatted otherwise.
func Hclfmt(t testing.TB, files map[string]string, args ...string) (string, error) {
	t.Helper()
	return runTool(t, "hclfmt", files, args)
}

// TerraformConfigInspect reads a Terraform module from a folder that holds the given files, and returns what the module
// declares and how it ended: badly where the module is none. It needs no provider, and so knows nothing of resources'
// attributes.
func TerraformConfigInspect(t testing.TB, files map[string]string, args ...string) (string, error) {
	t.Helper()
	return runTool(t, "terraform-config-inspect", files, args)
}
