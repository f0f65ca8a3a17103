package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/source"
)

// Status is how the daemon does.
type Status struct {
	Version string  `json:"version"`
	Reading Reading `json:"reading"`
	// MeasuredUntil is the time up to which objectives are measured; null if
	// nothing was ever read to its end.
	MeasuredUntil *time.Time `json:"measured_until"`
	// Objectives is how many objectives there are, Troubles how many of them are in trouble.
	Objectives int `json:"objectives"`
	Troubles   int `json:"troubles"`
	// States is how many objectives there are in each state.
	States map[State]int `json:"states"`
	// Readers is null where one reads all.
	Readers *Readers `json:"readers"`
	// ConfigurationRefused holds if the configuration was refused when it was last read.
	ConfigurationRefused bool `json:"configuration_refused"`
}

// Reading is how the reading of spans goes.
type Reading struct {
	// State is one word from a closed set, Text says the same in a sentence.
	State ReadingState `json:"state"`
	Text  string       `json:"text"`
	// CompleteUntil is the time up to which every stored span is counted, null
	// if nothing was read to its end since the start.
	CompleteUntil *time.Time `json:"complete_until"`
	// LastSpan is when the last span was counted, null for none since the start.
	LastSpan *time.Time `json:"last_span"`
	// Spans were read since the start; Backlog, at most, are stored and not counted.
	Spans   uint64 `json:"spans"`
	Backlog uint64 `json:"backlog"`
}

// A ReadingState is one word for how the reading goes.
type ReadingState string

// The states of the reading.
const (
	Loading    ReadingState = "loading"
	Unread     ReadingState = "unread"
	Stale      ReadingState = "stale"
	CatchingUp ReadingState = "catching_up"
	Silent     ReadingState = "silent"
	Current    ReadingState = "current"
)

// Good holds if all is read and spans come.
func (s ReadingState) Good() bool { return s == Current }

// least is for how long nothing may be read to its end before that is told.
const leastStale = 15 * time.Second

// reading makes the answer of what the metrics say: one truth for machines and for people.
func (s *Server) reading(running *Running, now time.Time) (Reading, samples, error) {
	values, err := gather(s.Reading)
	if err != nil {
		return Reading{}, nil, err
	}
	out := Reading{
		CompleteUntil: values.time("traceslo_source_last_complete_read_timestamp_seconds"),
		LastSpan:      values.time("traceslo_source_last_span_timestamp_seconds"),
		Spans:         uint64(values.one("traceslo_source_spans_total")),
		Backlog:       uint64(values.one("traceslo_source_backlog_spans")),
	}
	age := time.Duration(0)
	if out.CompleteUntil != nil {
		age = now.Sub(*out.CompleteUntil)
	}
	var progress *source.Progress
	if running != nil {
		progress = running.Progress()
	}
	switch catching := values.one("traceslo_source_catching_up") == 1; {
	case running == nil:
		out.State, out.Text = Loading, "The state is being loaded."
	case progress != nil:
		left := "it comes no nearer to its end, as more is stored than read"
		if remaining, ok := progress.Remaining(); ok {
			left = "about " + config.FormatDuration(remaining.Round(time.Second)) + " left"
		}
		out.State, out.Text = CatchingUp, fmt.Sprintf("Catching up: %s of what is to be read is, %s spans in all, %s.", percent(progress.Part()), grouped(uint64(progress.Spans)), left)
	case out.CompleteUntil == nil && out.Spans > 0:
		out.State, out.Text = CatchingUp, fmt.Sprintf("Catching up since the start: %s spans are read, %s are to come at most.", grouped(out.Spans), grouped(out.Backlog))
	case out.CompleteUntil == nil:
		out.State, out.Text = Unread, "Nothing was read to its end since the start."
	case age > max(3*running.Poll, leastStale):
		out.State, out.Text = Stale, fmt.Sprintf("Nothing was read to its end for %s: the source does not answer, cannot be read whole, or there is much to catch up with.", config.FormatDuration(age.Truncate(time.Second)))
	case catching:
		out.State, out.Text = CatchingUp, "Catching up: there are stored spans that are not counted yet, or shards that cannot be read now."
	case values.one("traceslo_source_silent") == 1:
		out.State, out.Text = Silent, "All that is stored is counted, and no service has sent a span for longer than source.silence."
	default:
		out.State, out.Text = Current, "Every span that the source shows is counted."
	}
	return out, values, nil
}

// status answers how the daemon does.
func (s *Server) status(*http.Request) (any, error) {
	running, now := s.Running(), s.Now()
	reading, values, err := s.reading(running, now)
	if err != nil {
		return nil, err
	}
	out := Status{Version: s.Version, Reading: reading, States: map[State]int{},
		ConfigurationRefused: running != nil && values.one("traceslo_config_last_reload_successful") == 0}
	for _, state := range states {
		out.States[state] = 0
	}
	if running != nil {
		out.Readers = running.Readers
	}
	all, upto := s.all(running, now)
	out.MeasuredUntil = known(upto)
	for _, o := range all {
		out.Objectives++
		out.States[o.State]++
		if o.Trouble {
			out.Troubles++
		}
	}
	return out, nil
}

// known returns a pointer to t, nil for no time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}
