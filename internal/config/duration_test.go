package config_test

import (
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/config"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0":     0,
		"0s":    0,
		"250µs": 250 * time.Microsecond,
		"2.5s":  2500 * time.Millisecond,
		"1h30m": 90 * time.Minute,
		"7d":    7 * 24 * time.Hour,
		"1w1d":  8 * 24 * time.Hour,
		"1.5d":  36 * time.Hour,
		"-5m":   -5 * time.Minute,
		"400d":  400 * 24 * time.Hour,
	} {
		got, err := config.ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":          `"" is not a duration below 292 years; write for example 5m`,
		"-":         `"-" is not a duration below 292 years; write for example 5m`,
		"5":         "5 has no unit; write 5s, 5m or 5h",
		"-2.5":      "-2.5 has no unit; write 2.5s, 2.5m or 2.5h",
		"5 m":       `"5 m" is not a duration below 292 years; write for example 5m`,
		"5mm":       `"5mm" is not a duration below 292 years; write for example 5m`,
		"m5":        `"m5" is not a duration below 292 years; write for example 5m`,
		"1.2.3s":    `"1.2.3s" is not a duration below 292 years; write for example 5m`,
		"5m3":       `"5m3" is not a duration below 292 years; write for example 5m`,
		"20000w":    `"20000w" is not a duration below 292 years; write for example 5m`,
		"106751d1d": `"106751d1d" is not a duration below 292 years; write for example 5m`,
		"5y":        `"5y" is not a duration below 292 years; write for example 5m`,
	} {
		if got, err := config.ParseDuration(text); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestFormatDurationIsShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                   "0s",
		5 * time.Millisecond:                "5ms",
		90 * time.Second:                    "1m30s",
		5 * time.Minute:                     "5m",
		time.Hour:                           "1h",
		90 * time.Minute:                    "1h30m",
		36 * time.Hour:                      "36h",
		7 * 24 * time.Hour:                  "7d",
		-24 * time.Hour:                     "-1d",
		time.Hour + 10*time.Second:          "1h0m10s",
		2500 * time.Millisecond:             "2.5s",
		20*time.Minute + 0*time.Millisecond: "20m",
	} {
		if got := config.FormatDuration(d); got != want {
			t.Errorf("%d: got %q, want %q", d, got, want)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{"5m", "1w2d3h", "-1.5d", "5", "9223372036854775807ns", "µs", "..s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := config.ParseDuration(text)
		if err != nil {
			return
		}
		again, err := config.ParseDuration(config.FormatDuration(d))
		if err != nil || again != d {
			t.Errorf("%q is %v, written as %q, which reads as %v, %v", text, d, config.FormatDuration(d), again, err)
		}
	})
}
