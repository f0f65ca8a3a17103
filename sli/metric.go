package sli

import (
	"encoding/hex"
	"math"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/traceslo/traceslo/source"
)

// An ownFamily is one of the families that are made of the records.
type ownFamily struct {
	name, help string
	kind       dto.MetricType
}

var (
	durationFamily = ownFamily{"jaeger_trace_duration_seconds", "Durations of the spans that were counted, in seconds.", dto.MetricType_HISTOGRAM}
	errorFamily    = ownFamily{"jaeger_trace_errors_total", "Spans that failed, by type of error.", dto.MetricType_COUNTER}
	spanFamily     = ownFamily{"jaeger_traces_total", "Spans that were counted.", dto.MetricType_COUNTER}

	// ownFamilies are sorted by name.
	ownFamilies = [...]ownFamily{durationFamily, errorFamily, spanFamily}
)

func (f ownFamily) family() *dto.MetricFamily {
	return &dto.MetricFamily{Name: proto.String(f.name), Help: proto.String(f.help), Type: f.kind.Enum()}
}

// chunkMetrics is how many metrics are encoded at once.
const chunkMetrics = 64

// zeroThreshold is the width of the native zero bucket, Prometheus' own default.
const zeroThreshold = prometheus.DefNativeHistogramZeroThreshold

// A chunk is the metrics that are encoded at once. Its objects are made once
// and filled again and again.
type chunk struct {
	counts *counts
	// shown is the birth up to which series show their counts, in milliseconds.
	shown   int64
	metrics []*metric
	encoded []*dto.Metric
}

// A metric is one protobuf metric and the memory of all that it points to.
type metric struct {
	dto       dto.Metric
	labels    []*dto.LabelPair
	values    []string
	created   timestamppb.Timestamp
	counter   dto.Counter
	histogram dto.Histogram
	buckets   []*dto.Bucket
	exemplars []exposedExemplar
	spans     []*dto.BucketSpan
	// value, count, sum and zeros are what counter and histogram point to.
	value, sum   float64
	count, zeros uint64
}

// An exposedExemplar is an exemplar and the memory of all that it points to.
type exposedExemplar struct {
	dto       dto.Exemplar
	hex       [2 * len(source.TraceID{})]byte
	trace     string // lies in hex
	value     float64
	timestamp timestamppb.Timestamp
}

func newChunk(r *Recorder, now time.Time) *chunk {
	c := &chunk{counts: newCounts(len(r.scale.bounds)), shown: r.shownUpto(now)}
	names := []*string{proto.String("service"), proto.String("operation"), proto.String("span_kind")}
	for _, d := range r.cfg.Dimensions {
		names = append(names, proto.String(d.Label))
	}
	names = append(names, proto.String("error_type"), proto.String("shard"))
	for range chunkMetrics {
		m := newMetric(names, r.scale.bounds)
		m.values[len(names)-1] = r.cfg.Shard
		c.metrics = append(c.metrics, m)
	}
	return c
}

func newMetric(names []*string, bounds []uint64) *metric {
	m := &metric{values: make([]string, len(names)), exemplars: make([]exposedExemplar, len(bounds)+1)}
	for i, name := range names {
		m.labels = append(m.labels, &dto.LabelPair{Name: name, Value: &m.values[i]})
	}
	for _, b := range bounds {
		m.buckets = append(m.buckets, &dto.Bucket{UpperBound: proto.Float64(float64(b) / 1e6), CumulativeCount: new(uint64)})
	}
	m.buckets = append(m.buckets, &dto.Bucket{UpperBound: proto.Float64(math.Inf(1)), CumulativeCount: new(uint64)})
	for i := range m.exemplars {
		e := &m.exemplars[i]
		e.trace = unsafe.String(&e.hex[0], len(e.hex))
		e.dto.Label = []*dto.LabelPair{{Name: proto.String("trace_id"), Value: &e.trace}}
		e.dto.Value, e.dto.Timestamp = &e.value, &e.timestamp
	}
	m.counter.Value, m.counter.CreatedTimestamp = &m.value, &m.created
	h := &m.histogram
	h.SampleCount, h.SampleSum, h.CreatedTimestamp = &m.count, &m.sum, &m.created
	h.Bucket = m.buckets
	h.Schema, h.ZeroThreshold, h.ZeroCount = proto.Int32(nativeSchema), proto.Float64(zeroThreshold), &m.zeros
	return m
}

// each calls encode with all metrics of a family, in chunks.
func (c *chunk) each(rows []row, family ownFamily, encode func([]*dto.Metric) error) error {
	c.encoded = c.encoded[:0]
	for _, row := range rows {
		c.counts.mustDecode(row.record)
		switch family {
		case durationFamily:
			c.next(row.set, "").setHistogram(c.counts, c.counts.born <= c.shown)
		case spanFamily:
			c.next(row.set, "").setCounter(c.counts.total(), c.counts.born, c.shown)
		case errorFamily:
			for _, e := range c.counts.errors {
				c.next(row.set, e.kind).setCounter(e.count, e.born, c.shown)
				if err := c.flush(chunkMetrics, encode); err != nil {
					return err
				}
			}
		}
		if err := c.flush(chunkMetrics, encode); err != nil {
			return err
		}
	}
	return c.flush(1, encode)
}

// flush calls encode if there are at least that many metrics.
func (c *chunk) flush(least int, encode func([]*dto.Metric) error) error {
	if len(c.encoded) < least {
		return nil
	}
	err := encode(c.encoded)
	c.encoded = c.encoded[:0]
	return err
}

// next returns the chunk's next metric with the labels of a set. errorType is
// "" in families that have no such label.
func (c *chunk) next(s *set, errorType string) *metric {
	m := c.metrics[len(c.encoded)]
	c.encoded = append(c.encoded, &m.dto)
	m.setLabels(s, errorType)
	return m
}

func (m *metric) setLabels(s *set, errorType string) {
	m.dto.Label = append(m.dto.Label[:0], m.labels[:3]...)
	m.values[0], m.values[1], m.values[2] = s.operation.service.name, s.operation.name, s.kind.String()
	for i, v := range s.values {
		// An empty label is none.
		if m.values[3+i] = v; v != "" {
			m.dto.Label = append(m.dto.Label, m.labels[3+i])
		}
	}
	if failure := len(m.labels) - 2; errorType != "" {
		m.values[failure] = errorType
		m.dto.Label = append(m.dto.Label, m.labels[failure])
	}
	if last := len(m.labels) - 1; m.values[last] != "" {
		m.dto.Label = append(m.dto.Label, m.labels[last])
	}
}

func (m *metric) setCreated(born int64) {
	t := time.UnixMilli(born)
	m.created.Seconds, m.created.Nanos = t.Unix(), int32(t.Nanosecond())
}

// setCounter makes m a counter, at 0 if it was born after shown.
func (m *metric) setCounter(n uint64, born, shown int64) {
	m.dto.Histogram, m.dto.Counter = nil, &m.counter
	m.setCreated(born)
	if m.value = float64(n); born > shown {
		m.value = 0
	}
}

// setHistogram makes m the histogram of c, without a span if it is not shown yet.
func (m *metric) setHistogram(c *counts, shown bool) {
	m.dto.Histogram, m.dto.Counter = &m.histogram, nil
	m.setCreated(c.born)
	if !shown {
		c.reset(c.born)
	}
	m.count, m.sum, m.zeros = 0, c.seconds(), c.native[0]
	for i, n := range c.classic {
		m.count += n
		*m.buckets[i].CumulativeCount = m.count
		m.buckets[i].Exemplar = nil
	}
	for i := range c.exemplars {
		from, to := &c.exemplars[i], &m.exemplars[i]
		to.set(from)
		m.buckets[from.bucket].Exemplar = &to.dto
	}
	m.setNative(c)
}

// setNative fills the spans and deltas of the native histogram. A gap of up to
// two empty buckets is cheaper to write out than to begin another span for.
func (m *metric) setNative(c *counts) {
	h := &m.histogram
	h.PositiveSpan, h.PositiveDelta = h.PositiveSpan[:0], h.PositiveDelta[:0]
	end := 0 // the place after the last span
	var before int64
	for place := max(1, c.from); place < c.to; place++ {
		n := c.native[place]
		if n == 0 {
			continue
		}
		if gap := place - end; end == 0 || gap > 2 {
			offset := gap
			if end == 0 {
				offset = place - 1 + nativeFirst
			}
			h.PositiveSpan = append(h.PositiveSpan, m.span(len(h.PositiveSpan), offset))
		} else {
			for range gap {
				h.PositiveDelta = append(h.PositiveDelta, -before)
				before = 0
				*h.PositiveSpan[len(h.PositiveSpan)-1].Length++
			}
		}
		h.PositiveDelta = append(h.PositiveDelta, int64(n)-before)
		before = int64(n)
		*h.PositiveSpan[len(h.PositiveSpan)-1].Length++
		end = place + 1
	}
}

// span returns the metric's i-th span, empty, that much after the one before.
func (m *metric) span(i, offset int) *dto.BucketSpan {
	if i == len(m.spans) {
		m.spans = append(m.spans, &dto.BucketSpan{Offset: new(int32), Length: new(uint32)})
	}
	*m.spans[i].Offset, *m.spans[i].Length = int32(offset), 0
	return m.spans[i]
}

func (e *exposedExemplar) set(from *exemplar) {
	// The string changes with its bytes; nobody keeps it until the next filling.
	hex.Encode(e.hex[:], from.trace[:])
	e.value = float64(from.duration) / 1e6
	e.timestamp.Seconds, e.timestamp.Nanos = from.end/1e6, int32(from.end%1e6)*1000
}
