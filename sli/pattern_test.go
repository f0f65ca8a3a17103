package sli_test

import (
	"testing"

	"github.com/traceslo/traceslo/sli"
)

func TestPatternsThatAreRefused(t *testing.T) {
	const forms = "write name, =~regexp, !=name or !~regexp"
	for text, want := range map[string]string{
		"":         "there is no name; write one, or =~^$ for the empty name",
		" \t":      "there is no name; write one, or =~^$ for the empty name",
		"=~ ":      "there is no name; write one, or =~^$ for the empty name",
		"!=":       "there is no name after !=; write one, or !~^$ for any name that is not empty",
		"=api":     `"=api" is neither a name nor a comparison; ` + forms + "; a name like that is written =~=api",
		"== a.b":   `"== a.b" is neither a name nor a comparison; ` + forms + `; a name like that is written =~== a\.b`,
		"~api":     `"~api" is neither a name nor a comparison; ` + forms + "; a name like that is written =~~api",
		"!api":     `"!api" is neither a name nor a comparison; ` + forms + "; a name like that is written =~!api",
		"=~a(":     "\"a(\" is no regular expression: missing closing ): `a(`; write one of RE2, as in api-(a|b)|web-.*",
		"!~a)|(b":  "\"a)|(b\" is no regular expression: unexpected ): `a)|(b`; write one of RE2, as in api-(a|b)|web-.*",
		"=~(?=a)b": "\"(?=a)b\" is no regular expression: invalid or unsupported Perl syntax: `(?=`; write one of RE2, as in api-(a|b)|web-.*",
	} {
		p := sli.Pattern{Op: sli.Equal, Text: "kept"}
		if err := p.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
		if p.Text != "kept" {
			t.Errorf("%q is refused and changed the pattern to %v", text, p)
		}
	}
}

func TestConditionsThatAreRefused(t *testing.T) {
	const whole = "write a tag, a comparison (= != =~ !~ > >= < <=) and a value, as in http.response.status_code >= 500, or the word failed"
	const signs = "write one of = != =~ !~ > >= < <=, with a space behind it if the value begins with such a sign"
	for text, want := range map[string]string{
		"":                 `"" compares nothing; ` + whole,
		"error":            `"error" compares nothing; ` + whole,
		"not failed":       `"not failed" compares nothing; ` + whole,
		"a ~ b":            `"~" is no comparison; ` + whole,
		"!failed":          `"!" is no comparison; ` + whole,
		"a == b":           `"==" is no comparison; ` + signs,
		"a => 1":           `"=>" is no comparison; ` + signs,
		"a <> 1":           `"<>" is no comparison; ` + signs,
		"= b":              "there is no tag before the comparison; write the tag's key, as in http.response.status_code",
		"status code = 5":  `"status code" is not a tag's key; write the tag's key, as in http.response.status_code`,
		`"a" = 5`:          `"\"a\"" is not a tag's key; write the tag's key, as in http.response.status_code`,
		"a =":              `there is no value; write one after the comparison, or "" for the empty text`,
		"a = 'b'":          "the value 'b' begins with a single quote; write it without quotes, or in double ones",
		`a = "b`:           `the value "b has no closing quote; close it`,
		`a = "b\"`:         `the value "b\" has no closing quote; close it`,
		`a = "b" c`:        `the value "b" c goes on behind its quotes; write a quote within quotes as \"`,
		"a > 5xx":          `"5xx" is not a number; write one after >, as in 500, or compare texts by = and !=`,
		"a <= NaN":         `"NaN" is not a number; write one after <=, as in 500, or compare texts by = and !=`,
		`a >= ""`:          `"" is not a number; write one after >=, as in 500, or compare texts by = and !=`,
		"a =~ [":           "\"[\" is no regular expression: missing closing ]: `[`; write one of RE2, as in api-(a|b)|web-.*",
		"a > 1 and b > 2":  `"1 and b > 2" is not a number; write one after >, as in 500, or compare texts by = and !=`,
		"http.code in 500": `"http.code in 500" compares nothing; ` + whole,
	} {
		c := sli.Condition{Failed: true}
		if err := c.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
		if !c.Failed {
			t.Errorf("%q is refused and changed the condition to %v", text, c)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"", "a", "=~a|b", "!= x", "!~^$", "=~(", "==", "!=~x", "a\x00b", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var once, twice sli.Pattern
		if once.UnmarshalText([]byte(text)) != nil {
			return
		}
		written, err := once.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := twice.UnmarshalText(written); err != nil || twice.Op != once.Op || twice.Text != once.Text {
			t.Fatalf("%q is %q %q, written %q, which is %q %q, %v", text, once.Op, once.Text, written, twice.Op, twice.Text, err)
		}
		noFault(t, text, sli.Match{Service: sli.Patterns{once}, Operation: sli.Patterns{once}})
	})
}

func FuzzCondition(f *testing.F) {
	for _, s := range []string{"", "failed", "http.response.status_code >= 500", `a = ""`, `a != " \"x\\ "`, "a=~b|c", "a = =b", "n < -1.5e-3", "n > 1e999", "a =\n b", "a = '", "\xff = \xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var once, twice sli.Condition
		if once.UnmarshalText([]byte(text)) != nil {
			return
		}
		written, err := once.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := twice.UnmarshalText(written); err != nil || twice.Failed != once.Failed || twice.Tag != once.Tag || twice.Op != once.Op || twice.Value != once.Value {
			t.Fatalf("%q is %+v, written %q, which is %+v, %v", text, once, written, twice, err)
		}
		noFault(t, text, sli.Match{Tags: sli.Conditions{once}})
	})
}

// noFault demands that what was read is accepted and means something.
func noFault(t *testing.T, text string, m sli.Match) {
	t.Helper()
	i := sli.Indicator{Availability: &sli.Availability{Match: m}}
	for _, fault := range i.Validate() {
		if !fault.Warning {
			t.Fatalf("%q is read and refused: %+v", text, fault)
		}
	}
	if i.Canonical() == (sli.Indicator{Availability: &sli.Availability{}}).Canonical() {
		t.Fatalf("%q leaves no trace in the canonical text", text)
	}
}
