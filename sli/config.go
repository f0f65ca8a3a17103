package sli

import (
	"fmt"
	"slices"
	"time"

	"github.com/traceslo/traceslo/internal/config"
)

// Config is the section sli of the configuration.
type Config struct {
	// Buckets are the upper bounds of the classic histogram, inclusive,
	// ascending, in whole microseconds. Default: 5ms to 60s in 13 steps. A new
	// bound starts at the count of the next lower one.
	Buckets []time.Duration `yaml:"buckets"`
	// Dimensions are the labels besides service, operation and span_kind.
	// Default: none. Changing them starts all jaeger_* series anew.
	Dimensions []Dimension `yaml:"dimensions"`
	// Deduplicate is for how long a span stored again is recognised. 0 counts
	// every stored span. Default: 10m.
	Deduplicate time.Duration `yaml:"deduplicate"`
	// NewSeriesHold is for how long a series born of a span is shown at 0
	// before its counts; let it be longer than the scrape interval. 0 shows
	// them at once. Default: 1m.
	NewSeriesHold time.Duration `yaml:"new_series_hold"`
	// Expire is after how long without a new count a series ends and frees
	// its place. 0 keeps series for ever. Default: 7d.
	Expire time.Duration `yaml:"expire"`
	// Limits bounds what spans can make the daemon keep.
	Limits Limits `yaml:"limits"`
	// Measures are what spans are judged by. They are no part of the section:
	// whoever wires fills them, with indicators that Validate found no fault with.
	Measures []Measure `yaml:"-"`
	// Shard is the value of the label shard, which all jaeger_* series have if it
	// is not "". It is no part of the section either.
	Shard string `yaml:"-"`
}

// Scale returns the bounds of the classic histogram: Buckets and the thresholds
// of Measures, ascending, each once.
func (c Config) Scale() []time.Duration {
	bounds := slices.Clone(c.Buckets)
	for _, m := range c.Measures {
		bounds = append(bounds, m.Indicator.Bounds()...)
	}
	slices.Sort(bounds)
	return slices.Compact(bounds)
}

// Tags returns the keys of the tags whose values Span.Tags must hold, in order:
// those of the dimensions, then the others that judging needs.
func (c Config) Tags() []string {
	keys, _ := placesOf(c)
	return keys
}

// Roots reports whether any of the measures tells spans without a parent from
// others: whether the reader of spans has to fill in source.Span.Root.
func (c Config) Roots() bool {
	for _, m := range c.Measures {
		if _, kinds := m.Indicator.kinds(); kinds[0].events().RootOnly {
			return true
		}
	}
	return false
}

// A Dimension makes a label of a tag.
type Dimension struct {
	// Tag is the key of the span's or the process's tag, as in "deployment.environment".
	Tag string `yaml:"tag"`
	// Label is the name of the label, as in "environment".
	Label string `yaml:"label"`
}

// Limits are the greatest numbers of things kept. What comes over a limit is
// counted under _other, and traceslo_sli_overflow_spans_total tells whose it was.
// A limit set lower than what is in use ends nothing: it only admits nothing new.
type Limits struct {
	// Series is how many label sets are kept: one is a histogram, a counter of
	// spans, and a counter for each type of error. Besides these, each service
	// has one label set a span kind where all is _other, which is what a
	// span that finds no place is counted under. Default: 50000.
	Series int `yaml:"series"`
	// Services is how many services are told apart. Default: 1000.
	Services int `yaml:"services"`
	// OperationsPerService is how many operations of a service are told apart. Default: 500.
	OperationsPerService int `yaml:"operations_per_service"`
	// ErrorTypesPerService is how many types of errors of a service are told
	// apart. Default: 50.
	ErrorTypesPerService int `yaml:"error_types_per_service"`
	// ValuesPerDimension is how many values of a dimension are told apart,
	// over all services; the absent value is not counted. Default: 100.
	ValuesPerDimension int `yaml:"values_per_dimension"`
	// DeduplicateSpans is how many spans the dedup window remembers, at up to
	// 16 bytes of memory and 8 on disk each. When there are more, the window
	// gets shorter than deduplicate, which is logged and counted. Default: 25000000.
	DeduplicateSpans int `yaml:"deduplicate_spans"`
}

// Default returns the configuration of an empty section.
func Default() Config {
	const ms = time.Millisecond
	return Config{
		Buckets: []time.Duration{5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms,
			time.Second, 2500 * ms, 5 * time.Second, 10 * time.Second, 30 * time.Second, 60 * time.Second},
		Deduplicate:   10 * time.Minute,
		NewSeriesHold: time.Minute,
		Expire:        7 * 24 * time.Hour,
		Limits: Limits{
			Series:               50_000,
			Services:             1000,
			OperationsPerService: 500,
			ErrorTypesPerService: 50,
			ValuesPerDimension:   100,
			DeduplicateSpans:     25_000_000,
		},
	}
}

const (
	// maxBuckets bounds the classic histogram: an exemplar's bucket is kept in seven bits.
	maxBuckets = 60
	// maxBound keeps a bound's microseconds exact in a float64 of seconds.
	maxBound = 365 * 24 * time.Hour
	// maxErrorTypes keeps the keys of a tally within 16 bits.
	maxErrorTypes = 10_000
	// maxLimit is beyond what one machine can hold.
	maxLimit = 1_000_000_000
)

// Validate returns everything that is wrong with c or probably not meant.
func (c Config) Validate() []config.Fault {
	faults := c.validateBuckets()
	faults = append(faults, c.validateDimensions()...)
	for _, d := range []struct {
		path  string
		value time.Duration
		off   string
	}{
		{"deduplicate", c.Deduplicate, "counts every stored span"},
		{"new_series_hold", c.NewSeriesHold, "shows counts at once"},
		{"expire", c.Expire, "keeps series for ever"},
	} {
		if d.value < 0 {
			faults = append(faults, config.Fault{Path: d.path, Problem: fmt.Sprintf("%s is negative", d.value),
				Cure: "write a positive duration, or 0, which " + d.off})
		}
	}
	if c.Expire > 0 && c.NewSeriesHold > 0 && c.Expire <= c.NewSeriesHold {
		faults = append(faults, config.Fault{Path: "expire", Problem: fmt.Sprintf("a series would end after %s, before new_series_hold lets it be seen", config.FormatDuration(c.Expire)),
			Cure: fmt.Sprintf("write more than %s", config.FormatDuration(c.NewSeriesHold))})
	}
	for _, l := range []struct {
		path  string
		value int
		max   int
	}{
		{"series", c.Limits.Series, maxLimit},
		{"services", c.Limits.Services, maxLimit},
		{"operations_per_service", c.Limits.OperationsPerService, maxLimit},
		{"error_types_per_service", c.Limits.ErrorTypesPerService, maxErrorTypes},
		{"values_per_dimension", c.Limits.ValuesPerDimension, maxLimit},
		{"deduplicate_spans", c.Limits.DeduplicateSpans, maxLimit},
	} {
		if l.value < 1 || l.value > l.max {
			faults = append(faults, config.Fault{Path: "limits." + l.path, Problem: fmt.Sprintf("%d is not a limit", l.value),
				Cure: fmt.Sprintf("write a number from 1 to %d", l.max)})
		}
	}
	return faults
}

func (c Config) validateBuckets() []config.Fault {
	var faults []config.Fault
	if len(c.Buckets) == 0 {
		faults = append(faults, config.Fault{Path: "buckets", Problem: "there is no bucket", Cure: "write at least one bound, as in [100ms, 1s]"})
	}
	if len(c.Buckets) > maxBuckets {
		faults = append(faults, config.Fault{Path: "buckets", Problem: fmt.Sprintf("there are %d buckets", len(c.Buckets)),
			Cure: fmt.Sprintf("write at most %d; the native histogram is finer than any list", maxBuckets)})
	} else if all := len(c.Scale()); all > maxBuckets {
		faults = append(faults, config.Fault{Path: "buckets", Problem: fmt.Sprintf("with the thresholds of the objectives, each of which is a bound too, there are %d buckets", all),
			Cure: fmt.Sprintf("leave out %d here, or let objectives share thresholds", all-maxBuckets)})
	}
	for i, b := range c.Buckets {
		path := fmt.Sprintf("buckets[%d]", i)
		switch {
		case b <= 0:
			faults = append(faults, config.Fault{Path: path, Problem: fmt.Sprintf("%s is not positive", b), Cure: "write a duration above 0"})
		case b%time.Microsecond != 0:
			faults = append(faults, config.Fault{Path: path, Problem: fmt.Sprintf("%s is not a whole number of microseconds", b),
				Cure: fmt.Sprintf("write %s; spans are measured in microseconds", b.Round(time.Microsecond))})
		case b > maxBound:
			faults = append(faults, config.Fault{Path: path, Problem: fmt.Sprintf("%s is more than a year", b), Cure: "write a shorter duration"})
		case i > 0 && b <= c.Buckets[i-1]:
			faults = append(faults, config.Fault{Path: path, Problem: fmt.Sprintf("%s does not come after %s", b, c.Buckets[i-1]),
				Cure: "write the bounds in ascending order, each once"})
		}
	}
	return faults
}
