package testenv

import (
	"context"
	_ "embed" // Only the stand-in's source.
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

//go:embed analysis/AnalysisStandIn.java
var analysisStandIn []byte

// withSecurity returns a copy of the server that can keep users, roles and API keys made through its API. The bare server
// cannot, as the index they are kept in needs a module that it lacks; the copy has a plugin that stands in for it.
func (s server) withSecurity(ctx context.Context, log Log) (server, error) {
	if s.Flavor != Elasticsearch {
		return server{}, fmt.Errorf("%s has no security plugin", s)
	}
	if err := RequireCommands(ctx, log); err != nil {
		return server{}, err
	}
	cache, err := CacheDir()
	if err != nil {
		return server{}, err
	}
	javac := filepath.Join(s.java.home, "bin", "javac")
	if _, err := os.Stat(javac); err != nil {
		javac = "javac"
	}
	dir, err := ensure(cache, "servers/"+s.String()+"-security-"+contentHash(analysisStandIn), log, func(dir string) error {
		home := filepath.Join(dir, s.String())
		if err := os.CopyFS(home, os.DirFS(s.home)); err != nil {
			return err
		}
		plugin := filepath.Join(home, "plugins", "analysis-stand-in")
		if err := os.MkdirAll(plugin, 0o755); err != nil {
			return err
		}
		descriptor := fmt.Sprintf("name=analysis-stand-in\ndescription=stand-in for analysis-common\nversion=1\n"+
			"elasticsearch.version=%s\njava.version=%d\nclassname=AnalysisStandIn\n", s.Version, s.minJava)
		if err := os.WriteFile(filepath.Join(plugin, "plugin-descriptor.properties"), []byte(descriptor), 0o644); err != nil {
			return err
		}
		source := filepath.Join(dir, "AnalysisStandIn.java")
		if err := os.WriteFile(source, analysisStandIn, 0o644); err != nil {
			return err
		}
		classes := filepath.Join(dir, "classes")
		if err := run(ctx, dir, javac, "--release", strconv.Itoa(s.minJava), "-proc:none",
			"-cp", filepath.Join(home, "lib", "*"), "-d", classes, source); err != nil {
			return err
		}
		return zipDir(classes, filepath.Join(plugin, "analysis-stand-in.jar"))
	})
	s.home = filepath.Join(dir, s.String())
	return s, err
}
