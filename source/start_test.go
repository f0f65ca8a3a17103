package source_test

import (
	"testing"
	"time"

	"github.com/traceslo/traceslo/source"
)

func TestStartReadsWhatItWrites(t *testing.T) {
	for text, want := range map[string]source.Start{
		"now": {}, "earliest": {Earliest: true}, "24h": {Back: 24 * time.Hour}, "7d": {Back: 7 * 24 * time.Hour}, "1d12h": {Back: 36 * time.Hour},
	} {
		var got, again source.Start
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%q is written %q and read %+v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "yesterday", "0s", "-1h", "24", "999999999999d"} {
		var got source.Start
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}
