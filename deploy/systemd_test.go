package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/traceslo/traceslo/internal/testenv"
)

const (
	unitFile        = "systemd/traceslo.service"
	environmentFile = "systemd/traceslo.env"
	installed       = "/usr/local/bin/traceslo"
)

// directives returns the values of each directive of a unit.
func directives(text string) map[string][]string {
	found := map[string][]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			found[key] = append(found[key], value)
		}
	}
	return found
}

func TestUnitStartsTheDaemon(t *testing.T) {
	unit := directives(read(t, unitFile))
	environment := directives(read(t, environmentFile))
	further := strings.Trim(environment["TRACESLO_ARGS"][0], `"`)
	command := strings.Fields(strings.Replace(unit["ExecStart"][0], "$TRACESLO_ARGS", further, 1))
	if command[0] != installed {
		t.Errorf("it starts %s", command[0])
	}
	flags := holdCommandLine(t, command[1:])
	if state := "/var/lib/" + unit["StateDirectory"][0]; flags["storage.path"] != state {
		t.Errorf("the state in %s is not in the unit's own folder, %s", flags["storage.path"], state)
	}
	if check := installed + " check --config.file=" + flags["config.file"]; !slices.Equal(unit["ExecStartPre"], []string{check}) {
		t.Errorf("before it runs %q, want %q", unit["ExecStartPre"], check)
	}
	if address := "--web.listen-address=:9924"; !slices.Contains(command, address) {
		t.Errorf("the environment does not show the default %s", address)
	}
}

func TestGoStaysBelowTheUnitsMemory(t *testing.T) {
	unit := directives(read(t, unitFile))
	var soft, most int
	if _, err := fmt.Sscanf(unit["Environment"][0], "GOMEMLIMIT=%dMiB", &soft); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(unit["MemoryMax"][0], "%dG", &most); err != nil {
		t.Fatal(err)
	}
	if share := float64(soft) / float64(most<<10); share < 0.8 || share > 0.95 {
		t.Errorf("GOMEMLIMIT is %.2f of MemoryMax", share)
	}
}

// analyze runs systemd-analyze on the unit, in which the daemon is at a path of this machine.
func analyze(t *testing.T, text string, args ...string) (string, error) {
	t.Helper()
	testenv.Live(t)
	path := filepath.Join(t.TempDir(), filepath.Base(unitFile))
	text = strings.ReplaceAll(text, installed, testenv.Binary(t, "./cmd/traceslo"))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", append(args, path)...).CombinedOutput()
	return string(out), err
}

func TestSystemdTakesTheUnit(t *testing.T) {
	unit := read(t, unitFile)
	// It ends well and only warns where it passes over a directive.
	if out, err := analyze(t, unit, "verify", "--man=no"); err != nil || out != "" {
		t.Errorf("%v\n%s", err, out)
	}
	misspelt := strings.Replace(unit, "ProtectHome=yes", "ProtectHomes=yes", 1)
	if out, err := analyze(t, misspelt, "verify", "--man=no"); err == nil && out == "" {
		t.Error("a directive that is misspelt is not noticed")
	}
}

func TestUnitExposesLittle(t *testing.T) {
	// In tenths, of 100 for a service without any protection.
	const most = "15"
	out, err := analyze(t, read(t, unitFile), "security", "--offline=true", "--no-pager", "--threshold="+most)
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	t.Log(lines[len(lines)-1])
}
