package slo

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/traceslo/traceslo/sli"
)

// An Objective is what a service promises: that of the events of an indicator,
// within a window, at least a part is good.
type Objective struct {
	// Name is unique among all objectives: letters, digits, ".", "_" and "-".
	Name string `yaml:"name"`
	// Service is whose objective it is, the label service of its series. It is
	// left out with ForEach: service, where the value takes its place.
	Service     string `yaml:"service"`
	Description string `yaml:"description"`
	// Labels are the user's own. They stand on InfoMetric and on alerts.
	Labels map[string]string `yaml:"labels"`
	// SLI says which spans are events, and which of them are good.
	SLI sli.Indicator `yaml:"sli"`
	// ForEach makes one objective for each value that is seen: of service,
	// operation, or a dimension's label. Empty for a single one.
	ForEach string `yaml:"for_each"`
	// ForEachLimit bounds how many values are told apart; the others share one
	// objective, for the value _other. Default: 100.
	ForEachLimit int `yaml:"for_each_limit"`
	// Target is the part of the events that is to be good.
	Target Target `yaml:"objective"`
	// Window is the time that the target is kept or missed in.
	Window Window `yaml:"window"`
	// Alerting changes what the section alerting says, for this objective.
	Alerting Alerting `yaml:"alerting"`
	// Exclusions are times that do not count.
	Exclusions []Exclusion `yaml:"exclusions"`
	// ExpectsTraffic says that there is no time without events: without any for
	// source.silence, it is not idle but unmeasured.
	ExpectsTraffic bool `yaml:"expects_traffic"`
}

// ID returns what the label sloth_id holds: the service and the name, or the
// name alone where the service is a value that is seen.
func (o *Objective) ID() string {
	if o.Service == "" {
		return o.Name
	}
	return o.Service + "-" + o.Name
}

// Slug returns the name as it stands where little but letters is allowed, as
// in the name of a file or of a resource: lower case, with a hyphen for what is
// neither letter nor digit. It is unique among all objectives, as the name is.
func (o *Objective) Slug() string { return slug(o.Name) }

func slug(name string) string {
	return notWord.ReplaceAllString(strings.ToLower(name), "-")
}

var notWord = regexp.MustCompile(`[^a-z0-9]+`)

// Fingerprint returns 16 hexadecimal digits that stand for what judging
// depends on, SLI and ForEach, and for nothing else. The counts of an objective
// belong to its name and its fingerprint.
func (o *Objective) Fingerprint() string {
	sum := sha256.Sum256([]byte(o.ForEach + "\x00" + o.SLI.Canonical()))
	return hex.EncodeToString(sum[:8])
}

// forEachService is the ForEach that makes an objective of each service, which
// then has no Service of its own.
const forEachService = "service"
