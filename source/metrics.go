package source

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics say how the reading goes. All series of closed label sets exist from
// the start, at zero. They are safe for use by several goroutines.
type Metrics struct {
	polls      *prometheus.CounterVec
	errors     *prometheus.CounterVec
	spans      prometheus.Counter
	before     prometheus.Counter
	unreadable *prometheus.CounterVec
	discards   prometheus.Counter
	lost       *prometheus.CounterVec
	gaps       *prometheus.CounterVec
	indices    *prometheus.GaugeVec
	backlog    prometheus.Gauge
	catchingUp prometheus.Gauge
	caughtUp   prometheus.Gauge
	remaining  prometheus.Gauge
	complete   prometheus.Gauge
	lastSpan   prometheus.Gauge
	silent     prometheus.Gauge
	readers    prometheus.Gauge
	commits    prometheus.Histogram
	lateness   *lateness
	documents  *prometheus.CounterVec
	asides     *prometheus.CounterVec
	searches   prometheus.Gauge
	waits      prometheus.Counter
	requests   *prometheus.CounterVec
	took       *prometheus.HistogramVec
}

// NewMetrics registers the metrics of a feed. reasons are the words for a
// document that is not understood, operations those for a request.
func NewMetrics(reg prometheus.Registerer, reasons, operations []string) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "traceslo_source_" + name, Help: help})
		reg.MustRegister(c)
		return c
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "traceslo_source_" + name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "traceslo_source_" + name, Help: help})
		reg.MustRegister(g)
		return g
	}
	m := &Metrics{
		polls:      counters("polls_total", "Steps of the read loop, by how they ended: complete, partial (there is more to read, or a shard is out of reach) or error.", "result"),
		errors:     counters("errors_total", "Errors of the source, by kind.", "kind"),
		spans:      counter("spans_total", "Spans read and committed, duplicates included."),
		before:     counter("spans_before_start_total", "Spans of the first run that ended before source.elasticsearch.start and were not counted."),
		unreadable: counters("unreadable_documents_total", "Stored documents that are not understood and not counted, by reason.", "reason"),
		discards:   counter("discards_total", "Times that uncommitted counts were dropped and read again because an index was deleted or made again while it was read."),
		lost:       counters("lost_spans_total", "Stored spans that can never be counted, as far as the last survey told of them, by reason.", "reason"),
		gaps:       counters("gaps_total", "Shards or indices of which a part can never be counted, by reason.", "reason"),
		backlog:    gauge("backlog_spans", "Upper bound of the stored spans that are not counted yet, at the last survey."),
		catchingUp: gauge("catching_up", "1 until the first complete read, and while the last step left spans unread or a shard was out of reach; else 0."),
		caughtUp:   gauge("catch_up_read_spans", "What was read since the catching up that goes on began, counted as the backlog is; 0 while none goes on."),
		remaining:  gauge("catch_up_remaining_seconds", "Time that the catching up that goes on will take by its rate of late, +Inf while it comes no nearer to its end; 0 while none goes on."),
		complete:   gauge("last_complete_read_timestamp_seconds", "Unix time up to which every stored span is counted; 0 before the first complete read."),
		lastSpan:   gauge("last_span_timestamp_seconds", "Unix time of the last commit that held a span; 0 before the first."),
		silent:     gauge("silent", "1 if the source is read completely and no span came from any service for source.silence, else 0."),
		readers:    gauge("readers", "How many daemons share the reading; 1 for one that reads all."),
		documents:  counters("documents_total", "Stored documents read, by how: lean (the few values that counting needs), whole, or counted by the cluster.", "form"),
		asides:     counters("asides_total", "Times that an index was from then on read as documents for a while although read is aggregations, by reason.", "reason"),
		searches:   gauge("searches_limit", "Searches that may be under way at once: max_searches, or fewer while the cluster is under strain."),
		waits:      counter("search_wait_seconds_total", "Time that searches waited for their turn, so that the cluster is not asked more than max_searches and search_share allow."),
		requests:   counters("requests_total", "Requests to the source, by operation and status (the HTTP status, or the kind of error).", "operation", "status"),
		lateness:   newLateness(),
	}
	m.indices = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "traceslo_source_indices", Help: "Indices at the last survey, by what is done with them: followed, closed, or why they are left out."}, []string{"state"})
	m.commits = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "traceslo_source_commit_duration_seconds", Help: "Time to make counts and positions durable.",
		Buckets: prometheus.ExponentialBuckets(0.001, 4, 8)})
	m.took = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "traceslo_source_request_duration_seconds", Help: "Time from a request to the source to its whole answer.",
		Buckets: prometheus.ExponentialBuckets(0.001, 4, 9)}, []string{"operation"})
	reg.MustRegister(m.indices, m.commits, m.took, m.lateness)

	for _, result := range []string{pollComplete, pollPartial, pollError} {
		m.polls.WithLabelValues(result)
	}
	for _, kind := range ErrorKinds {
		m.errors.WithLabelValues(string(kind))
	}
	for _, reason := range reasons {
		m.unreadable.WithLabelValues(reason)
	}
	for _, kind := range gapKinds {
		m.lost.WithLabelValues(string(kind))
		m.gaps.WithLabelValues(string(kind))
	}
	for _, operation := range operations {
		m.requests.WithLabelValues(operation, "200")
		m.took.WithLabelValues(operation)
	}
	for _, form := range []string{"lean", "whole", "counted"} {
		m.documents.WithLabelValues(form)
	}
	for _, reason := range []string{"others", "buckets", "refused", "unproven", "scattered"} {
		m.asides.WithLabelValues(reason)
	}
	m.setIndices(nil)
	// Nothing is read yet.
	m.catchingUp.Set(1)
	m.readers.Set(1)
	return m
}

const (
	pollComplete = "complete"
	pollPartial  = "partial"
	pollError    = "error"
)

// ObserveRequest notes one request to the source: operation and status are
// from closed sets, took is the time to its whole answer.
func (m *Metrics) ObserveRequest(operation, status string, took time.Duration) {
	m.requests.WithLabelValues(operation, status).Inc()
	m.took.WithLabelValues(operation).Observe(took.Seconds())
}

// SetMember tells which of several readers this is.
func (m *Metrics) SetMember(member Member) { m.readers.Set(float64(max(1, member.Of))) }

// ObserveDocuments notes that so many documents were read; form is from a closed set.
func (m *Metrics) ObserveDocuments(form string, documents int) {
	m.documents.WithLabelValues(form).Add(float64(documents))
}

// ObserveAside notes that an index is from now on read as documents for a
// while, although read is aggregations; reason is from a closed set.
func (m *Metrics) ObserveAside(reason string) { m.asides.WithLabelValues(reason).Inc() }

// ObserveSearches notes how many searches may be under way at once from now on.
func (m *Metrics) ObserveSearches(most int) { m.searches.Set(float64(most)) }

// ObserveWait notes for how long a search waited for its turn.
func (m *Metrics) ObserveWait(waited time.Duration) { m.waits.Add(waited.Seconds()) }

func (m *Metrics) setIndices(counts map[string]int) {
	for _, state := range []string{indexFollowed, indexClosed, string(Resized), string(Mounted), string(Restored), string(Unnumbered)} {
		m.indices.WithLabelValues(state).Set(float64(counts[state]))
	}
}

// latenessBounds are the upper bounds, in seconds, of the lateness histogram.
var latenessBounds = [...]int64{1, 2, 5, 10, 30, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600}

// A latenessCount counts spans by how long after their end they were read.
// It is a plain array so that a page is counted without a lock for each span.
type latenessCount struct {
	buckets [len(latenessBounds) + 1]uint64
	seconds float64
}

// observe counts n spans that ended at end and were read at now, both in Unix
// microseconds. One from the future counts as not late.
func (c *latenessCount) observe(now, end int64, n uint64) {
	late := max(0, now-end)
	i := 0
	for i < len(latenessBounds) && late > latenessBounds[i]*1e6 {
		i++
	}
	c.buckets[i] += n
	c.seconds += float64(n) * float64(late) / 1e6
}

func (c *latenessCount) add(other *latenessCount) {
	for i, n := range other.buckets {
		c.buckets[i] += n
	}
	c.seconds += other.seconds
}

// lateness exposes a latenessCount as a histogram.
type lateness struct {
	desc *prometheus.Desc

	mu    sync.Mutex // guards total
	total latenessCount
}

func newLateness() *lateness {
	return &lateness{desc: prometheus.NewDesc("traceslo_source_lateness_seconds", "Time from the end of a span to its reading.", nil, nil)}
}

func (l *lateness) add(c *latenessCount) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total.add(c)
}

// Describe implements prometheus.Collector.
func (l *lateness) Describe(ch chan<- *prometheus.Desc) { ch <- l.desc }

// Collect implements prometheus.Collector.
func (l *lateness) Collect(ch chan<- prometheus.Metric) {
	l.mu.Lock()
	total := l.total
	l.mu.Unlock()
	buckets := make(map[float64]uint64, len(latenessBounds))
	var sum uint64
	for i, bound := range latenessBounds {
		sum += total.buckets[i]
		buckets[float64(bound)] = sum
	}
	sum += total.buckets[len(latenessBounds)]
	ch <- prometheus.MustNewConstHistogram(l.desc, sum, total.seconds, buckets)
}
