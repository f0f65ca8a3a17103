package slo_test

import (
	"fmt"
	"testing"
	"time"
	_ "time/tzdata" // the tests' zones, whatever the machine has

	"github.com/traceslo/traceslo/slo"
)

// zone returns the zone of that name.
func zone(t testing.TB, name string) slo.Zone {
	t.Helper()
	var z slo.Zone
	if err := z.UnmarshalText([]byte(name)); err != nil {
		t.Fatal(err)
	}
	return z
}

func TestZoneRefuses(t *testing.T) {
	for _, text := range []string{"", "Local", "Europe/Madird", "CETT", "+02:00", "UTC+2", "../etc/passwd", "/etc/localtime", "Europe\\Madrid", "a b"} {
		var z slo.Zone
		want := fmt.Sprintf("%q is not an IANA time zone; write for example Europe/Madrid or UTC", text)
		if err := z.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestTheZeroZoneIsUTC(t *testing.T) {
	var zero slo.Zone
	if zero.Location() != time.UTC || zero.String() != "UTC" || zero != zone(t, "UTC") || !zero.Equal(zone(t, "UTC")) {
		t.Errorf("got %s", zero)
	}
	if madrid := zone(t, "Europe/Madrid"); madrid.Equal(zero) || !madrid.Equal(zone(t, "Europe/Madrid")) || madrid.String() != "Europe/Madrid" {
		t.Errorf("got %s", madrid)
	}
}
