package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/traceslo/traceslo/slo"
)

// Culprits are where the bad events of the days of UTC that touch the period
// came from: the ledger keeps them by such days, excluded minutes among them.
type Culprits struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Bad is how many bad events these days had.
	Bad uint64 `json:"bad_events"`
	// Top are those with most bad events, most first.
	Top []Culprit `json:"top"`
	// Rest is how many bad events all others had.
	Rest uint64 `json:"rest"`
}

// A Culprit is what bad events have in common.
type Culprit struct {
	Service   string `json:"service"`
	Operation string `json:"operation"`
	// ErrorType is empty for bad events whose spans did not fail.
	ErrorType  string      `json:"error_type,omitempty"`
	Dimensions []Dimension `json:"dimensions,omitempty"`
	Bad        uint64      `json:"bad_events"`
	// AtLeast holds if there may have been more: on a day with very many
	// culprits some are only known as the rest of it.
	AtLeast bool `json:"at_least"`
	// Share is its part of the bad events of these days.
	Share float64 `json:"share"`
}

// A Dimension is the value of one of the configured dimensions.
type Dimension struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// maxCulprits is how many culprits are told.
const maxCulprits = 10

func (b *builder) culprits(record slo.Record) (Culprits, error) {
	const day = 24 * time.Hour
	of := Culprits{From: b.Period.From.UTC().Truncate(day), To: b.Period.To.UTC().Add(day - 1).Truncate(day), Top: []Culprit{}}
	places := map[string]int{}
	crowded := false
	for at := of.From; at.Before(of.To); at = at.Add(day) {
		c, err := record.Culprits(at)
		if err != nil {
			return of, err
		}
		of.Rest += c.Rest
		crowded = crowded || c.Rest > 0
		for _, t := range c.Top {
			key := strings.Join(append([]string{t.Service, t.Operation, t.ErrorType}, t.Values...), "\x00")
			i, ok := places[key]
			if !ok {
				i = len(of.Top)
				places[key] = i
				of.Top = append(of.Top, Culprit{Service: t.Service, Operation: t.Operation, ErrorType: t.ErrorType, Dimensions: b.dimensions(t.Values)})
			}
			of.Top[i].Bad += t.Bad
		}
	}
	slices.SortFunc(of.Top, compareCulprits)
	of.Bad = of.Rest
	for i := range of.Top {
		of.Bad += of.Top[i].Bad
		if i >= maxCulprits {
			of.Rest += of.Top[i].Bad
		}
	}
	of.Top = of.Top[:min(maxCulprits, len(of.Top))]
	for i := range of.Top {
		of.Top[i].AtLeast = crowded
		of.Top[i].Share = float64(of.Top[i].Bad) / float64(of.Bad)
	}
	return of, nil
}

// dimensions returns the values that are not empty, with their labels. Values
// of a day on which other dimensions were configured have numbers for labels.
func (b *builder) dimensions(values []string) []Dimension {
	var all []Dimension
	for i, v := range values {
		if v == "" {
			continue
		}
		d := Dimension{"dimension " + strconv.Itoa(i+1), v}
		if len(values) == len(b.Dimensions) {
			d.Label = b.Dimensions[i]
		}
		all = append(all, d)
	}
	return all
}

func compareCulprits(a, b Culprit) int {
	return cmp.Or(cmp.Compare(b.Bad, a.Bad), strings.Compare(a.Service, b.Service), strings.Compare(a.Operation, b.Operation),
		strings.Compare(a.ErrorType, b.ErrorType), slices.CompareFunc(a.Dimensions, b.Dimensions, func(a, b Dimension) int {
			return cmp.Or(strings.Compare(a.Label, b.Label), strings.Compare(a.Value, b.Value))
		}))
}
