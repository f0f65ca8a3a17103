package sli

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/traceslo/traceslo/internal/config"
)

// labelName is what every Prometheus and every rule can name without quotes.
var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// reservedLabels are the labels that the jaeger_* series, their buckets and
// their exemplars have already, with what they hold.
var reservedLabels = map[string]string{
	"service":    "the span's service",
	"operation":  "the span's operation",
	"span_kind":  "the span's kind",
	"error_type": "the type of an error",
	"le":         "a bucket's bound",
	"quantile":   "a summary's quantile",
	"trace_id":   "an exemplar's trace",
	"shard":      "one of several readers",
}

func (c Config) validateDimensions() []config.Fault {
	var faults []config.Fault
	tags, labels := map[string]int{}, map[string]int{}
	for i, d := range c.Dimensions {
		path := fmt.Sprintf("dimensions[%d]", i)
		if d.Tag == "" {
			faults = append(faults, config.Fault{Path: path + ".tag", Problem: "there is no tag", Cure: "write the tag's key, as in deployment.environment"})
		} else if first, ok := tags[d.Tag]; ok {
			faults = append(faults, config.Fault{Path: path + ".tag", Problem: fmt.Sprintf("%q is the tag of dimensions[%d] already", d.Tag, first), Cure: "remove one of them"})
		} else {
			tags[d.Tag] = i
		}
		held, reserved := reservedLabels[d.Label]
		switch first, doubled := labels[d.Label]; {
		case d.Label == "":
			faults = append(faults, config.Fault{Path: path + ".label", Problem: "there is no label", Cure: "write a name, as in environment"})
		case !labelName.MatchString(d.Label):
			faults = append(faults, config.Fault{Path: path + ".label", Problem: fmt.Sprintf("%q is not a label's name", d.Label),
				Cure: "use letters, digits and underscores, as in environment"})
		case strings.HasPrefix(d.Label, "__"):
			faults = append(faults, config.Fault{Path: path + ".label", Problem: fmt.Sprintf("%q is kept for Prometheus itself", d.Label), Cure: "write a name that does not begin with two underscores"})
		case reserved:
			faults = append(faults, config.Fault{Path: path + ".label", Problem: fmt.Sprintf("%q is the label of %s", d.Label, held), Cure: "write another name"})
		case doubled:
			faults = append(faults, config.Fault{Path: path + ".label", Problem: fmt.Sprintf("%q is the label of dimensions[%d] already", d.Label, first), Cure: "write another name"})
		default:
			labels[d.Label] = i
		}
		if reason := suspect(d.Tag); reason != "" {
			faults = append(faults, config.Fault{Path: path + ".tag", Warning: true, Problem: fmt.Sprintf("%q %s", d.Tag, reason),
				Cure: "leave it out, or make sure that it has few different values and names nobody"})
		}
	}
	return faults
}

// personal are words of a tag's key that stand for a person or a person's secret.
var personal = words("email mail phone username login ip address password token cookie authorization")

// people have ids that single one of them out.
var people = words("user enduser customer client account visitor player subscriber patient device")

// endless are last words of keys whose tags hold free text or ever new values.
var endless = words("id ids uid url uri full statement query sql path target text message stacktrace body timestamp hash")

// subjects are what people write an id of without a separator, as in traceid.
var subjects = words("trace span parent user session request correlation transaction message order")

func words(list string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		set[w] = true
	}
	return set
}

// suspect returns why a tag should hardly be a dimension, in words that follow
// its key, or "" if there is nothing against it.
func suspect(tag string) string {
	const (
		isPersonal  = "looks personal: it would put people's data into Prometheus"
		isUnbounded = "looks unbounded: every new value is another series"
	)
	key := wordsOf(tag)
	if len(key) == 0 {
		return ""
	}
	for _, w := range key {
		if personal[w] {
			return isPersonal
		}
		if strings.Contains(w, "uuid") || strings.Contains(w, "guid") {
			return isUnbounded
		}
	}
	last := key[len(key)-1]
	if subject, ok := strings.CutSuffix(last, "id"); ok && subjects[subject] {
		key = append(key[:len(key)-1], subject, "id")
		last = "id"
	}
	switch {
	case !endless[last]:
		return ""
	case last == "id" && len(key) > 1 && people[key[len(key)-2]]:
		return isPersonal
	}
	return isUnbounded
}

// camel is where a word ends in a key such as requestId.
var camel = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// wordsOf takes a tag's key apart, in lower case.
func wordsOf(tag string) []string {
	return strings.FieldsFunc(strings.ToLower(camel.ReplaceAllString(tag, "$1.$2")), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9')
	})
}
