package rules_test

import (
	"fmt"
	"testing"

	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/slo"
)

// BenchmarkRender makes the rules of objectives, which are read back as
// Prometheus reads them.
func BenchmarkRender(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("objectives=%d", n), func(b *testing.B) {
			var objectives []slo.Objective
			for i := range n {
				objectives = append(objectives, available(fmt.Sprintf("objective-%d", i), "shop"))
			}
			size := 0
			for b.Loop() {
				size = len(render(b, objectives, links, rules.Default(), rules.Prometheus)["traceslo-slos.yaml"])
			}
			b.ReportMetric(float64(size)/float64(n), "bytes/objective")
		})
	}
}
