package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The flavors of a cluster.
const (
	Elasticsearch = "elasticsearch"
	OpenSearch    = "opensearch"
)

// A Distribution is a version of a server, and the Java versions it runs on.
type Distribution struct {
	Flavor, Version  string
	minJava, maxJava int
	shared           bool // Runs once for all tests.
}

// Distributions returns the versions that can be started. Elasticsearch 7.17 to 8.15 and OpenSearch 2 need the security
// manager that Java 24 took away.
func Distributions() []Distribution {
	return []Distribution{
		{Elasticsearch, "7.17.29", 17, 21, true},
		{Elasticsearch, "8.15.0", 17, 23, false},
		{Elasticsearch, "8.19.7", 17, 25, true},
		{Elasticsearch, "9.2.0", 21, 25, true},
		{OpenSearch, "2.19.0", 17, 23, true},
		{OpenSearch, "3.4.0", 21, 25, true},
	}
}

func distribution(flavor, version string) (Distribution, error) {
	for _, d := range Distributions() {
		if d.Flavor == flavor && d.Version == version {
			return d, nil
		}
	}
	return Distribution{}, fmt.Errorf("%s %s is not in the table of distributions", flavor, version)
}

// String returns the flavor and the version.
func (d Distribution) String() string { return d.Flavor + "-" + d.Version }

// artifact returns the Maven coordinates of the bare server, which both projects publish for their own tests.
func (d Distribution) artifact() string {
	group := "org.elasticsearch.distribution.integ-test-zip"
	if d.Flavor == OpenSearch {
		group = "org.opensearch.distribution.integ-test-zip"
	}
	return fmt.Sprintf("%s:%s:%s:zip", group, d.Flavor, d.Version)
}

// Ensure returns the folder of the unpacked server, and fetches it if the cache lacks it.
func (d Distribution) Ensure(ctx context.Context, log Log) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	if os.Getuid() == 0 && !reachable(cache) {
		return "", fmt.Errorf("cache folder %q is closed to other users, and %s does not run as root; set TRACESLO_CACHE to an open one", cache, d)
	}
	dir, err := ensure(cache, "servers/"+d.String(), log, func(dir string) error {
		zips := filepath.Join(dir, "zip")
		if err := run(ctx, dir, "mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy",
			"-Dartifact="+d.artifact(), "-DoutputDirectory="+zips); err != nil {
			return err
		}
		names, err := filepath.Glob(filepath.Join(zips, "*.zip"))
		if err != nil || len(names) != 1 {
			return fmt.Errorf("mvn left %q, want one zip file", names)
		}
		if err := unzip(names[0], dir); err != nil {
			return err
		}
		return os.RemoveAll(zips)
	})
	return filepath.Join(dir, d.String()), err
}

// run runs a command to its end; its error holds the end of what the command wrote.
func run(ctx context.Context, dir, name string, args ...string) error {
	_, err := output(ctx, dir, nil, name, args...)
	return err
}

// output runs a command to its end and returns its standard output.
func output(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	var out, diagnostics strings.Builder
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = dir, slices.Concat(os.Environ(), env)
	c.Stdout, c.Stderr = &out, &diagnostics
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, args[0], err, tail(out.String()+diagnostics.String(), 20))
	}
	return out.String(), nil
}
