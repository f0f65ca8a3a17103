package web

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/traceslo/traceslo/source"
)

// Feed is how far the source was read.
type Feed struct {
	Reading Reading `json:"reading"`
	// Cluster is the store that is read, "" where it does not tell.
	Cluster string `json:"cluster"`
	// Surveyed is when it was asked last how far it can be read, null if it never answered since the start.
	Surveyed *time.Time `json:"surveyed"`
	// Indices are those that it had then, the youngest first; at most 500 of Total.
	Indices []Index `json:"indices"`
	Total   int     `json:"indices_total"`
	// Lateness says how many spans were read how long after their end, since the start.
	Lateness []Late `json:"lateness"`
	// Failures are the last steps that failed, newest first.
	Failures []Failure `json:"failures"`
	// Troubles are the counters since the start that should be zero and are not.
	Troubles []Trouble `json:"troubles"`
}

// An Index is how far one index was read.
type Index struct {
	Name    string    `json:"name"`
	UUID    string    `json:"uuid"`
	Created time.Time `json:"created"`
	// State is one word of a closed set: followed, closed, or why it is left out.
	State   string  `json:"state"`
	Backlog int64   `json:"backlog"`
	Shards  []Shard `json:"shards"`
}

// A Shard is how far one shard was read.
type Shard struct {
	Number int `json:"number"`
	// Ready is false while the shard cannot be read.
	Ready bool `json:"ready"`
	// Read is the number up to which everything is counted, Checkpoint that up
	// to which it can be read; -1 for none.
	Read       int64 `json:"read"`
	Checkpoint int64 `json:"global_checkpoint"`
	Backlog    int64 `json:"backlog"`
}

// Late is how many spans were read within a time after their end.
type Late struct {
	// WithinSeconds is null for any time.
	WithinSeconds *float64 `json:"within_seconds"`
	Spans         uint64   `json:"spans"`
}

// A Failure is a step that failed, or several for one reason, one after the other.
type Failure struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Times int       `json:"times"`
	Kind  string    `json:"kind"`
	Text  string    `json:"text"`
}

// A Trouble is a counter that should be zero.
type Trouble struct {
	Metric string  `json:"metric"`
	Label  string  `json:"label"`
	Value  string  `json:"value"`
	Count  float64 `json:"count"`
}

// troubling are the counters that should be zero, each with its only label.
var troubling = []struct{ metric, label string }{
	{"traceslo_source_errors_total", "kind"},
	{"traceslo_source_unreadable_documents_total", "reason"},
	{"traceslo_source_lost_spans_total", "reason"},
	{"traceslo_source_gaps_total", "reason"},
}

// maxIndices bounds how many indices are told of.
const maxIndices = 500

// feed answers how far the source was read.
func (s *Server) feed(r *http.Request) (any, error) {
	if _, err := parameters(r); err != nil {
		return nil, err
	}
	running := s.Running()
	if running == nil {
		return nil, errNotReady
	}
	return s.feedOf(running)
}

func (s *Server) feedOf(running *Running) (Feed, error) {
	reading, values, err := s.reading(running, s.Now())
	if err != nil {
		return Feed{}, err
	}
	at := running.Feed()
	out := Feed{Reading: reading, Cluster: at.Cluster, Surveyed: known(at.Surveyed), Total: len(at.Indices),
		Indices: []Index{}, Lateness: lateness(values), Failures: []Failure{}, Troubles: []Trouble{}}
	for _, index := range at.Indices {
		out.Indices = append(out.Indices, indexOf(index))
	}
	// What is behind goes first, so that it is among those that are told of.
	slices.SortStableFunc(out.Indices, func(a, b Index) int {
		return cmp.Or(cmp.Compare(truth(b.Backlog > 0), truth(a.Backlog > 0)), b.Created.Compare(a.Created), cmp.Compare(b.Name, a.Name))
	})
	out.Indices = out.Indices[:min(len(out.Indices), maxIndices)]
	for _, f := range at.Failures {
		out.Failures = append(out.Failures, Failure{f.First.UTC(), f.Last.UTC(), f.Times, string(f.Kind), f.Text})
	}
	for _, t := range troubling {
		for _, sample := range values[t.metric] {
			if sample.value > 0 {
				out.Troubles = append(out.Troubles, Trouble{t.metric, t.label, sample.labels[t.label], sample.value})
			}
		}
	}
	return out, nil
}

func indexOf(index source.IndexSnapshot) Index {
	out := Index{Name: index.Name, UUID: index.UUID, Created: index.Created.UTC(), State: index.State, Shards: []Shard{}}
	for _, s := range index.Shards {
		out.Backlog += s.Backlog()
		out.Shards = append(out.Shards, Shard{s.Number, s.Ready, s.Read, s.Upto, s.Backlog()})
	}
	return out
}

// lateness returns the buckets of the histogram, each with what is in no lower one.
func lateness(values samples) []Late {
	out := []Late{}
	for _, sample := range values["traceslo_source_lateness_seconds"] {
		before := uint64(0)
		for _, b := range sample.histogram.GetBucket() {
			within := b.GetUpperBound()
			out = append(out, Late{&within, b.GetCumulativeCount() - before})
			before = b.GetCumulativeCount()
		}
		out = append(out, Late{nil, sample.histogram.GetSampleCount() - before})
	}
	return out
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Config is the configuration in effect.
type Config struct {
	// About says what is read, where the configuration does not.
	About string `json:"about,omitempty"`
	// Text is YAML; secrets are masked.
	Text string `json:"configuration"`
	// Refused is why the file was not taken when it was last read; null if it was.
	Refused *Refusal `json:"refused"`
}

// config answers what configuration is in effect.
func (s *Server) config(r *http.Request) (any, error) {
	if _, err := parameters(r); err != nil {
		return nil, err
	}
	running := s.Running()
	if running == nil {
		return nil, errNotReady
	}
	return configOf(running)
}

func configOf(running *Running) (Config, error) {
	text, err := running.Configuration()
	if err != nil {
		return Config{}, err
	}
	return Config{About: running.About, Text: string(text), Refused: running.Refused()}, nil
}
