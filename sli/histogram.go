package sli

import (
	"math"
	"math/big"
	"math/bits"
	"slices"
	"time"
)

// The native histogram has schema 3: eight buckets for each power of two, the
// bucket of index i holding 2^((i-1)/8) s < d ≤ 2^(i/8) s, and one for zero.
// https://prometheus.io/docs/specs/native_histograms/
const (
	nativeSchema = 3
	// nativeFirst is the index of the bucket of 1 µs, the shortest duration
	// above zero, and nativeLast that of the longest, 2^63-1 µs.
	nativeFirst, nativeLast = -159, 345
	// natives is how many native buckets there are, the zero bucket among
	// them, which is at place 0; the bucket of index i is at i-nativeFirst+1.
	natives = nativeLast - nativeFirst + 2
)

// nativeBounds returns the greatest whole number of microseconds in each native
// bucket, by place. Neighbouring buckets below 12 µs may have the same: then
// only the first of them holds that duration.
//
// Bound i is 2^(i/8)·10⁶ µs, the eighth root of 2^i·10⁴⁸, and the whole part of
// an eighth root is three times the whole part of a square root. So no
// logarithm decides to which bucket a span belongs.
func nativeBounds() []uint64 {
	bounds := make([]uint64, natives)
	micro48 := new(big.Int).Exp(big.NewInt(10), big.NewInt(48), nil)
	for place := 1; place < natives; place++ {
		x := new(big.Int).Set(micro48)
		if i := place - 1 + nativeFirst; i >= 0 {
			x.Lsh(x, uint(i))
		} else {
			x.Rsh(x, uint(-i))
		}
		x.Sqrt(x.Sqrt(x.Sqrt(x)))
		bounds[place] = x.Uint64()
	}
	return bounds
}

// A scale sorts durations into fine buckets: those whose bounds are the bounds
// of the native and of the classic histogram together, so that one count
// makes both.
type scale struct {
	// upper is the inclusive upper bound of each fine bucket, in microseconds.
	upper []uint64
	// native and classic say to which place of either histogram a fine bucket belongs.
	native  []uint16
	classic []uint8
	// first is where to begin looking, by the leading bits of the duration.
	first [1024]uint16
	// bounds are the bounds of the classic histogram, in microseconds, without +Inf.
	bounds []uint64
}

func newScale(buckets []time.Duration) *scale {
	s := &scale{bounds: microseconds(buckets)}
	nativeUpper := nativeBounds()
	s.upper = append(slices.Clone(nativeUpper), s.bounds...)
	slices.Sort(s.upper)
	s.upper = slices.Compact(s.upper)
	for _, u := range s.upper {
		native, _ := slices.BinarySearch(nativeUpper, u)
		classic, _ := slices.BinarySearch(s.bounds, u)
		s.native = append(s.native, uint16(min(native, natives-1)))
		s.classic = append(s.classic, uint8(classic))
	}
	// Nothing is above the last: a search always ends.
	s.upper[len(s.upper)-1] = math.MaxUint64
	for lead := range s.first {
		fine, _ := slices.BinarySearch(s.upper, leastOf(lead))
		s.first[lead] = uint16(fine)
	}
	return s
}

func microseconds(buckets []time.Duration) []uint64 {
	bounds := make([]uint64, len(buckets))
	for i, b := range buckets {
		bounds[i] = uint64(b / time.Microsecond)
	}
	return bounds
}

// fine returns the fine bucket of a duration in microseconds.
func (s *scale) fine(micros uint64) int {
	fine := int(s.first[leadOf(micros)])
	for micros > s.upper[fine] {
		fine++
	}
	return fine
}

// leadOf returns the position of the highest bit and the four bits after it as
// one number; it cuts each power of two in 16, finer than the native histogram.
func leadOf(micros uint64) int {
	if micros < 16 {
		return int(micros)
	}
	shift := bits.Len64(micros) - 5
	return (shift+1)<<4 | int(micros>>shift)&15
}

// leastOf returns the least number with that lead.
func leastOf(lead int) uint64 {
	if lead < 16 {
		return uint64(lead)
	}
	if lead > leadOf(math.MaxUint64) {
		return math.MaxUint64
	}
	return uint64(16|lead&15) << (lead>>4 - 1)
}
