package slo

// The names of the metrics that the ledger exposes, which rules, dashboards and
// reports share. The labels slo and service name an objective in each of them;
// InfoMetric alone carries the labels that the user gave it.
const (
	EventsMetric      = "traceslo_slo_events_total"
	BadEventsMetric   = "traceslo_slo_bad_events_total"
	WindowEvents      = "traceslo_slo_window_events"
	WindowBadEvents   = "traceslo_slo_window_bad_events"
	ObjectiveRatio    = "traceslo_slo_objective_ratio"
	BudgetRemaining   = "traceslo_slo_error_budget_remaining_ratio"
	BudgetExhaustion  = "traceslo_slo_error_budget_exhaustion_seconds"
	CoverageRatio     = "traceslo_slo_coverage_ratio"
	ElapsedRatio      = "traceslo_slo_window_elapsed_ratio"
	ExcludedMetric    = "traceslo_slo_excluded"
	UnmeasuredSeconds = "traceslo_slo_unmeasured_seconds"
	UnmatchedMetric   = "traceslo_slo_unmatched"
	InfoMetric        = "traceslo_slo_info"
)

// The labels of these metrics.
const (
	SLOLabel     = "slo"
	ServiceLabel = "service"
	// WindowLabel holds Window.String or a tier's window as FormatWindow writes it.
	WindowLabel = "window"
	// ShardLabel is there only where several readers share the reading.
	ShardLabel = "shard"
)

// The names of the recorded series, and their labels, which are Sloth's
// (https://sloth.dev, v0.12), so that dashboards made for those read ours.
const (
	// RatioRecord is followed by the window, as in slo:sli_error:ratio_rate5m.
	RatioRecord           = "slo:sli_error:ratio_rate"
	ObjectiveRecord       = "slo:objective:ratio"
	ErrorBudgetRecord     = "slo:error_budget:ratio"
	PeriodDaysRecord      = "slo:time_period:days"
	CurrentBurnRateRecord = "slo:current_burn_rate:ratio"
	PeriodBurnRateRecord  = "slo:period_burn_rate:ratio"
	RemainingRecord       = "slo:period_error_budget_remaining:ratio"
	InfoRecord            = "sloth_slo_info"

	SlothID       = "sloth_id"
	SlothService  = "sloth_service"
	SlothSLO      = "sloth_slo"
	SlothWindow   = "sloth_window"
	SlothSeverity = "sloth_severity"
)

// The recorded series that Sloth has no name for: the events, and the bad ones,
// of all readers together, by WindowLabel.
const (
	EventsRecord    = "slo:window_events:sum"
	BadEventsRecord = "slo:window_bad_events:sum"
)

// The alerts of an objective.
const (
	BurnAlert       = "SLOErrorBudgetBurn"
	ExhaustedAlert  = "SLOErrorBudgetExhausted"
	UnmeasuredAlert = "SLOUnmeasured"
	TrafficAlert    = "SLOTrafficMissing"
	UnmatchedAlert  = "SLOMatchesNothing"
)

// The labels of rules and alerts besides those of the series.
const (
	// ObjectiveLabel holds the name of the objective, also where there is one
	// for each value.
	ObjectiveLabel = "objective"
	SeverityLabel  = "severity"
	// TierLabel holds the long window of a tier.
	TierLabel = "tier"
)

// The metrics of the packages before this one in the flow, and of cmd/traceslo,
// that rules and boards ask for.
const (
	DurationMetric   = "jaeger_trace_duration_seconds"
	SpansMetric      = "jaeger_traces_total"
	ErrorsMetric     = "jaeger_trace_errors_total"
	CatchingUpMetric = "traceslo_source_catching_up"
)
