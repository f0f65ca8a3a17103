package sli

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/source"
)

// A Condition is a comparison of a tag with a value, written "http.response.status_code >= 500",
// or the single word failed, which holds for a span that failed. A tag of the
// span goes before one of the process. A span that lacks the tag has the value
// "" there. A value may stand in double quotes, as one that is empty, begins or ends
// with a space, or begins with a quote must; in quotes, \" is a quote and \\ a backslash.
type Condition struct {
	// Failed holds for the word failed; the rest is empty then.
	Failed bool
	Tag    string
	Op     Op
	Value  string
	re     *regexp.Regexp
}

const (
	failedWord    = "failed"
	conditionCure = "write a tag, a comparison (= != =~ !~ > >= < <=) and a value, as in http.response.status_code >= 500, or the word failed"
)

// UnmarshalText reads a condition.
func (c *Condition) UnmarshalText(text []byte) error {
	written := strings.TrimSpace(string(text))
	if written == failedWord {
		*c = Condition{Failed: true}
		return nil
	}
	at := strings.IndexAny(written, "=<>!~")
	if at < 0 {
		return refusal(fmt.Sprintf("%q compares nothing", clip(written)), conditionCure)
	}
	op, rest := cutOp(written[at:], ops)
	if op == "" {
		return refusal(fmt.Sprintf("%q is no comparison", written[at:at+1]), conditionCure)
	}
	if rest != "" && strings.ContainsAny(rest[:1], "=<>!~") {
		return refusal(fmt.Sprintf("%q is no comparison", written[at:at+len(op)+1]),
			"write one of = != =~ !~ > >= < <=, with a space behind it if the value begins with such a sign")
	}
	value, err := unquote(strings.TrimSpace(rest))
	if err != nil {
		return err
	}
	read := Condition{Tag: strings.TrimSpace(written[:at]), Op: op, Value: value}
	if problem, cure := read.check(); problem != "" {
		return refusal(problem, cure)
	}
	*c = read.compiled()
	return nil
}

// unquote returns the value that is written as text.
func unquote(text string) (string, error) {
	switch {
	case text == "":
		return "", refusal("there is no value", `write one after the comparison, or "" for the empty text`)
	case text[0] == '\'':
		return "", refusal(fmt.Sprintf("the value %s begins with a single quote", clip(text)), "write it without quotes, or in double ones")
	case text[0] != '"':
		return text, nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"' && i == len(text)-1:
			return b.String(), nil
		case text[i] == '"':
			return "", refusal(fmt.Sprintf("the value %s goes on behind its quotes", clip(text)), `write a quote within quotes as \"`)
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
		}
		b.WriteByte(text[i])
	}
	return "", refusal(fmt.Sprintf("the value %s has no closing quote", clip(text)), "close it")
}

// MarshalText writes the condition as UnmarshalText reads it.
func (c Condition) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String returns the condition as the configuration has it.
func (c Condition) String() string {
	if c.Failed {
		return failedWord
	}
	value := c.Value
	if value == "" || value != strings.TrimSpace(value) || value[0] == '"' || value[0] == '\'' {
		value = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	}
	return c.Tag + " " + string(c.Op) + " " + value
}

// check returns what is wrong with the condition and how to cure it, "" if it
// is nothing.
func (c Condition) check() (problem, cure string) {
	const key = "write the tag's key, as in http.response.status_code"
	switch {
	case c.Failed && (c.Tag != "" || c.Op != "" || c.Value != ""):
		return "the word failed is compared with something", "write it alone, or a tag with a comparison"
	case c.Failed:
		return "", ""
	case c.Tag == "":
		return "there is no tag before the comparison", key
	case strings.ContainsFunc(c.Tag, unicode.IsSpace) || strings.ContainsAny(c.Tag, `=<>!~"`):
		return fmt.Sprintf("%q is not a tag's key", clip(c.Tag)), key
	case !slices.Contains(ops, c.Op):
		return fmt.Sprintf("%q is no comparison", clip(string(c.Op))), conditionCure
	case c.Op.byExpression():
		return checkRegexp(c.Value)
	}
	if _, ok := number(c.Value); !ok && c.Op.numeric() {
		return fmt.Sprintf("%q is not a number", clip(c.Value)), fmt.Sprintf("write one after %s, as in 500, or compare texts by = and !=", c.Op)
	}
	return "", ""
}

// compiled returns the condition ready to hold.
func (c Condition) compiled() Condition {
	if c.re == nil && c.Op.byExpression() {
		c.re = anchored(c.Value)
	}
	return c
}

// test returns whether a tag's text fulfils the condition, as a function of it.
func (c Condition) test() func(text string) bool {
	c = c.compiled()
	limit, _ := number(c.Value)
	switch c.Op {
	case Equal:
		return func(text string) bool { return text == c.Value }
	case NotEqual:
		return func(text string) bool { return text != c.Value }
	case Matches:
		return c.re.MatchString
	case MatchesNot:
		return func(text string) bool { return !c.re.MatchString(text) }
	case Greater:
		return func(text string) bool { x, ok := number(text); return ok && x > limit }
	case GreaterOrEqual:
		return func(text string) bool { x, ok := number(text); return ok && x >= limit }
	case Less:
		return func(text string) bool { x, ok := number(text); return ok && x < limit }
	default:
		return func(text string) bool { x, ok := number(text); return ok && x <= limit }
	}
}

// number reads a decimal number. It allocates nothing for any text but one
// beyond the greatest float64.
func number(text string) (float64, bool) {
	i, digits := 0, 0
	skip := func(signs string) {
		if i < len(text) && strings.IndexByte(signs, text[i]) >= 0 {
			i++
		}
	}
	count := func() {
		for i < len(text) && '0' <= text[i] && text[i] <= '9' {
			i, digits = i+1, digits+1
		}
	}
	skip("+-")
	count()
	skip(".")
	count()
	if digits == 0 {
		return 0, false
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i, digits = i+1, 0
		skip("+-")
		if count(); digits == 0 {
			return 0, false
		}
	}
	if i < len(text) {
		return 0, false
	}
	// The only error that is left is that of a number too great, which is ±Inf then.
	x, _ := strconv.ParseFloat(text, 64)
	return x, !math.IsNaN(x)
}

// Conditions are comparisons of tags.
type Conditions []Condition

// UnmarshalText reads one condition in the place of a list.
func (cs *Conditions) UnmarshalText(text []byte) error {
	var c Condition
	if err := c.UnmarshalText(text); err != nil {
		return err
	}
	*cs = Conditions{c}
	return nil
}

// tags returns the keys of the tags that the conditions compare.
func (cs Conditions) tags() []string {
	var keys []string
	for _, c := range cs {
		if !c.Failed {
			keys = append(keys, c.Tag)
		}
	}
	return keys
}

func (cs Conditions) validate(path string) []config.Fault {
	var faults []config.Fault
	for i, c := range cs {
		at := fmt.Sprintf("%s[%d]", path, i)
		if problem, cure := c.check(); problem != "" {
			faults = append(faults, config.Fault{Path: at, Problem: problem, Cure: cure})
		} else if c.Op.byExpression() {
			faults = append(faults, warnOfAll(at, c.Op, c.compiled().re)...)
		}
	}
	return faults
}

func (cs Conditions) canonical() string {
	var texts []string
	for _, c := range cs {
		value := c.Value
		if x, ok := number(value); ok && c.Op.numeric() {
			value = strconv.FormatFloat(x+0, 'g', -1, 64) // +0 makes -0 the 0 that it equals
		}
		if c.Failed {
			texts = append(texts, failedWord)
		} else {
			texts = append(texts, strconv.QuoteToASCII(c.Tag)+string(c.Op)+strconv.QuoteToASCII(value))
		}
	}
	return list(texts)
}

// A check is a condition that knows where its tag lies in Span.Tags.
type check struct {
	place int
	test  func(text string) bool // nil for the word failed
}

func (cs Conditions) compile(places map[string]int) []check {
	var checks []check
	for _, c := range cs {
		if c.Failed {
			checks = append(checks, check{})
		} else {
			checks = append(checks, check{places[c.Tag], c.test()})
		}
	}
	return checks
}

func (c *check) holds(s *source.Span) bool {
	if c.test == nil {
		return s.Failed
	}
	text := ""
	if c.place < len(s.Tags) {
		text = s.Tags[c.place]
	}
	return c.test(text)
}

// holdsAny reports whether one of the checks holds for s.
func holdsAny(checks []check, s *source.Span) bool {
	for i := range checks {
		if checks[i].holds(s) {
			return true
		}
	}
	return false
}

// holdAll reports whether each of the checks holds for s.
func holdAll(checks []check, s *source.Span) bool {
	for i := range checks {
		if !checks[i].holds(s) {
			return false
		}
	}
	return true
}
