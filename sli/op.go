package sli

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"

	"github.com/traceslo/traceslo/internal/config"
)

// An Op is a comparison: = != =~ !~ > >= < <=.
type Op string

// The comparisons. The first four compare texts. The last four read both sides
// as decimal numbers, as in 500, -1.5 or 2e3, and hold for no text that is none:
// not for "", nor for NaN or Inf.
const (
	Equal          Op = "="
	NotEqual       Op = "!="
	Matches        Op = "=~"
	MatchesNot     Op = "!~"
	Greater        Op = ">"
	GreaterOrEqual Op = ">="
	Less           Op = "<"
	LessOrEqual    Op = "<="
)

// ops has those first that begin with another.
var ops = []Op{Matches, NotEqual, MatchesNot, GreaterOrEqual, LessOrEqual, Equal, Greater, Less}

// cutOp returns the comparison of those given with which text begins, and the
// text after it; "" if it begins with none.
func cutOp(text string, of []Op) (op Op, rest string) {
	for _, o := range of {
		if rest, ok := strings.CutPrefix(text, string(o)); ok {
			return o, rest
		}
	}
	return "", text
}

// byExpression tells whether texts are held against a regular expression.
func (o Op) byExpression() bool { return o == Matches || o == MatchesNot }

func (o Op) numeric() bool { return o != "" && (o[0] == '>' || o[0] == '<') }

// anchored compiles an expression that checkRegexp found nothing wrong with, as
// Prometheus does.
func anchored(expression string) *regexp.Regexp {
	return regexp.MustCompile("^(?s:" + expression + ")$")
}

// checkRegexp returns what is wrong with a regular expression and how to cure
// it. It has to be right by itself: a)(b is, only between other parentheses.
func checkRegexp(expression string) (problem, cure string) {
	_, err := regexp.Compile(expression)
	if err == nil {
		_, err = regexp.Compile("^(?s:" + expression + ")$")
	}
	if err != nil {
		return fmt.Sprintf("%q is no regular expression: %s", clip(expression), clip(strings.TrimPrefix(err.Error(), "error parsing regexp: "))),
			"write one of RE2, as in api-(a|b)|web-.*"
	}
	return "", ""
}

// warnOfAll warns of an expression that seems to match every text.
func warnOfAll(path string, op Op, re *regexp.Regexp) []config.Fault {
	rng := rand.New(rand.NewPCG(1, 1))
	for n := range 8 {
		text := make([]byte, n)
		for i := range text {
			text[i] = byte('!' + rng.IntN('~'-'!'))
		}
		if !re.Match(text) {
			return nil
		}
	}
	if op == MatchesNot {
		return []config.Fault{{Path: path, Problem: "the regular expression matches everything, so that nothing is left", Cure: "write what is to be left out", Warning: true}}
	}
	return []config.Fault{{Path: path, Problem: "the regular expression matches everything", Cure: "leave it out, or write what is meant", Warning: true}}
}
