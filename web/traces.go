package web

import (
	"net/http"
	"time"

	"github.com/traceslo/traceslo/internal/state"
)

// Traces are those with the latest bad events of an objective, newest first.
type Traces struct {
	MeasuredUntil *time.Time `json:"measured_until"`
	Traces        []Trace    `json:"traces"`
}

// A Trace is one in which an event was bad, and its last such event.
type Trace struct {
	TraceID string    `json:"trace_id"`
	SpanID  string    `json:"span_id"`
	End     time.Time `json:"end"`
	Seconds float64   `json:"duration_seconds"`
	// Service, Operation and ErrorType are those of the span; a span that did
	// not fail has no error type.
	Service   string `json:"service"`
	Operation string `json:"operation"`
	ErrorType string `json:"error_type"`
	// Link leads to the trace in Jaeger, "" if nobody said where that is.
	Link string `json:"link,omitempty"`

	Duration time.Duration `json:"-"`
}

// traces answers which traces had the latest bad events of an objective.
func (s *Server) traces(r *http.Request) (any, error) {
	query, err := parameters(r, "service")
	if err != nil {
		return nil, err
	}
	running, o, upto, err := s.one(r, query)
	if err != nil {
		return nil, err
	}
	traces, err := s.tracesOf(running, o)
	return Traces{known(upto), traces}, err
}

func (s *Server) tracesOf(running *Running, o Objective) ([]Trace, error) {
	traces := []Trace{}
	err := running.View(func(tx *state.Tx) error {
		found, err := running.Ledger.BadTraces(tx, o.SLO, o.Service)
		for _, t := range found {
			traces = append(traces, Trace{TraceID: t.TraceID, SpanID: t.SpanID, End: t.End.UTC(), Seconds: t.Duration.Seconds(), Duration: t.Duration,
				Service: t.Service, Operation: t.Operation, ErrorType: t.ErrorType, Link: running.Links.Trace(t.TraceID)})
		}
		return err
	})
	return traces, err
}
