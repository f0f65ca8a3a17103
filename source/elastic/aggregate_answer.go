package elastic

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// A counted is the groups of a window, as the answers to its bands tell them.
// Its strings lie in the answer, or in it.
type counted struct {
	groups []source.Group
	// spans is how many are in the groups, total how many the window has.
	spans, total uint64

	bands  []band
	bounds []int64
	// asked are the minutes that were asked for, minutes those that have spans.
	asked   []int64
	minutes map[int64]bool
	sizes   func(band) int
	roots   bool
	tags    int
	// numbers is how many numbers the window has: no more than so many spans.
	numbers uint64
	// ended is when the spans of a group are said to have ended, as far as their minute allows.
	ended  int64
	values []string
	// elevated, ofProcess and has are the tags of the bucket that is read.
	elevated, ofProcess []string
	has                 []bool
	// fine are its buckets of durations, children how many in each have a parent.
	fine, children []uint64
}

// errAnswer: an answer is not in the form of Elasticsearch's.
var errAnswer = errors.New("the answer is not in the form of Elasticsearch's")

// A part is the answer to one of several searches, as far as each has it.
type part struct {
	whole                              []byte
	status, shards, successful, failed uint64
	total                              uint64
	timedOut, totalled                 bool
}

// reset makes c ready for the answers to the bands of a window.
func (c *counted) reset(s *Source, window source.Range, asked []int64, bands []band) {
	n := len(s.options.Tags)
	if c.minutes == nil {
		c.minutes = map[int64]bool{}
		c.elevated, c.ofProcess, c.has = make([]string, n), make([]string, n), make([]bool, 2*n)
	}
	clear(c.minutes)
	clear(c.groups)
	clear(c.values)
	c.groups, c.spans, c.values = c.groups[:0], 0, c.values[:0]
	c.asked, c.bands, c.bounds, c.sizes, c.roots, c.tags = asked, bands, s.bounds, s.sizeOf, s.options.Roots, n
	c.ended, c.numbers = window.Surveyed.UnixMicro(), uint64(window.Upto-window.After)
}

// others returns how many spans of the window are not in the groups.
func (c *counted) others() uint64 { return c.total - c.spans }

// minutesSeen returns the minutes in which spans were counted, ascending.
func (c *counted) minutesSeen() []int64 {
	minutes := make([]int64, 0, len(c.minutes))
	for m := range c.minutes {
		minutes = append(minutes, m)
	}
	slices.Sort(minutes)
	return minutes
}

// slower returns a duration that at most so many spans reach or exceed.
func (c *counted) slower(most uint64) int64 {
	counts := make([]uint64, len(c.bounds))
	for i := range c.groups {
		at, _ := slices.BinarySearch(c.bounds, c.groups[i].Span.Duration)
		counts[at] += c.groups[i].Count
	}
	i := len(counts) - 1
	for n := uint64(0); i >= 0 && n+counts[i] <= most; i-- {
		n += counts[i]
	}
	if i < 0 {
		return 0
	}
	return c.bounds[i] + 1
}

// read reads the answers to all bands, that to how many spans there are, and
// that with rows, which rows is called with. trust is asked of each.
func (c *counted) read(body []byte, trust, rows func(*part) error) error {
	in := scanner{b: body}
	next := 0
	var err error
	in.object(func(key []byte) {
		if string(key) != "responses" {
			in.skip()
			return
		}
		in.array(func() {
			if err != nil {
				in.bad = true
				return
			}
			switch next++; {
			case next <= len(c.bands):
				err = c.part(&in, c.bands[next-1], trust)
			case next == len(c.bands)+1:
				err = c.all(&in, trust)
			case next == len(c.bands)+2:
				var a part
				if err = a.read(&in, trust, in.skip); err == nil {
					err = rows(&a)
				}
			default:
				in.bad = true
			}
		})
	})
	switch {
	case err != nil:
		return err
	case in.bad || next != len(c.bands)+2:
		return errAnswer
	}
	return nil
}

// read reads one of several answers, and asks trust of it; aggregations reads
// what is in the member of that name.
func (a *part) read(in *scanner, trust func(*part) error, aggregations func()) error {
	in.peek()
	from := in.i
	in.object(func(key []byte) {
		switch string(key) {
		case "status":
			a.status = in.integer()
		case "timed_out":
			a.timedOut = in.isTrue()
		case "_shards":
			in.object(func(key []byte) {
				switch string(key) {
				case "total":
					a.shards = in.integer()
				case "successful":
					a.successful = in.integer()
				case "failed":
					a.failed = in.integer()
				default:
					in.skip()
				}
			})
		case "hits":
			in.only("total", func() { in.only("value", func() { a.total, a.totalled = in.integer(), true }) })
		case "aggregations":
			aggregations()
		default:
			in.skip()
		}
	})
	if in.bad {
		return errAnswer
	}
	a.whole = in.b[from:in.i]
	return trust(a)
}

// all reads the answer to how many spans there are.
func (c *counted) all(in *scanner, trust func(*part) error) error {
	var a part
	if err := a.read(in, trust, in.skip); err != nil {
		return err
	}
	if !a.totalled {
		return errAnswer
	}
	if c.total = a.total; c.total < c.spans || c.total > c.numbers {
		return &source.Error{Kind: source.Protocol, Err: &marked{fmt.Errorf("%d spans of %d with %d numbers", c.spans, c.total, c.numbers), errUnproven}}
	}
	return nil
}

// part reads the answer to one band, and returns why it proves nothing.
func (c *counted) part(in *scanner, b band, trust func(*part) error) error {
	var a part
	buckets, spans, before := 0, c.spans, len(c.groups)
	proven := true
	err := a.read(in, trust, func() {
		in.only("c", func() {
			in.only("buckets", func() {
				in.array(func() {
					buckets++
					proven = c.bucket(in, b) && proven
				})
			})
		})
	})
	if err != nil {
		return err
	}
	switch {
	case buckets >= c.sizes(b):
		return &source.Error{Kind: source.Protocol, Err: &marked{fmt.Errorf("there are more than %d buckets", buckets), errSmaller}}
	case !proven || c.spans-spans != a.total:
		c.groups, c.spans = c.groups[:before], spans
		return &source.Error{Kind: source.Protocol, Err: &marked{fmt.Errorf("%d buckets for %d documents do not add up to them", buckets, a.total), errUnproven}}
	}
	return nil
}

// bucket reads a bucket of the composite aggregation, appends its groups, and
// tells whether it proves them.
func (c *counted) bucket(in *scanner, b band) bool {
	span := source.Span{Kind: b.kind}
	minute, count, micros, proven := int64(-1), uint64(0), float64(-1), true
	c.fine, c.children = c.fine[:0], c.children[:0]
	clear(c.has)
	in.object(func(key []byte) {
		switch string(key) {
		case "key":
			in.object(func(key []byte) {
				switch key[0] {
				case nameService[0]:
					span.Service, _ = in.text()
				case nameOperation[0]:
					span.Operation, _ = in.text()
				case nameKind[0]:
					kind, _ := in.text()
					span.Kind = source.ParseKind(kind)
				case nameMinute[0]:
					at := in.float()
					minute = int64(at) / minuteMicros
					proven = proven && at == float64(minute*minuteMicros) && slices.Contains(c.asked, minute)
				case nameTag[0], nameProcess[0]:
					i, err := strconv.Atoi(string(key[1:]))
					if err != nil || i >= c.tags {
						in.bad = true
						return
					}
					if key[0] == nameTag[0] {
						c.elevated[i], c.has[i] = in.text()
					} else {
						c.ofProcess[i], c.has[c.tags+i] = in.text()
					}
				default:
					in.skip()
				}
			})
		case "doc_count":
			count = in.integer()
		case "d":
			in.only("value", func() { micros = in.float() })
		case "f":
			in.only("buckets", func() {
				in.array(func() {
					n, lone := in.lone(startOfCount)
					c.fine, c.children = append(c.fine, n), append(c.children, 0)
					if lone {
						return
					}
					in.object(func(key []byte) {
						switch string(key) {
						case "doc_count":
							c.fine[len(c.fine)-1] = in.integer()
						case "r":
							in.only("doc_count", func() { c.children[len(c.children)-1] = in.integer() })
						default:
							in.skip()
						}
					})
				})
			})
		default:
			in.skip()
		}
	})
	if in.bad || len(c.fine) != len(b.bounds) || span.Service == "" || minute < 0 || !(micros >= 0 && micros < 1<<53) || micros != float64(uint64(micros)) {
		return false
	}
	if span.Operation == "" {
		span.Operation = jaeger.EmptyOperation
	}
	span.Tags = c.tagsOf()
	c.minutes[minute] = true
	sum, total := uint64(micros), uint64(0)
	end := min(max(c.ended, minute*minuteMicros), (minute+1)*minuteMicros-1)
	for i, n := range c.fine {
		parts := [2]uint64{n, 0}
		if c.roots {
			if c.children[i] > n {
				return false
			}
			parts = [2]uint64{n - c.children[i], c.children[i]}
		}
		for j, n := range parts {
			if n == 0 {
				continue
			}
			g := source.Group{Span: span, Count: n, Duration: sum}
			g.Span.Root = c.roots && j == 0
			g.Span.Duration = b.bounds[i]
			g.Span.Start = end - g.Span.Duration
			c.groups = append(c.groups, g)
			sum = 0
			total += n
		}
	}
	c.spans += total
	return proven && total == count && count > 0
}

// tagsOf returns the values of the tags of the bucket that is read.
func (c *counted) tagsOf() []string {
	if c.tags == 0 {
		return nil
	}
	if cap(c.values)-len(c.values) < c.tags {
		// The groups made before keep the memory that they lie in.
		c.values = make([]string, 0, max(2*cap(c.values), 64*c.tags))
	}
	start := len(c.values)
	for i := range c.tags {
		value := ""
		switch {
		case c.has[i]:
			value = c.elevated[i]
		case c.has[c.tags+i]:
			value = c.ofProcess[i]
		}
		c.values = append(c.values, value)
	}
	return c.values[start:len(c.values):len(c.values)]
}
