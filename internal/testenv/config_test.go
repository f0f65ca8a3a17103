package testenv

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJVMOptionsAreAdaptedToTheRuntime(t *testing.T) {
	const options = "-XX:+UseG1GC\n20-:--add-modules=jdk.incubator.vector\n9-:-Xlog:gc*:file=logs/gc.log:utctime\n-Dlast=1\n"
	for name, c := range map[string]struct {
		modules []string
		want    string
	}{
		"with the vector module":    {[]string{"java.base", "jdk.incubator.vector"}, "-XX:+UseG1GC\n20-:--add-modules=jdk.incubator.vector\n-Dlast=1\n"},
		"without the vector module": {[]string{"java.base"}, "-XX:+UseG1GC\n-Dlast=1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(jvmOptions([]byte(options), java{modules: c.modules}))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestReadJavaReadsTheReleaseFile(t *testing.T) {
	home := t.TempDir()
	mustWriteFiles(t, home, map[string]string{
		"bin/java": "",
		"release":  "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"21.0.8\"\nMODULES=\"java.base java.se\"\n",
	})
	got, err := readJava(home)
	if err != nil {
		t.Fatal(err)
	}
	want := java{home: home, major: 21, modules: []string{"java.base", "java.se"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(java{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if err := os.Remove(filepath.Join(home, "bin", "java")); err != nil {
		t.Fatal(err)
	}
	if _, err := readJava(home); err == nil {
		t.Error("a home without bin/java gave no error")
	}
}

func TestPrefixIsAValidUniqueIndexName(t *testing.T) {
	valid := regexp.MustCompile(`^t[a-z0-9]*-[a-z0-9]+$`)
	seen := map[string]bool{}
	for _, test := range []string{"TestA", "TestA", "TestLate/elasticsearch-8.19.7/ärger_und_Umlaut#01", ""} {
		got := newPrefix(test)
		if !valid.MatchString(got) || len(got) > 40 || seen[got] {
			t.Errorf("newPrefix(%q) = %q, want a short, unique, valid name", test, got)
		}
		seen[got] = true
	}
}

func TestJaegerV2ConfigIsWholeInEachForm(t *testing.T) {
	p := &ports{numbers: []int{1, 2, 3, 4, 5, 6, 7}}
	plain := &Cluster{Flavor: OpenSearch, Version: "3.4.0", URL: "http://127.0.0.1:9"}
	secure := &Cluster{Flavor: Elasticsearch, Version: "9.2.0", URL: "https://127.0.0.1:9", Username: "u", Password: "p", CAFile: "/ca"}
	for name, c := range map[string]struct {
		options JaegerOptions
		with    []string
		without []string
	}{
		"plain": {
			JaegerOptions{Cluster: plain, IndexPrefix: "x"},
			[]string{"version: 7", `index_prefix: "x"`, "shards: 3", `spans: {date_layout: "2006-01-02"`},
			[]string{"spanmetrics", "tls"},
		},
		"secure with metrics": {
			JaegerOptions{Cluster: secure, Shards: 5, DateLayout: "2006.01.02", SpanMetrics: true},
			[]string{"version: 8", "ca_file: \"/ca\"", "username: u", "shards: 5", "2006.01.02", "spanmetrics:", "127.0.0.1:7"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.options.config(p)
			for _, want := range c.with {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			for _, unwanted := range append(c.without, "{{") {
				if strings.Contains(got, unwanted) {
					t.Errorf("%q in\n%s", unwanted, got)
				}
			}
		})
	}
}
