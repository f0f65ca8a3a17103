package rules

import "github.com/traceslo/traceslo/slo"

// The alerts of the platform, for each service.
const (
	latencyAlert = "HighTraceLatency"
	errorAlert   = "TraceErrorRate"
)

// The alerts of the daemon's own health.
const (
	downAlert     = "TracesloDown"
	staleAlert    = "TracesloSourceStale"
	neverAlert    = "TracesloSourceNeverRead"
	behindAlert   = "TracesloFallingBehind"
	instanceAlert = "TracesloInstanceNotReading"
	overflowAlert = "TracesloOverflow"
	commitAlert   = "TracesloCommitFailing"
	lostAlert     = "TracesloSpansLost"
	missingAlert  = "TracesloReaderMissing"
	reloadAlert   = "TracesloConfigReloadFailed"
	renamedAlert  = "TracesloServiceLabelRenamed"
)

// The severities of alerts that are of no objective. Those of objectives are
// slo.PageSeverity and slo.TicketSeverity.
const (
	critical = "critical"
	warning  = "warning"
)

// The annotations of alerts.
const (
	summaryKey     = "summary"
	descriptionKey = "description"
	statusKey      = "status_url"
	tracesKey      = "traces_url"
	runbookKey     = "runbook_url"
)

// The metrics that rules ask for and that are not of an objective. They are
// those of packages source, sli and cmd/traceslo, and of client_golang; those
// that boards ask for too are in slo.
const (
	completeMetric = "traceslo_source_last_complete_read_timestamp_seconds"
	backlogMetric  = "traceslo_source_backlog_spans"
	caughtUpMetric = "traceslo_source_catch_up_read_spans"
	failuresMetric = "traceslo_source_errors_total"
	gapsMetric     = "traceslo_source_gaps_total"
	readersMetric  = "traceslo_source_readers"
	overflowMetric = "traceslo_sli_overflow_spans_total"
	reloadMetric   = "traceslo_config_last_reload_successful"
	startMetric    = "process_start_time_seconds"
)

// The lists of labels that series are summed and compared by.
const (
	identity    = slo.SLOLabel + ", " + slo.ServiceLabel
	perShard    = identity + ", " + slo.ShardLabel
	perInstance = perShard + ", instance"
)
