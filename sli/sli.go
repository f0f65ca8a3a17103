// Package sli judges spans and counts them.
//
// Its place in the flow is between the feed and the objectives:
//
//	source ← sli ← slo ← {rules, dashboards, slo/report} ← cmd/traceslo
//
// The feed hands it pages of spans, the Recorder drops the repeated ones and
// adds the others to tallies. At the end of a step the tallies are merged into
// records, one for each label set, and saved in the transaction that also
// keeps how far was read; when that is durable, the records are published.
// What Prometheus scrapes are these records, so that nobody ever sees a count
// that a crash could take back.
//
// A span is judged while it is counted: by each Measure that it is an event of,
// as good or bad. Whatever the kind of its Indicator, a measure comes to two
// numbers a minute, events and bad ones, which slo keeps in the same transaction.
//
// The package bounds what it keeps: spans come from foreign services, and every
// label made of one has a limit (Limits). It leaves reading to source,
// targets and windows to slo, and the file that holds the state to
// internal/state. One part of it knows Prometheus: collector.go, exposition.go
// and metric.go.
package sli

// The buckets of the state file that belong to the package. Each epoch of the
// dedup window has one more, named by epochPrefix and its number.
const (
	metaBucket   = "sli/meta"
	labelsBucket = "sli/labels"
	countsBucket = "sli/counts"
	epochPrefix  = "sli/dedup/"
)

// other is the label value that stands for all that is over a limit.
const other = "_other"
