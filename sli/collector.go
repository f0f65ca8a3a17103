package sli

import "github.com/prometheus/client_golang/prometheus"

// NewCollector returns a collector of the figures that the recorder tells of
// itself, traceslo_sli_*. There may be none yet: then there are no figures.
func NewCollector(recorder func() *Recorder) prometheus.Collector { return collector{recorder} }

type collector struct{ recorder func() *Recorder }

func describeOwn(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("traceslo_sli_"+name, help, labels, nil)
}

var (
	duplicatesDesc = describeOwn("duplicate_spans_total", "Spans that were stored again within the dedup window, and not counted again.")
	overflowDesc   = describeOwn("overflow_spans_total", "Spans that met a limit and are counted under _other, by service and by limit.", "service", "limit")
	usedDesc       = describeOwn("limit_used", "How much of a limit is taken; of a limit per service or dimension, by the one that takes most.", "limit")
	limitDesc      = describeOwn("limit", "What the configuration limits.", "limit")
	rememberedDesc = describeOwn("dedup_spans", "Spans that the dedup window remembers.")
	shortenedDesc  = describeOwn("dedup_shortened_total", "Parts of the dedup window that were forgotten before their time because there were too many spans.")
	expiredDesc    = describeOwn("series_expired_total", "Label sets and types of errors of label sets that ended for want of new counts.")
	changesDesc    = describeOwn("configuration_changes_total", "Changes of the configuration that were applied to the counters.", "change")
)

// Describe implements prometheus.Collector.
func (collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{duplicatesDesc, overflowDesc, usedDesc, limitDesc, rememberedDesc, shortenedDesc, expiredDesc, changesDesc} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(metrics chan<- prometheus.Metric) {
	r := c.recorder()
	if r == nil {
		return
	}
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, n int, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	s := r.figures()
	counter(duplicatesDesc, s.duplicates)
	counter(shortenedDesc, s.shortened)
	counter(expiredDesc, s.expired)
	gauge(rememberedDesc, s.remembered)
	for o, n := range s.overflows {
		counter(overflowDesc, n, o.service, limitNames[o.limit])
	}
	for l, n := range r.cfg.Limits.configured() {
		gauge(limitDesc, n, limitNames[l])
		gauge(usedDesc, s.used[l], limitNames[l])
	}
	gauge(limitDesc, r.cfg.Limits.DeduplicateSpans, "deduplicate_spans")
	gauge(usedDesc, s.remembered, "deduplicate_spans")
	for k, n := range s.changes {
		counter(changesDesc, n, changeNames[k])
	}
}
