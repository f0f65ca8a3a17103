package slo_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
)

// poisson returns a number of events around mean, nearly as the Poisson
// distribution has it.
func poisson(rnd *rand.Rand, mean float64) uint64 {
	return uint64(max(0, math.Round(mean+math.Sqrt(mean)*rnd.NormFloat64())))
}

// BenchmarkLedgerSize reports how many bytes the ledger takes on disk for a
// year of 100 objectives, by days of them in a compacted state file.
func BenchmarkLedgerSize(b *testing.B) {
	const objectives, days = 20, 20
	for _, rate := range []float64{1, 60, 6000} {
		b.Run(fmt.Sprintf("%v events a minute", rate), func(b *testing.B) {
			for range b.N {
				bench := benchOf(b, objectives)
				rnd := rand.New(rand.NewPCG(1, 1))
				for hour := range days * 24 {
					j := &judged{}
					for m := hour * 60; m < (hour+1)*60; m++ {
						// A day has its rhythm, and one event in 1000 is bad.
						mean := rate * (1 + 0.8*math.Sin(float64(m)*2*math.Pi/1440))
						for i := range objectives {
							if n := poisson(rnd, mean); n > 0 {
								j.event(i, "", at(m), n, min(n, poisson(rnd, float64(n)/1000)))
							}
						}
					}
					bench.step(at((hour+1)*60-1), j)
				}
				if err := bench.store.Close(); err != nil {
					b.Fatal(err)
				}
				_, size, err := state.Compact(bench.path)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(size)/objectives/days*365*100/1e6, "MB/year/100-objectives")
			}
		})
	}
}

func benchOf(t testing.TB, objectives int) *bench {
	var list []slo.Objective
	for i := range objectives {
		list = append(list, availability(fmt.Sprintf("objective-%d", i), thirtyDays))
	}
	return newBench(t, list...)
}

// BenchmarkLedgerStep reports the time of one commit's part for the ledger, a
// minute after the one before, with a bad event of each objective, and of a scrape.
func BenchmarkLedgerStep(b *testing.B) {
	for _, objectives := range []int{1, 100, 1000} {
		bench := benchOf(b, objectives)
		// A month lies behind.
		for day := range 30 {
			j := &judged{}
			for i := range objectives {
				j.event(i, "", at(day*1440+600), 100, 1)
			}
			bench.step(at(day*1440+601), j)
		}
		minute := 30 * 1440
		b.Run(fmt.Sprintf("step/%d objectives", objectives), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				minute++
				j := &judged{}
				for i := range objectives {
					j.minutes = append(j.minutes, sli.MinuteCount{Measure: i, Minute: at(minute).Unix() / 60, Events: 100, Bad: 1})
					bad := sli.BadEvent{Measure: i, End: at(minute).UnixMicro(), Duration: 1500, Service: "ml-pipeline", Operation: "ml.inference", ErrorType: "CUDAOutOfMemory"}
					binary.BigEndian.PutUint64(bad.TraceID[8:], uint64(minute))
					j.bad = append(j.bad, bad)
				}
				j.minutes = append(j.minutes, sli.MinuteCount{Measure: sli.Platform, Minute: at(minute).Unix() / 60, Events: 100})
				bench.step(at(minute).Add(time.Second), j)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*objectives), "µs/objective")
		})
		b.Run(fmt.Sprintf("scrape/%d objectives", objectives), func(b *testing.B) {
			for range b.N {
				bench.gauges()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*objectives), "µs/objective")
		})
	}
}
