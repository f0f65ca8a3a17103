package config_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/traceslo/traceslo/internal/config"
)

// FuzzParse holds that no text makes Parse panic, that what the environment
// gave is in no message and no rendering, and that what was accepted and
// needed no environment is read the same again from its rendering.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "---\n", "poll: 5s\nlimits: {series: 1}\n", "basic:\n  password: ${PASSWORD}\n", "rules:\n- tag: a\n- {}\n",
		"labels: {a: b}\nbuckets: [1s, 2]\n", "a: &a [*a, *a]\n<<: *a\n", "poll: ${WORD}\nstart: \"${PASSWORD}\"\n", "\xff\xfe", "? a\n: - b\n", "!!x y",
		"names: a\nwindow: 2d\n", "names: [a, b]\nwindow: {length: 1m, zone: UTC}\nsince: 2026-03-29T02:00:00+01:00\n", "names: [\"${WORD}\"]\nwindow: {zone: \"${PASSWORD}\"}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		into := defaults()
		d := config.Parse("f.yaml", text, environment, &into)
		d.Check("", []config.Fault{{Path: "name", Problem: "is " + into.Name}, {Path: "rules[0].tag", Problem: "odd", Warning: true}})
		rendered, err := d.Render(&into)
		if err != nil {
			t.Fatalf("render: %v", err)
		}
		for _, secret := range []string{"hunter2", "swordfish"} {
			if bytes.Contains(text, []byte(secret)) {
				return
			}
			for _, p := range d.Problems() {
				if strings.Contains(p.String(), secret) {
					t.Errorf("says %s", p)
				}
			}
			if bytes.Contains(rendered, []byte(secret)) {
				t.Errorf("renders\n%s", rendered)
			}
		}
		if config.Errors(d.Problems()).Error() != "f.yaml: name: is "+into.Name || bytes.ContainsRune(text, '$') || into.Basic != nil {
			return
		}
		again := defaults()
		if err := config.Parse("f.yaml", rendered, environment, &again).Err(); err != nil {
			t.Fatalf("rendering\n%s\nis refused: %v", rendered, err)
		}
		if diff := cmp.Diff(into, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("rendering\n%s\n-first +again\n%s", rendered, diff)
		}
	})
}
