package slo

import (
	"cmp"
	"slices"
	"strings"

	"github.com/traceslo/traceslo/sli"
)

// maxCulprits is how many culprits of a day are told apart for good, and
// twice that how many on the way; the others add to the rest.
const maxCulprits = 25

// Culprits are where the bad events of a day came from.
type Culprits struct {
	// Top are those with most bad events, most first.
	Top []CulpritCount `json:"top"`
	// Rest is how many bad events the others had together. What Top and Rest
	// hold adds up to the day's bad events; one in Top may have had more than it
	// says, if it was among the others for a while.
	Rest uint64 `json:"rest"`
}

// A CulpritCount is how many bad events one culprit had.
type CulpritCount struct {
	Service   string   `json:"service"`
	Operation string   `json:"operation"`
	ErrorType string   `json:"error_type,omitempty"`
	Values    []string `json:"values,omitempty"`
	Bad       uint64   `json:"bad"`
}

// add adds the bad events of a culprit; the zero one stands for those that are
// not told apart any more.
func (c *Culprits) add(who sli.Culprit, bad uint64) {
	if who == (sli.Culprit{}) {
		c.Rest += bad
		return
	}
	values := valuesOf(who)
	for i := range c.Top {
		t := &c.Top[i]
		if t.Service == who.Service && t.Operation == who.Operation && t.ErrorType == who.ErrorType && slices.Equal(t.Values, values) {
			t.Bad += bad
			return
		}
	}
	c.Top = append(c.Top, CulpritCount{who.Service, who.Operation, who.ErrorType, values, bad})
	if len(c.Top) > 2*maxCulprits {
		c.sort()
		for _, t := range c.Top[maxCulprits:] {
			c.Rest += t.Bad
		}
		c.Top = slices.Clone(c.Top[:maxCulprits])
	}
}

func (c *Culprits) sort() {
	slices.SortStableFunc(c.Top, func(a, b CulpritCount) int {
		if a.Bad != b.Bad {
			if a.Bad > b.Bad {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Operation+"\x00"+a.ErrorType, b.Operation+"\x00"+b.ErrorType)
	})
}

func compareCulprits(a, b sli.Culprit) int {
	return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Operation, b.Operation),
		strings.Compare(a.ErrorType, b.ErrorType), strings.Compare(a.Values, b.Values))
}
