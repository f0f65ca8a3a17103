package slo

import (
	"math/rand/v2"
	"testing"
)

func TestAChunkReadsWhatItWrites(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		var want, got chunk
		for i := range want {
			if rnd.IntN(3) > 0 {
				want[i].Events = rnd.Uint64() >> rnd.IntN(64)
				want[i].Bad = min(want[i].Events, rnd.Uint64()>>rnd.IntN(64)) * uint64(rnd.IntN(2))
			}
		}
		if err := got.decode(want.append(nil)); err != nil || got != want {
			t.Fatalf("%v: got %v, want %v", err, got, want)
		}
	}
	var quiet chunk
	if n := len(quiet.append(nil)); n > 10 {
		t.Errorf("an hour without events takes %d bytes", n)
	}
}

func FuzzChunk(f *testing.F) {
	var c chunk
	c[3] = Count{7, 2}
	f.Add(c.append(nil))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var c, again chunk
		if c.decode(b) != nil {
			return
		}
		if err := again.decode(c.append(nil)); err != nil || again != c {
			t.Errorf("%v: %v is written and read %v", err, c, again)
		}
	})
}
