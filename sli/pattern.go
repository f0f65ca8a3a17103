package sli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/traceslo/traceslo/internal/config"
)

// A Pattern is a name as the configuration has it: the name itself,
// "=~regexp", "!=name" or "!~regexp". The regular expressions are RE2's and
// anchored at both ends, as Prometheus' are.
type Pattern struct {
	Op   Op
	Text string
	re   *regexp.Regexp
}

// UnmarshalText reads a pattern. Spaces around it and around its name do not
// count. A name that is empty or begins with one of = ! ~ can only be written
// as a regular expression.
func (p *Pattern) UnmarshalText(text []byte) error {
	written := strings.TrimSpace(string(text))
	read := Pattern{Op: Equal, Text: written}
	if op, name := cutOp(written, []Op{Matches, MatchesNot, NotEqual}); op != "" {
		read = Pattern{Op: op, Text: strings.TrimSpace(name)}
	}
	if problem, cure := read.check(); problem != "" {
		return refusal(problem, cure)
	}
	*p = read.compiled()
	return nil
}

// MarshalText writes the pattern as UnmarshalText reads it.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String returns the pattern as the configuration has it.
func (p Pattern) String() string {
	if p.Op == Equal {
		return p.Text
	}
	return string(p.Op) + p.Text
}

// check returns what is wrong with the pattern and how to cure it, "" if it is
// nothing.
func (p Pattern) check() (problem, cure string) {
	const forms = "write name, =~regexp, !=name or !~regexp"
	switch {
	case !slices.Contains([]Op{Equal, NotEqual, Matches, MatchesNot}, p.Op):
		return fmt.Sprintf("a name cannot be compared by %q", clip(string(p.Op))), forms
	case p.Text == "" && (p.Op == NotEqual || p.Op == MatchesNot):
		return fmt.Sprintf("there is no name after %s", p.Op), "write one, or !~^$ for any name that is not empty"
	case p.Text == "":
		return "there is no name", "write one, or =~^$ for the empty name"
	case p.Op.byExpression():
		return checkRegexp(p.Text)
	case p.Op == Equal && strings.ContainsAny(p.Text[:1], "=!~"):
		return fmt.Sprintf("%q is neither a name nor a comparison", clip(p.Text)),
			fmt.Sprintf("%s; a name like that is written =~%s", forms, clip(regexp.QuoteMeta(p.Text)))
	case p.Text != strings.TrimSpace(p.Text):
		return fmt.Sprintf("the name %q begins or ends with a space", clip(p.Text)), "write it without, or as a regular expression"
	}
	return "", ""
}

// compiled returns the pattern ready to match.
func (p Pattern) compiled() Pattern {
	if p.re == nil && p.Op.byExpression() {
		p.re = anchored(p.Text)
	}
	return p
}

// Patterns are names that are wanted and names that are not: a name matches if
// it fulfils any of those that want something (= and =~), if there are such,
// and all of those that refuse something (!= and !~).
type Patterns []Pattern

// UnmarshalText reads one pattern in the place of a list.
func (ps *Patterns) UnmarshalText(text []byte) error {
	var p Pattern
	if err := p.UnmarshalText(text); err != nil {
		return err
	}
	*ps = Patterns{p}
	return nil
}

// matches reports whether name is meant. The patterns are compiled.
func (ps Patterns) matches(name string) bool {
	wanting, wanted := false, false
	for i := range ps {
		switch p := &ps[i]; p.Op {
		case NotEqual:
			if name == p.Text {
				return false
			}
		case MatchesNot:
			if p.re.MatchString(name) {
				return false
			}
		case Equal:
			wanting, wanted = true, wanted || name == p.Text
		default:
			wanting, wanted = true, wanted || p.re.MatchString(name)
		}
	}
	return wanted || !wanting
}

// names returns the only names that can match, and false if these are not listed.
func (ps Patterns) names() (names []string, listed bool) {
	for _, p := range ps {
		switch p.Op {
		case Equal:
			names = append(names, p.Text)
		case Matches:
			return nil, false
		}
	}
	slices.Sort(names)
	return slices.Compact(names), len(names) > 0
}

func (ps Patterns) compiled() Patterns {
	ps = slices.Clone(ps)
	for i := range ps {
		ps[i] = ps[i].compiled()
	}
	return ps
}

func (ps Patterns) validate(path string) []config.Fault {
	var faults []config.Fault
	for i, p := range ps {
		at := fmt.Sprintf("%s[%d]", path, i)
		if problem, cure := p.check(); problem != "" {
			faults = append(faults, config.Fault{Path: at, Problem: problem, Cure: cure})
		} else if p.Op.byExpression() {
			faults = append(faults, warnOfAll(at, p.Op, p.compiled().re)...)
		}
	}
	return faults
}

func (ps Patterns) canonical() string {
	var texts []string
	for _, p := range ps {
		texts = append(texts, string(p.Op)+strconv.QuoteToASCII(p.Text))
	}
	return list(texts)
}

// refusal is what UnmarshalText returns.
func refusal(problem, cure string) error { return errors.New(problem + "; " + cure) }

// list writes texts as a canonical list: sorted, each once.
func list(texts []string) string {
	slices.Sort(texts)
	return strings.Join(slices.Compact(texts), ",")
}
