// Package deploy_test holds what is shipped for running traceslo against the programs that take it: Kubernetes' own
// schemas, Helm, systemd and Terraform, and the daemon itself. What the boards and the rules say is tested where they
// are made.
package deploy_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/internal/testenv"
)

// secretFolder is where manifests and chart have the daemon find its secrets.
const secretFolder = "/etc/traceslo/secret"

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// documents returns those of a YAML stream that are not empty.
func documents(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var document map[string]any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if document != nil {
			all = append(all, document)
		}
	}
}

// at returns what a path of keys and indices leads to, nil if it leads nowhere.
func at(node any, path ...any) any {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, _ := node.(map[string]any)
			node = m[s]
		case int:
			l, _ := node.([]any)
			if s >= len(l) {
				return nil
			}
			node = l[s]
		}
	}
	return node
}

// ofKind returns the one resource of a kind, nil if there is none.
func ofKind(t *testing.T, resources []map[string]any, kind string) map[string]any {
	t.Helper()
	var found map[string]any
	for _, r := range resources {
		if r["kind"] == kind {
			if found != nil {
				t.Fatalf("there are two of kind %s", kind)
			}
			found = r
		}
	}
	return found
}

// traceslo runs a command of the daemon with a configuration, for which the files in secretFolder are there, and returns
// its standard output.
func traceslo(t *testing.T, configuration string, args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	server := httptest.NewTLSServer(nil)
	server.Close()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, content := range map[string]string{
		"traceslo.yaml": strings.ReplaceAll(configuration, secretFolder, dir),
		"password":      "secret\n",
		"ca.crt":        string(authority),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, log bytes.Buffer
	c := exec.CommandContext(t.Context(), testenv.Binary(t, "./cmd/traceslo"), append(args, "--config.file="+filepath.Join(dir, "traceslo.yaml"))...)
	c.Stdout, c.Stderr = &out, &log
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, log.String())
	}
	return out.String(), nil
}

// serveFlags are the flags that the daemon knows.
func serveFlags(t *testing.T) map[string]bool {
	t.Helper()
	// kingpin writes help to either stream, and ends well.
	help, err := exec.CommandContext(t.Context(), testenv.Binary(t, "./cmd/traceslo"), "serve", "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, help)
	}
	flags := map[string]bool{}
	for _, m := range regexp.MustCompile(`--(?:\[no-\])?([a-z][a-z.-]*)`).FindAllStringSubmatch(string(help), -1) {
		flags[m[1]] = true
	}
	if !flags["config.file"] || !flags["storage.path"] {
		t.Fatalf("the help of serve is not understood:\n%s", help)
	}
	return flags
}

// holdCommandLine reports arguments that the daemon would refuse, and returns the values by flag.
func holdCommandLine(t *testing.T, args []string) map[string]string {
	t.Helper()
	if len(args) == 0 || args[0] != "serve" {
		t.Fatalf("the arguments %q do not begin with serve", args)
	}
	known, values := serveFlags(t), map[string]string{}
	for _, arg := range args[1:] {
		flag, value, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if !known[flag] {
			t.Errorf("serve knows no %s", arg)
		}
		values[flag] = value
	}
	return values
}
