package report_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
)

// BenchmarkReport reports the time that a report of a month takes for each
// objective, which had events in every minute: of reading the ledger, and of
// each format.
func BenchmarkReport(b *testing.B) {
	const objectives = 250
	var all []slo.Objective
	for i := range objectives {
		all = append(all, objective(fmt.Sprintf("objective-%d", i), 999_000_000, thirtyDays))
	}
	since := time.Date(2026, 9, 25, 0, 0, 0, 0, time.UTC)
	now := time.Date(2026, 11, 1, 1, 0, 0, 0, time.UTC)
	w := newWorld(b, since, all...)
	rnd := rand.New(rand.NewPCG(1, 1))
	for at := since; at.Before(now); at = at.Add(6 * time.Hour) {
		for m := range 6 * 60 {
			minute := at.Unix()/60 + int64(m)
			w.minutes = append(w.minutes, sli.MinuteCount{Measure: sli.Platform, Minute: minute, Events: 1})
			for i := range objectives {
				n := sli.MinuteCount{Measure: i, Minute: minute, Events: 50 + rnd.Uint64N(30)}
				if rnd.IntN(25) == 0 {
					n.Bad = 1 + rnd.Uint64N(2)
					w.culprits = append(w.culprits, sli.CulpritCount{Measure: i, Day: minute / 1440, Bad: n.Bad, Culprit: sli.Culprit{Service: "s", Operation: fmt.Sprint("operation ", rnd.IntN(12)), ErrorType: "timeout"}})
				}
				w.minutes = append(w.minutes, n)
			}
		}
		w.save(at.Add(6*time.Hour - time.Minute))
	}
	p, err := report.ParsePeriod("2026-10", slo.Zone{}, now)
	if err != nil {
		b.Fatal(err)
	}
	var r *report.Report
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if err := w.store.View(func(tx *state.Tx) (err error) {
				r, err = report.Build(context.Background(), w.ledger, tx, report.Options{Period: p, Policy: report.Default().Policy, Now: now})
				return err
			}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*objectives), "µs/objective")
	})
	for _, f := range report.Formats() {
		b.Run(string(f), func(b *testing.B) {
			size := 0
			for range b.N {
				counted := &counting{}
				if err := r.Write(counted, f); err != nil {
					b.Fatal(err)
				}
				size = counted.n
			}
			b.ReportMetric(float64(size)/objectives, "B/objective")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*objectives), "µs/objective")
		})
	}
}

// counting counts what is written.
type counting struct{ n int }

func (c *counting) Write(p []byte) (int, error) { c.n += len(p); return len(p), nil }

var _ io.Writer = (*counting)(nil)
