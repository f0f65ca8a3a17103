package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// RequireCommands installs the Debian packages of the programs that fetching and testing need and that are missing.
// Where it cannot, its error names them and says how to get them.
func RequireCommands(ctx context.Context, log Log) error {
	return require(ctx, log, map[string][]string{
		"mvn":             {"maven"},
		"javac":           {"default-jdk-headless"},
		"gcc":             {"gcc", "libc6-dev"}, // The race detector needs cgo.
		"systemd-analyze": {"systemd"},
		"chromium":        {"chromium"},
		"pdftotext":       {"poppler-utils"},
		"buildah":         {"buildah"},
		"wget":            {"wget"},
	})
}

// requirePip makes sure that Python's package client is there.
func requirePip(ctx context.Context, log Log) error {
	if exec.CommandContext(ctx, "python3", "-m", "pip", "--version").Run() == nil {
		return nil
	}
	return install(ctx, log, []string{"python3-pip"})
}

// require installs the packages of those commands that are not on the path.
func require(ctx context.Context, log Log, packages map[string][]string) error {
	var missing []string
	for command, names := range packages {
		if _, err := exec.LookPath(command); err != nil {
			missing = append(missing, names...)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return install(ctx, log, missing)
}

func install(ctx context.Context, log Log, packages []string) error {
	names := strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil || os.Getuid() != 0 {
		return fmt.Errorf("missing here: %s; on Debian, as root: apt-get install --no-install-recommends %s", names, names)
	}
	cache, err := CacheDir()
	if err != nil {
		return err
	}
	// apt-get fails when another one runs, so ours wait for each other.
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(cache, "apt.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	start := time.Now()
	log("Debian packages %s: installing", names)
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	wait := "-oDPkg::Lock::Timeout=300"
	if _, err := output(ctx, "", env, "apt-get", wait, "-q", "update"); err != nil {
		return err
	}
	args := append([]string{wait, "-q", "-y", "install", "--no-install-recommends"}, packages...)
	if _, err := output(ctx, "", env, "apt-get", args...); err != nil {
		return err
	}
	log("Debian packages %s: done in %s", names, time.Since(start).Round(100*time.Millisecond))
	return nil
}
