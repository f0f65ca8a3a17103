package source

import (
	"fmt"
	"time"

	"github.com/traceslo/traceslo/internal/config"
)

// Start says which of the spans that were stored before the first run count.
// The zero value is none of them.
type Start struct {
	// Earliest holds if all of them count.
	Earliest bool
	// Back, if not zero, is how long before the first run a span may have ended to count.
	Back time.Duration
}

// UnmarshalText reads "now", "earliest" or a positive duration such as "24h" or "7d".
func (s *Start) UnmarshalText(text []byte) error {
	word := string(text)
	switch word {
	case "now":
		*s = Start{}
		return nil
	case "earliest":
		*s = Start{Earliest: true}
		return nil
	}
	back, err := config.ParseDuration(word)
	if err != nil || back <= 0 {
		return fmt.Errorf("%q is no start; write now, earliest or a duration such as 24h", word)
	}
	*s = Start{Back: back}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (s Start) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns the text that UnmarshalText reads.
func (s Start) String() string {
	switch {
	case s.Earliest:
		return "earliest"
	case s.Back != 0:
		return config.FormatDuration(s.Back)
	}
	return "now"
}
