package dashboards

// The metrics that boards ask for and that are not of an objective. They are
// those of packages source, sli and cmd/traceslo, and of client_golang; those
// that rules ask for too are in slo.
const (
	completeMetric   = "traceslo_source_last_complete_read_timestamp_seconds"
	backlogMetric    = "traceslo_source_backlog_spans"
	remainingMetric  = "traceslo_source_catch_up_remaining_seconds"
	silentMetric     = "traceslo_source_silent"
	latenessMetric   = "traceslo_source_lateness_seconds"
	readMetric       = "traceslo_source_spans_total"
	earlyMetric      = "traceslo_source_spans_before_start_total"
	unreadableMetric = "traceslo_source_unreadable_documents_total"
	lostMetric       = "traceslo_source_lost_spans_total"
	gapsMetric       = "traceslo_source_gaps_total"
	discardsMetric   = "traceslo_source_discards_total"
	pollsMetric      = "traceslo_source_polls_total"
	failuresMetric   = "traceslo_source_errors_total"
	requestsMetric   = "traceslo_source_requests_total"
	requestTime      = "traceslo_source_request_duration_seconds"
	commitTime       = "traceslo_source_commit_duration_seconds"
	indicesMetric    = "traceslo_source_indices"

	duplicatesMetric = "traceslo_sli_duplicate_spans_total"
	shortenedMetric  = "traceslo_sli_dedup_shortened_total"
	limitMetric      = "traceslo_sli_limit"
	limitUsedMetric  = "traceslo_sli_limit_used"
	overflowMetric   = "traceslo_sli_overflow_spans_total"
	expiredMetric    = "traceslo_sli_series_expired_total"
	changesMetric    = "traceslo_sli_configuration_changes_total"

	clockMetric    = "traceslo_slo_clock_timestamp_seconds"
	unplacedMetric = "traceslo_slo_unplaced_spans_total"
	restartsMetric = "traceslo_slo_restarts_total"

	buildMetric    = "traceslo_build_info"
	reloadMetric   = "traceslo_config_last_reload_successful"
	reloadedMetric = "traceslo_config_last_reload_success_timestamp_seconds"

	memoryMetric     = "process_resident_memory_bytes"
	cpuMetric        = "process_cpu_seconds_total"
	goroutinesMetric = "go_goroutines"
)

// The alerts that Prometheus has at a time, and their labels
// (https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/).
const (
	alertsMetric = "ALERTS"
	firing       = `alertstate="firing"`
)

// The labels of the metrics of spans.
const (
	operationLabel = "operation"
	kindLabel      = "span_kind"
	errorLabel     = "error_type"
)

// The variables of the boards.
const (
	datasourceVariable = "datasource"
	histogramVariable  = "histogram"
	serviceVariable    = "service"
	operationVariable  = "operation"
	kindVariable       = "kind"
	sloVariable        = "slo"
	instanceVariable   = "instance"
	filterVariable     = "filter"
)
