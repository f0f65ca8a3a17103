package footanalytics

import (
	"math"

	"github.com/traceslo/traceslo/source"
)

// A record is one span before it takes the form that somebody wants.
type record struct {
	op *operation
	// trace is the random number of which all that the trace's spans share is made.
	trace uint64
	// id and parent are span ids; a root's parent is 0.
	id, parent uint64
	// start and duration are in microseconds, start since the Unix epoch.
	start, duration int64
	failure         failureID
	// own is 1 if the failure befell the operation itself, 0 if one of its calls.
	own uint8
}

// tells returns what the span tells of how it ended.
func (r *record) tells() *told { return &r.op.told[r.failure][r.own] }

// shared returns 64 random bits that are the same for all spans of the trace;
// each salt gives others.
func (r *record) shared(salt uint64) uint64 { return mix(r.trace ^ salt) }

// The salts of what the spans of a trace share.
const (
	saltTraceHigh = 0x9d2c5680aa11 + iota
	saltTraceLow
	saltFacts
	saltVideo
	saltRequest
)

// span makes the form that is counted. The tags' values are appended to tags.
func (r *record) span(s *source.Span, tags []string) []string {
	told := r.tells()
	s.TraceID = traceID(r)
	s.SpanID = r.id
	s.Service = services[r.op.service].name
	s.Operation = r.op.name
	s.Kind = r.op.kind
	s.Failed = told.failed
	s.ErrorType = told.errorType
	s.Root = r.op.root
	s.Start = r.start
	s.Duration = r.duration
	begin := len(tags)
	for _, a := range r.op.wanted {
		text := ""
		if a != nil {
			text = a.text(r)
		}
		tags = append(tags, text)
	}
	s.Tags = tags[begin:len(tags):len(tags)]
	return tags
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable
// Pseudorandom Number Generators, 2014).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// stream is SplitMix64, a sequence of random numbers.
type stream uint64

func (s *stream) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	return mix(uint64(*s))
}

// poisson returns a random number with the given mean, at most maxRate, from a
// Poisson distribution, by inversion (Devroye: Non-Uniform Random Variate
// Generation, 1986, chapter X.3). A large mean is drawn in parts, for
// exp(-mean) has to be a usable number.
func (s *stream) poisson(mean float64) int {
	const part = 64
	n := 0
	for ; mean > 0; mean -= part {
		m := min(mean, part)
		left := float64(s.next()>>11) / (1 << 53)
		// Beyond ten standard deviations p is 0, and left may be a little more than all p together.
		for p, k := math.Exp(-m), 1.0; left >= p && p > 0; k++ {
			left -= p
			p *= m / k
			n++
		}
	}
	return n
}

// begin makes the traces that begin in a slot, and hands each span to keep.
func (w *walker) begin(slot int64) {
	s := w.source
	w.random = stream(mix(mix(s.seed) + uint64(slot)))
	w.under = s.underWay(slot)
	for range w.random.poisson(s.rate * load(slot)) {
		w.trace = w.random.next()
		chosen := w.random.next()
		start := slot*1e6 + int64((chosen>>32)*1e6>>32)
		weight := int((chosen & 0xffffffff) * weights >> 32)
		i := 0
		for ; weight >= s.journeys[i].weight; i++ {
			weight -= s.journeys[i].weight
		}
		w.run(s.journeys[i].root, 0, start)
	}
}

// run makes the span of one operation and of all that it leads to. It returns
// when the operation ended and what befell it.
func (w *walker) run(o *operation, parent uint64, start int64) (end int64, befell failureID) {
	random := w.random.next()
	r := record{op: o, trace: w.trace, id: w.random.next(), parent: parent, start: start}
	own := o.spread.draw(o.own.Microseconds(), random)
	if o.slow != "" && w.under.has(o.slow) {
		own *= slowFactor
	}
	odds := o.odds
	if o.bad != "" && w.under.has(o.bad) {
		odds = o.burst
	}
	if uint32(random>>24)%oddsIn < odds {
		r.failure, r.own = o.mishap, 1
		own += failures[o.mishap].takes.Microseconds()
	}
	// A share of the own time lies before the calls, the rest after them.
	before := own * int64(random>>44) >> 20
	now, begun := start+before, start+before
	for _, c := range o.calls {
		if c.async {
			w.run(c, r.id, now+own-before+wide.draw(queueing.Microseconds(), w.random.next()))
			continue
		}
		if !c.side {
			begun = now
		}
		ended, f := w.run(c, r.id, begun)
		now = max(now, ended)
		if f != noFailure && !c.tolerated {
			r.failure, r.own = f, 0
			break
		}
	}
	r.duration = now + own - before - start
	w.keep(&r)
	return start + r.duration, r.failure
}
