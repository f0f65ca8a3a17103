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
	return requirePython(ctx, log, "python3-pip", "-m", "pip", "--version")
}

// requireVenv makes sure that Python can make virtual environments, which on Debian is a package of its own.
func requireVenv(ctx context.Context, log Log) error {
	return requirePython(ctx, log, "python3-venv", "-c", "import ensurepip, venv")
}

// requirePython installs a package if Python cannot run what comes with it.
func requirePython(ctx context.Context, log Log, name string, args ...string) error {
	return install(ctx, log, func() []string {
		if exec.CommandContext(ctx, "python3", args...).Run() == nil {
			return nil
		}
		return []string{name}
	})
}

// require installs the packages of those commands that are not on the path.
func require(ctx context.Context, log Log, packages map[string][]string) error {
	return install(ctx, log, func() []string {
		var missing []string
		for command, names := range packages {
			if _, err := exec.LookPath(command); err != nil {
				missing = append(missing, names...)
			}
		}
		slices.Sort(missing)
		return missing
	})
}

// install installs the packages that missing returns.
func install(ctx context.Context, log Log, missing func() []string) error {
	packages := missing()
	if len(packages) == 0 {
		return nil
	}
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
	// Whoever had the lock before may have installed the same.
	if packages = missing(); len(packages) == 0 {
		return nil
	}
	names = strings.Join(packages, " ")
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
