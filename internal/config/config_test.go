package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/config"
)

// file has a key of every type that a configuration can hold.
type file struct {
	Poll    time.Duration     `yaml:"poll"`
	Name    string            `yaml:"name"`
	Strict  bool              `yaml:"strict"`
	Count   int               `yaml:"count"`
	Size    uint64            `yaml:"size"`
	Share   float64           `yaml:"share"`
	Start   start             `yaml:"start"`
	Buckets []time.Duration   `yaml:"buckets"`
	Labels  map[string]string `yaml:"labels"`
	Limits  limits            `yaml:"limits"`
	Basic   *basic            `yaml:"basic"`
	Rules   []rule            `yaml:"rules"`
	Since   time.Time         `yaml:"since"`
	Names   names             `yaml:"names"`
	Window  window            `yaml:"window"`
	// Derived has no key.
	Derived string
}

type limits struct {
	Series   int `yaml:"series"`
	Services int `yaml:"services"`
}

type basic struct {
	Username string        `yaml:"username"`
	Password config.Secret `yaml:"password"`
}

type rule struct {
	Tag   string `yaml:"tag"`
	Label string `yaml:"label"`
	Match names  `yaml:"match"`
}

// names are a list of texts; a single one may be written without the list.
type names []string

func (n *names) UnmarshalText(text []byte) error {
	if string(text) == "nobody" {
		return errors.New("nobody is no name; write a name")
	}
	*n = names{string(text)}
	return nil
}

func (n names) MarshalText() ([]byte, error) {
	if len(n) != 1 {
		return nil, errors.New("not one name")
	}
	return []byte(n[0]), nil
}

// A window is a section; one that has only a length may be written as that.
type window struct {
	Length time.Duration `yaml:"length"`
	Zone   string        `yaml:"zone"`
}

func (w *window) UnmarshalText(text []byte) error {
	length, err := config.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no window; write for example 30d", text)
	}
	*w = window{Length: length}
	return nil
}

func (w window) MarshalText() ([]byte, error) {
	if w.Zone != "" {
		return nil, errors.New("has a zone")
	}
	return []byte(config.FormatDuration(w.Length)), nil
}

// A start is now, which is 0, or how far back.
type start time.Duration

func (s *start) UnmarshalText(text []byte) error {
	if string(text) == "now" {
		*s = 0
		return nil
	}
	back, err := config.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is neither now nor a duration; write for example 24h", text)
	}
	*s = start(back)
	return nil
}

func (s start) MarshalText() ([]byte, error) {
	if s == 0 {
		return []byte("now"), nil
	}
	return []byte(config.FormatDuration(time.Duration(s))), nil
}

func defaults() file {
	return file{
		Poll: 5 * time.Second, Name: "none", Size: 1, Share: 0.5,
		Buckets: []time.Duration{time.Millisecond, time.Second},
		Limits:  limits{Series: 50000, Services: 1000},
		Window:  window{time.Hour, "UTC"},
	}
}

func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"POLL": "7s", "PASSWORD": `hunter2-"$x`, "EMPTY": "", "WORD": "swordfish", "ONE": "1",
	}[name]
	return value, ok
}

func parse(text string) (*file, *config.Document) {
	into := defaults()
	d := config.Parse("f.yaml", []byte(text), environment, &into)
	return &into, d
}

func TestParseReadsValues(t *testing.T) {
	tests := map[string]struct {
		text string
		want func(*file)
	}{
		"an empty file holds the defaults":             {"", func(*file) {}},
		"a file of comments holds the defaults":        {"# nothing\n", func(*file) {}},
		"a document mark alone holds the defaults":     {"---\n", func(*file) {}},
		"a section without keys holds its defaults":    {"limits:\n", func(*file) {}},
		"a key of a section leaves the others alone":   {"limits: {series: 7}", func(f *file) { f.Limits.Series = 7 }},
		"a list replaces its default":                  {"buckets: [1s, 2m, 1w]", func(f *file) { f.Buckets = []time.Duration{time.Second, 2 * time.Minute, 168 * time.Hour} }},
		"a list may be empty":                          {"buckets: []", func(f *file) { f.Buckets = []time.Duration{} }},
		"a section that is there or not is there":      {"basic: {}", func(f *file) { f.Basic = &basic{} }},
		"lists hold sections":                          {"rules:\n- tag: a\n  label: b\n- {tag: c}\n", func(f *file) { f.Rules = []rule{{Tag: "a", Label: "b"}, {Tag: "c"}} }},
		"a table has the user's keys":                  {"labels: {a b: c, d: \"5\"}", func(f *file) { f.Labels = map[string]string{"a b": "c", "d": "5"} }},
		"the key's type says what a value is":          {"name: 0123\nstrict: \"true\"\nshare: 1\n", func(f *file) { f.Name, f.Strict, f.Share = "0123", true, 1 }},
		"yes is a text where a text is wanted":         {"name: yes", func(f *file) { f.Name = "yes" }},
		"a type may read itself":                       {"start: 2d", func(f *file) { f.Start = start(48 * time.Hour) }},
		"a time has an offset":                         {"since: 2026-03-29T02:00:00+01:00", func(f *file) { f.Since = time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC) }},
		"a list may have a short form":                 {"names: ada", func(f *file) { f.Names = names{"ada"} }},
		"a list with a short form may be a list":       {"names: [ada, nobody]", func(f *file) { f.Names = names{"ada", "nobody"} }},
		"a section may have a short form":              {"window: 30d", func(f *file) { f.Window = window{Length: 720 * time.Hour} }},
		"a section with a short form may be a section": {"window: {length: 2h}", func(f *file) { f.Window.Length = 2 * time.Hour }},
		"short forms are filled from the environment":  {"names: ${ONE}\nrules: [{match: \"${WORD}\"}]", func(f *file) { f.Names, f.Rules = names{"1"}, []rule{{Match: names{"swordfish"}}} }},
		"zero needs no unit":                           {"poll: 0", func(f *file) { f.Poll = 0 }},
		"the environment fills values of every type":   {"poll: ${POLL}\ncount: ${ONE}2", func(f *file) { f.Poll, f.Count = 7*time.Second, 12 }},
		"what the environment gives is not read again": {"basic: {password: \"${PASSWORD}\"}", func(f *file) { f.Basic = &basic{Password: `hunter2-"$x`} }},
		"two dollars are one":                          {"name: $${POLL}$$", func(f *file) { f.Name = "${POLL}$" }},
		"a dollar alone is a dollar":                   {"name: ^a$|$b", func(f *file) { f.Name = "^a$|$b" }},
		"a variable may be empty":                      {"name: ${EMPTY}", func(f *file) { f.Name = "" }},
		"keys are not filled from the environment":     {"labels: {\"${POLL}\": a}", func(f *file) { f.Labels = map[string]string{"${POLL}": "a"} }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, d := parse(test.text)
			want := defaults()
			test.want(&want)
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if problems := d.Problems(); len(problems) > 0 {
				t.Errorf("problems:\n%v", problems)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"a key that is nearly right": {"limits:\n  serie: 1\n", []string{
			`f.yaml:2: limits.serie: unknown key; write series`}},
		"a key that belongs elsewhere": {"username: a\n", []string{
			`f.yaml:1: username: unknown key; it belongs under basic`}},
		"a key of the top": {"basic:\n  buckets: [1s]\n", []string{
			`f.yaml:2: basic.buckets: unknown key; the keys here are password, username; there is buckets at the top of the file`}},
		"a key of a list's sections": {"tag: a\n", []string{
			`f.yaml:1: tag: unknown key; it belongs under rules[]`}},
		"a key of another section": {"limits:\n  zone: UTC\n", []string{
			`f.yaml:2: limits.zone: unknown key; the keys here are series, services; there is zone under window`}},
		"a key nobody knows": {"limits: {\"a\\nb\": 1}\n", []string{
			`f.yaml:1: limits."a\nb": unknown key; the keys here are series, services`}},
		"a doubled key": {"count: 1\nname: a\ncount: 2\n", []string{
			`f.yaml:3: count: stands here again after line 1; keep one of the two`}},
		"a key that is a list": {"? [a]\n: b\n", []string{
			`f.yaml:1: has a list as a key; write the key as text`}},
		"a file that is a list": {"- a\n", []string{
			`f.yaml:1: is a list, not a section of keys; write its keys below it, indented, as key: value`}},
		"a section that is a value": {"limits: 5\n", []string{
			`f.yaml:1: limits: is a single value, not a section of keys; write its keys below it, indented, as key: value`}},
		"a list that is a value": {"buckets: 5s\n", []string{
			`f.yaml:1: buckets: is a single value, not a list; write [a, b], or each on a line of its own after a dash`}},
		"a value that is a list": {"poll: [5s]\n", []string{
			`f.yaml:1: poll: is a list, not a single value; write one value`}},
		"a value that is missing": {"poll:\nname: ~\nbuckets:\nlabels:\nbasic:\n", []string{
			`f.yaml:1: poll: has no value; leave the key out for its default, or write "" for an empty text`,
			`f.yaml:2: name: has no value; leave the key out for its default, or write "" for an empty text`,
			`f.yaml:3: buckets: has no value; write [] for an empty list, or leave the key out`,
			`f.yaml:4: labels: has no value; write {} for none, or leave the key out`,
			`f.yaml:5: basic: has no value; leave the key out, or write {} for its defaults`}},
		"values of the wrong type": {"poll: soon\nstrict: yes\ncount: 1e3\nsize: -1\nshare: .nan\nstart: tomorrow\nbuckets:\n- 1s\n- 5\n", []string{
			`f.yaml:1: poll: "soon" is not a duration below 292 years; write for example 5m`,
			`f.yaml:2: strict: "yes" is neither true nor false; write one of them`,
			`f.yaml:3: count: "1e3" is not a whole number; write for example 50000`,
			`f.yaml:4: size: "-1" is not a whole number from 0; write for example 50000`,
			`f.yaml:5: share: ".nan" is not a number; write for example 0.5`,
			`f.yaml:6: start: "tomorrow" is neither now nor a duration; write for example 24h`,
			`f.yaml:9: buckets[1]: 5 has no unit; write 5s, 5m or 5h`}},
		"values of a short form": {"names: nobody\nwindow: soon\nrules:\n- {match: a}\n- tag: b\n  match: nobody\n", []string{
			`f.yaml:1: names: nobody is no name; write a name`,
			`f.yaml:2: window: "soon" is no window; write for example 30d`,
			`f.yaml:6: rules[1].match: nobody is no name; write a name`}},
		"what has a short form, in full": {"names:\n- a\n- [b]\nwindow:\n  lengt: 2d\n  zone: [UTC]\n  length: 5\n", []string{
			`f.yaml:3: names[1]: is a list, not a single value; write one value`,
			`f.yaml:5: window.lengt: unknown key; write length`,
			`f.yaml:6: window.zone: is a list, not a single value; write one value`,
			`f.yaml:7: window.length: 5 has no unit; write 5s, 5m or 5h`}},
		"the wrong full form": {"names: {a: b}\nwindow: [30d]\n", []string{
			`f.yaml:1: names: is a section of keys, not a list; write [a, b], or each on a line of its own after a dash`,
			`f.yaml:2: window: is a list, not a section of keys; write its keys below it, indented, as key: value`}},
		"a short form that is missing": {"names:\nwindow: ~\n", []string{
			`f.yaml:1: names: has no value; leave the key out for its default`,
			`f.yaml:2: window: has no value; leave the key out for its default`}},
		"a key of what has a short form, elsewhere": {"zone: UTC\n", []string{
			`f.yaml:1: zone: unknown key; it belongs under window`}},
		"a time without an offset": {"since: 2026-03-29\n", []string{
			`f.yaml:1: since: "2026-03-29" is not a time with its offset; write for example 2026-03-29T02:00:00Z or 2026-03-29T02:00:00+01:00`}},
		"anchors, aliases, merge keys and tags": {"limits: &a\n  series: 1\nbasic: *a\nlabels:\n  <<: *a\n  x: !!str y\n", []string{
			`f.yaml:1: anchors and aliases (& and *) are not read; write the value out`,
			`f.yaml:3: anchors and aliases (& and *) are not read; write the value out`,
			`f.yaml:5: merge keys (<<) are not read; write the keys out`,
			`f.yaml:5: anchors and aliases (& and *) are not read; write the value out`,
			`f.yaml:6: the tag "!!str" is not read; leave it out: the key says what a value is`}},
		"a second document, and what is wrong with the first": {"count: x\n---\ncount: 2\n", []string{
			`f.yaml:1: count: "x" is not a whole number; write for example 50000`,
			`f.yaml:2: a second document begins here; keep everything in one, without ---`}},
		"what is not YAML": {"count: 1\nname: [a\n", []string{
			"f.yaml:2: not YAML: did not find expected ',' or ']'; indent with spaces, and quote values that hold any of :#{}[],&*!|>'\"%@`"}},
		"a tab that indents": {"limits:\n\tseries: 1\n", []string{
			"f.yaml:2: not YAML: found character that cannot start any token; indent with spaces, and quote values that hold any of :#{}[],&*!|>'\"%@`"}},
		"a variable that is not set": {"name: a\nbasic:\n  password: ${MISSING}${ALSO}\n", []string{
			`f.yaml:3: basic.password: the environment variable "MISSING" is not set; set it, or write $${ for the characters themselves`,
			`f.yaml:3: basic.password: the environment variable "ALSO" is not set; set it, or write $${ for the characters themselves`}},
		"a variable without a name": {"name: ${\ncount: ${a-b}\n", []string{
			`f.yaml:1: name: ${ without the name of an environment variable and a }; write ${NAME}, or $${ for the characters themselves`,
			`f.yaml:2: count: ${ without the name of an environment variable and a }; write ${NAME}, or $${ for the characters themselves`}},
		"what the environment gave, without saying it": {"poll: ${WORD}\nstart: x${WORD}\nshare: ${EMPTY}\n", []string{
			`f.yaml:1: poll: "${WORD}" is not a duration below 292 years; write for example 5m`,
			`f.yaml:2: start: "x${WORD}" is neither now nor a duration; write for example 24h`,
			`f.yaml:3: share: "${EMPTY}" is not a number; write for example 0.5`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, d := parse(test.text)
			if diff := cmp.Diff(test.want, lines(d)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if d.Err() == nil {
				t.Error("Err is nil")
			}
		})
	}
}

func TestAValueWithAFaultKeepsItsDefault(t *testing.T) {
	got, _ := parse("poll: soon\nlimits: [a]\ncount: 1\ncount: 2\n")
	want := defaults()
	want.Count = 1
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestCheckPlacesFaults(t *testing.T) {
	_, d := parse(strings.Join([]string{
		"poll: soon",
		"buckets: [1s,",
		"  x, 2s]",
		"basic:",
		"  username: ${WORD}",
		"  password: ${PASSWORD}",
		"rules:",
		"- label: a",
		"-",
		"  match: b",
		"  tag: b",
		"names: [a,",
		"  b]",
		"window: 5m",
	}, "\n"))
	d.Check("", []config.Fault{
		{Path: "poll", Problem: "hidden: the value could not be read"},
		{Path: "buckets", Problem: "hidden: an element could not be read"},
		{Path: "buckets[1]", Problem: "hidden: the element could not be read"},
		{Path: "limits.series", Problem: "at the top: the file has no limits", Cure: "add it"},
		{Path: "rules[1].label", Problem: "at its rule", Warning: true},
		{Path: "rules[1].tag", Problem: "at its key in its rule"},
		{Path: "names[1]", Problem: "at the list's element"},
		{Path: "window.length", Problem: "at the short form"},
	})
	d.Check("basic", []config.Fault{
		{Path: "password", Problem: fmt.Sprintf("%q and %q", "swordfish", `hunter2-"$x`)},
		{Problem: "the section itself, swordfish"},
	})
	want := []string{
		`f.yaml:1: limits.series: at the top: the file has no limits; add it`,
		`f.yaml:1: poll: "soon" is not a duration below 292 years; write for example 5m`,
		`f.yaml:3: buckets[1]: "x" is not a duration below 292 years; write for example 5m`,
		`f.yaml:4: basic: the section itself, ${WORD}`,
		`f.yaml:6: basic.password: "${WORD}" and "${PASSWORD}"`,
		`f.yaml:10: warning: rules[1].label: at its rule`,
		`f.yaml:11: rules[1].tag: at its key in its rule`,
		`f.yaml:13: names[1]: at the list's element`,
		`f.yaml:14: window.length: at the short form`,
	}
	if diff := cmp.Diff(want, lines(d)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := len(d.Warnings()); got != 1 {
		t.Errorf("got %d warnings, want 1", got)
	}
}

func TestWarningsAreNoError(t *testing.T) {
	_, d := parse("")
	d.Check("limits", []config.Fault{{Problem: "odd", Warning: true}})
	if err := d.Err(); err != nil {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"f.yaml: warning: limits: odd"}, lines(d)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge.yaml")
	if err := os.WriteFile(huge, make([]byte, 5<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing.yaml")
	for path, want := range map[string]string{
		missing: fmt.Sprintf("read %q: no such file or directory", missing),
		dir:     fmt.Sprintf("read %q: is a directory", dir),
		huge:    fmt.Sprintf("read %q: larger than 4 MiB, not a configuration", huge),
	} {
		if _, err := config.Load(path, environment, &file{}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func lines(d *config.Document) []string {
	var all []string
	for _, p := range d.Problems() {
		all = append(all, p.String())
	}
	return all
}
