package sli

import "time"

// An Indicator is a service level indicator: it says which spans are events and
// which of these are good. Exactly one of its kinds is set. After this package
// nobody asks which.
type Indicator struct {
	// Availability: good is a span that did not fail.
	Availability *Availability `yaml:"availability"`
	// Latency: good is a span that ended within the threshold, failed or not.
	Latency *Latency `yaml:"latency"`
	// SuccessWithin: good is a span that did not fail and ended within the threshold.
	SuccessWithin *SuccessWithin `yaml:"success_within"`
	// Attribute: good is a span of which a tag has a wanted value.
	Attribute *Attribute `yaml:"attribute"`
}

// Availability is the kind for which a good span is one that did not fail.
type Availability struct {
	// Match says which spans are events.
	Match Match `yaml:"match"`
	// FailedIf are the conditions any one of which makes an event bad, in the
	// place of the span's own failure; the condition "failed" stands for that.
	// Default: [failed].
	FailedIf []Condition `yaml:"failed_if"`
}

// Latency is the kind for which a good span is one that was fast enough.
type Latency struct {
	// Match says which spans are events.
	Match Match `yaml:"match"`
	// Threshold is the longest duration of a good span, inclusive, in whole
	// microseconds. It is a bound of the classic histogram, whatever sli.buckets has.
	Threshold time.Duration `yaml:"threshold"`
}

// SuccessWithin is the kind for which a good span is one that neither failed
// nor was slow.
type SuccessWithin struct {
	// Match says which spans are events.
	Match Match `yaml:"match"`
	// Threshold is as Latency has it.
	Threshold time.Duration `yaml:"threshold"`
	// FailedIf is as Availability has it.
	FailedIf []Condition `yaml:"failed_if"`
}

// Attribute is the kind for which a good span is one that says so in a tag.
type Attribute struct {
	// Match says which spans are events.
	Match Match `yaml:"match"`
	// GoodIf are the conditions any one of which makes an event good. A span
	// that lacks the tag fulfils none but one of inequality.
	GoodIf []Condition `yaml:"good_if"`
}

// A Measure is what the Recorder judges spans by: an indicator, counted once
// for all spans or once for each value of something.
type Measure struct {
	Indicator Indicator
	// ForEach is "" for all spans as one; or service, operation, or the label of
	// a dimension of Config, for one count a value. A span without a value of
	// the dimension is no event.
	ForEach string
}

// Platform is the Measure of every span that is counted, all of them good.
const Platform = -1

// A MinuteCount is how many events of a measure ended within one minute.
type MinuteCount struct {
	// Measure is the place in the measures, or Platform.
	Measure int
	// Value is the value that ForEach has, bounded as the labels are; "" without.
	Value string
	// Minute is when the spans ended, in minutes since the Unix epoch.
	Minute int64
	// Events is how many there were, Bad how many of these were not good.
	Events, Bad uint64
}

// A CulpritCount is how many bad events of a measure one operation had in a day.
type CulpritCount struct {
	Measure int
	Value   string
	// Day is when the spans ended, in days of UTC since the Unix epoch.
	Day     int64
	Culprit Culprit
	Bad     uint64
}

// A Culprit is what bad events have in common: labels as the jaeger_* series have them, bounded.
type Culprit struct {
	Service, Operation string
	// ErrorType is "" for a bad event whose span did not fail.
	ErrorType string
	// Values are those of the dimensions of Config, in order, each ended by a zero byte.
	Values string
}
