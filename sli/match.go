package sli

import "regexp"

// A Match says which spans are events: those that fulfil all that is given. An
// empty one takes every span.
type Match struct {
	// Service and Operation are names. One pattern may stand for a list of one.
	Service   Patterns `yaml:"service"`
	Operation Patterns `yaml:"operation"`
	// SpanKind are kinds, any one of which the span has: server, client,
	// producer, consumer, internal, unspecified.
	SpanKind Kinds `yaml:"span_kind"`
	// Tags are conditions that the span fulfils, all of them.
	Tags []Condition `yaml:"tags"`
	// RootOnly takes only spans without a parent.
	RootOnly bool `yaml:"root_only"`
}

// Patterns are names that are wanted and names that are not: a name matches if
// it fulfils any of those that want something (= and =~), if there are such,
// and all of those that refuse something (!= and !~).
type Patterns []Pattern

// A Pattern is a name as the configuration has it: the name itself,
// "=~regexp", "!=name" or "!~regexp". The regular expressions are RE2's and
// anchored at both ends, as Prometheus' are.
type Pattern struct {
	Op   Op
	Text string
	re   *regexp.Regexp
}

// Kinds are span kinds.
type Kinds []string

// An Op is a comparison: = != =~ !~ > >= < <=.
type Op string

// The comparisons. The last four read both sides as numbers and hold for no
// text that is none.
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

// A Condition is a comparison of a tag with a value, written "http.response.status_code >= 500",
// or the single word failed, which holds for a span that failed. A tag of the
// span goes before one of the process. A span that lacks the tag has the value
// "" there.
type Condition struct {
	// Failed holds for the word failed; the rest is empty then.
	Failed bool
	Tag    string
	Op     Op
	Value  string
	re     *regexp.Regexp
	number float64
}
