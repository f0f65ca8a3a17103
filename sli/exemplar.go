package sli

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/traceslo/traceslo/source"
)

// headStart is by how much a failed span counts as fresher than it is. Failed
// ones are what people look for; without an end to the preference, a failure of
// last week would hide all spans since, and Jaeger may have deleted its trace.
const headStart = int64(time.Hour / time.Microsecond)

// maxAhead is how far the end of an exemplar may lie in the future: one that is
// further ahead would stay the freshest until then.
const maxAhead = time.Hour

// An exemplar is a span that shows what is in a bucket.
type exemplar struct {
	trace source.TraceID
	// end is in microseconds since the Unix epoch, never negative.
	end      int64
	duration uint64
	// bucket is the place in the classic histogram.
	bucket uint8
	failed bool
}

// better reports whether e goes before f. The order is total: which exemplar
// remains does not depend on which came first.
func (e *exemplar) better(f *exemplar) bool {
	if a, b := e.rank(), f.rank(); a != b {
		return a > b
	}
	if c := bytes.Compare(e.trace[:], f.trace[:]); c != 0 {
		return c > 0
	}
	return e.duration > f.duration
}

func (e *exemplar) rank() int64 {
	if e.failed {
		return e.end + headStart
	}
	return e.end
}

func (e *exemplar) append(b []byte) []byte {
	head := e.bucket << 1
	if e.failed {
		head |= 1
	}
	b = append(b, head)
	b = binary.AppendUvarint(b, e.duration)
	b = binary.AppendUvarint(b, uint64(e.end))
	return append(b, e.trace[:]...)
}

func (e *exemplar) decode(d *decoder) {
	if head := d.bytes(1); head != "" {
		e.bucket, e.failed = head[0]>>1, head[0]&1 == 1
	}
	e.duration = d.uvarint()
	e.end = int64(d.uvarint())
	copy(e.trace[:], d.bytes(uint64(len(e.trace))))
}
