// Package bench measures traceslo beside what people would use instead, by hand
// and never in CI: "make bench-peers", "make bench-growth", "make bench-soak"
// and "make bench-earliest" run its tests, each of which is skipped without its
// flag. They start real servers through internal/testenv, on this machine, and
// write a page of Markdown and pictures.
//
//	go test ./internal/bench -run '^TestPeers$' -v -timeout 0 -args -peers -spans=100000
//
// What is not a test here is what the measurements share: what processes have
// used (Usage), the true counts (Truth), spans as OpenTelemetry sends them
// (OTLP), a slope and its error (Fit), tables and pictures. It asserts nothing;
// what is to hold is held by the tests of the packages that it is about.
package bench

import (
	"cmp"
	"slices"
	"time"
)

// Quantile returns the value below which the part q of the sorted copy of all
// values lies, 0 of none.
func Quantile[T cmp.Ordered](values []T, q float64) T {
	if len(values) == 0 {
		var none T
		return none
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// PerMillion returns seconds of CPU per million spans.
func PerMillion(cpu time.Duration, spans int) float64 {
	return cpu.Seconds() / float64(max(spans, 1)) * 1e6
}
