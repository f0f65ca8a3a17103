package rules

import "github.com/traceslo/traceslo/slo"

// The alerts of an objective.
const (
	burnAlert      = "SLOErrorBudgetBurn"
	exhaustedAlert = "SLOErrorBudgetExhausted"
	// unmeasuredAlert and trafficAlert never fire for the same objective at
	// once: either the measuring stands still or it sees no events.
	unmeasuredAlert = "SLOUnmeasured"
	trafficAlert    = "SLOTrafficMissing"
	unmatchedAlert  = "SLOMatchesNothing"
)

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
	instanceAlert = "TracesloInstanceNotReading"
	overflowAlert = "TracesloOverflow"
	commitAlert   = "TracesloCommitFailing"
	lostAlert     = "TracesloSpansLost"
	reloadAlert   = "TracesloConfigReloadFailed"
	renamedAlert  = "TracesloServiceLabelRenamed"
)

// The severities of alerts that are of no objective. Those of objectives are
// slo.PageSeverity and slo.TicketSeverity.
const (
	critical = "critical"
	warning  = "warning"
)

// The labels of rules besides slo.SLOLabel and slo.ServiceLabel, which are those
// of the series.
const (
	// objectiveLabel holds the name of the objective, also where there is one
	// for each value, for whoever groups their alerts.
	objectiveLabel = "objective"
	severityLabel  = "severity"
	// tierLabel holds the long window of a tier.
	tierLabel = "tier"
)

// The annotations of alerts.
const (
	summaryKey     = "summary"
	descriptionKey = "description"
	statusKey      = "status_url"
	tracesKey      = "traces_url"
	runbookKey     = "runbook_url"
)

// The recorded series that Sloth has no name for: the events, and the bad ones,
// of all readers together, with slo.WindowLabel.
const (
	eventsRecord    = "slo:window_events:sum"
	badEventsRecord = "slo:window_bad_events:sum"
)

// The metrics that rules ask for and that are not of an objective. They are
// those of packages source, sli and cmd/traceslo, and of client_golang.
const (
	durationMetric   = "jaeger_trace_duration_seconds"
	spansMetric      = "jaeger_traces_total"
	errorsMetric     = "jaeger_trace_errors_total"
	catchingUpMetric = "traceslo_source_catching_up"
	completeMetric   = "traceslo_source_last_complete_read_timestamp_seconds"
	failuresMetric   = "traceslo_source_errors_total"
	gapsMetric       = "traceslo_source_gaps_total"
	overflowMetric   = "traceslo_sli_overflow_spans_total"
	reloadMetric     = "traceslo_config_last_reload_successful"
	startMetric      = "process_start_time_seconds"
)

// The lists of labels that series are summed and compared by.
const (
	identity    = slo.SLOLabel + ", " + slo.ServiceLabel
	perShard    = identity + ", " + slo.ShardLabel
	perInstance = perShard + ", instance"
)
