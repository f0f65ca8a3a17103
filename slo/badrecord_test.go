package slo

import "testing"

func FuzzBadEvents(f *testing.F) {
	f.Add([]byte{0, 0})
	f.Add([]byte{1, 1, 'x', 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		events, err := decodeBad(b)
		if err != nil {
			return
		}
		again, err := decodeBad(appendBad(nil, events))
		if err != nil || len(again) != len(events) {
			t.Fatalf("%v: %v is written and read %v", err, events, again)
		}
		for i := range events {
			if events[i] != again[i] {
				t.Errorf("%+v is written and read %+v", events[i], again[i])
			}
		}
	})
}
