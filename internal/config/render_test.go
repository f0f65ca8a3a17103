package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRenderShowsWhatIsInEffectAndNoSecret(t *testing.T) {
	into, d := parse("names: [a]\nwindow: 2d\npoll: 36h\nname: ${WORD}\nbasic: {username: \"true\", password: \"p-4711\"}\nrules: [{tag: \"${WORD}\"}, {match: [\"${WORD}\", b]}]\nlabels: {b: c, a: \"${WORD}\"}\n")
	got, err := d.Render(into)
	if err != nil {
		t.Fatal(err)
	}
	want := `poll: 36h
name: ${WORD}
strict: false
count: 0
size: 1
share: 0.5
start: now
buckets: [1ms, 1s]
labels:
  a: ${WORD}
  b: c
limits:
  series: 50000
  services: 1000
basic:
  username: "true"
  password: <secret>
rules:
  - tag: ${WORD}
    label: ""
    match: []
  - tag: ""
    label: ""
    match: ['${WORD}', b]
since: "0001-01-01T00:00:00Z"
names: a
window: 2d
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestRenderShowsInFullWhatHasNoShortForm(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"as it cannot be said in short":           {"names: [a, b]\nwindow: {length: 1m, zone: UTC}\n", "names: [a, b]\nwindow:\n  length: 1m\n  zone: UTC\n"},
		"as the environment filled in a part":     {"names: [\"${WORD}\"]\nwindow: {length: \"${POLL}\", zone: \"\"}\n", "names: ['${WORD}']\nwindow:\n  length: ${POLL}\n  zone: \"\"\n"},
		"but not as the environment filled it in": {"names: ${WORD}\nwindow: ${POLL}\n", "names: ${WORD}\nwindow: ${POLL}\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			into, d := parse(test.text)
			got, err := d.Render(into)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(string(got), test.want) {
				t.Errorf("got\n%s\nwant its end to be\n%s", got, test.want)
			}
		})
	}
}
