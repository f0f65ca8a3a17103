package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/traceslo/traceslo/internal/golden"
	"github.com/traceslo/traceslo/slo/report"
)

func TestReportsAreAsTheyWere(t *testing.T) {
	r := october(t).build(autumn, "2026-10", zone(t, "Europe/Madrid"), func(o *report.Options) { o.Dimensions = []string{"plan", "region"} })
	for _, f := range report.Formats() {
		got := written(t, r, f)
		if f == report.JSON {
			var lines bytes.Buffer
			if err := json.Indent(&lines, got, "", " "); err != nil {
				t.Fatal(err)
			}
			got = lines.Bytes()
		}
		golden.Check(t, filepath.Join("testdata", "october"+f.Extension()), got)
		if dir := os.Getenv("REPORT_DIR"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, "october"+f.Extension()), got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
