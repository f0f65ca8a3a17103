package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/config"
)

func TestUnknownKeysAreLookedForNearby(t *testing.T) {
	type x struct {
		X int `yaml:"x"`
	}
	var into struct {
		Near []struct {
			Deep struct {
				Within struct {
					Alone int `yaml:"alone"`
				} `yaml:"within"`
				One struct {
					X     int `yaml:"x"`
					Inner int `yaml:"inner"`
				} `yaml:"one"`
				Two   *x  `yaml:"two"`
				Three []x `yaml:"three"`
				Four  x   `yaml:"four"`
			} `yaml:"deep"`
		} `yaml:"near"`
		Far struct {
			Inner int `yaml:"inner"`
			Outer []x `yaml:"outer"`
		} `yaml:"far"`
	}
	const text = `
near:
- deep:
    within:
      x: 1
      inner: 1
      outer: 1
      near: 1
      nowhere: 1
    three: [{inner: 1}]
  outer: 1
  inner: 1
  x: 1
x: 1
outer: 1
`
	want := []string{
		"f.yaml:5: near[0].deep.within.x: unknown key; the keys here are alone; there is x under near[0].deep.one, near[0].deep.two or others",
		"f.yaml:6: near[0].deep.within.inner: unknown key; the keys here are alone; there is inner under near[0].deep.one",
		"f.yaml:7: near[0].deep.within.outer: unknown key; the keys here are alone; there is outer under far",
		"f.yaml:8: near[0].deep.within.near: unknown key; the keys here are alone; there is near at the top of the file",
		"f.yaml:9: near[0].deep.within.nowhere: unknown key; the keys here are alone",
		"f.yaml:10: near[0].deep.three[0].inner: unknown key; the keys here are x; there is inner under near[0].deep.one",
		"f.yaml:11: near[0].outer: unknown key; the keys here are deep; there is outer under far",
		"f.yaml:12: near[0].inner: unknown key; it belongs under near[0].deep.one",
		"f.yaml:13: near[0].x: unknown key; it belongs under near[0].deep.one, near[0].deep.two or others",
		"f.yaml:14: x: unknown key; it belongs under far.outer[], near[].deep.one or others",
		"f.yaml:15: outer: unknown key; it belongs under far",
	}
	var got []string
	for _, p := range config.Parse("f.yaml", []byte(text), func(string) (string, bool) { return "", false }, &into).Problems() {
		got = append(got, p.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
