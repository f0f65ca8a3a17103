package main

import (
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/sourcetest"
)

const lookedUp = `
slos:
  - name: gets
    service: api
    sli: {availability: {match: {service: api, operation: get}}}
    objective: 90%
    window: 30d
  - name: slow
    service: api
    sli: {latency: {match: {service: api}, threshold: 5ms}}
    objective: 99%
    window: 30d
  - name: misspelt
    service: api
    sli: {availability: {match: {service: apy}}}
    objective: 99%
    window: 30d
  - name: each
    for_each: service
    sli: {availability: {}}
    objective: 99%
    window: 30d
`

func TestObjectivesAreLookedUpInTheLastDay(t *testing.T) {
	cfg := builtIn("looked-up.yaml", []byte(lookedUp))
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	memory := sourcetest.NewMemory("cluster", now)
	at := func(id uint64, ago time.Duration, failed bool) source.Span {
		s := span(id)
		s.Start, s.Failed = now.Add(-ago).UnixMicro(), failed
		return s
	}
	index := memory.Create("jaeger-span-today", 2)
	index.Append(0, at(1, time.Hour, true), at(2, 2*time.Hour, false), at(3, 25*time.Hour, true))
	index.Append(1, at(4, 3*time.Hour, false), at(4, 3*time.Hour, false)) // stored twice
	for id := range uint64(8) {
		index.Append(1, at(10+id, 23*time.Hour, false))
	}

	for range 2 {
		shut := memory.Create("jaeger-span-shut", 1)
		shut.Append(0, at(20, time.Hour, true))
		shut.Set(func(i *source.Index) { i.Closed = true })
	}
	memory.Create("jaeger-span-copy", 1).Set(func(i *source.Index) { i.Closed, i.Unfollowed = true, source.Mounted })
	memory.Create("jaeger-span-lost", 3).Set(func(i *source.Index) { i.Shards[1].Ready = false })

	found, err := lookUp(t.Context(), cfg, memory, now)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range found.findings() {
		lines = append(lines, f.level+" "+f.text)
	}
	want := []string{
		`ok the objectives are looked up in 12 spans that ended in the last 1d; closed indices, which are left out: 2; shards that do not answer, which are left out: 1`,
		`ok slo "gets": 11 events, 1 bad: 90.909% good, 90% wanted`,
		`warning slo "slow": 11 events, 11 bad: 0% good, 99% wanted; with as many bad events its budget would be spent 100.0 times`,
		`warning slo "misspelt" matches none of them; correct its match, or wait for its traffic. There are spans of "api"`,
		`warning slo "each" for service "api": 11 events, 1 bad: 90.909% good, 99% wanted; with as many bad events its budget would be spent 9.1 times`,
	}
	if got, want := strings.Join(lines, "\n"), strings.Join(want, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
