package openslo_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo/openslo"
)

// FuzzParse holds what is true of every text: reading it ends, what is wrong
// with it stands on a line that it has, and an objective is whole.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := openslo.Parse([]openslo.File{{Name: "a.yaml", Text: text}}, noEnv)
		// YAML 1.1 has more ends of a line than \n, and yaml.v3 may count them.
		lines := 2 + bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r")) +
			bytes.Count(text, []byte("\u0085")) + bytes.Count(text, []byte("\u2028")) + bytes.Count(text, []byte("\u2029"))
		for _, p := range r.Problems {
			if p.Line < 0 || p.Line > lines || p.Problem == "" {
				t.Errorf("of %d lines: %s", lines, p)
			}
		}
		for _, l := range r.Objectives {
			o, i := l.Objective, l.Objective.SLI
			kinds := 0
			for _, set := range []bool{i.Availability != nil, i.Latency != nil, i.SuccessWithin != nil, i.Attribute != nil} {
				if set {
					kinds++
				}
			}
			if o.Name == "" || o.Service == "" || o.Target <= 0 || o.Target >= 1e9 || kinds != 1 || (o.Window.Rolling == 0) == (o.Window.Calendar == "") {
				t.Errorf("half an objective: %+v", o)
			}
			if p := l.Problem(config.Fault{Path: "sli.latency.match.service[0]", Problem: "x"}); p.Line < 1 {
				t.Errorf("nowhere: %s", p)
			}
		}
	})
}
