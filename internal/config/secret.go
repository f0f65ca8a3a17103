package config

import (
	"encoding/json"
	"fmt"
	"io"
)

// A Secret is a value of a configuration that no output shows: not a log, not
// an error, not a dump of the configuration. string(s) is the value itself.
type Secret string

const masked = "<secret>"

// String returns a mask, or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// Format writes the mask whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText writes the mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON writes the mask.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }
