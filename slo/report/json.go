package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"

	"github.com/traceslo/traceslo/internal/harmless"
)

// writeJSON writes the report as JSON, of which the types here are the
// documentation. A name is in it as it came, but what nobody would see of it,
// or what turns the direction of writing, is written as an escape.
func (r *Report) writeJSON(w io.Writer) error {
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(r); err != nil {
		return err
	}
	var out bytes.Buffer
	out.Grow(text.Len())
	for _, r := range text.String() {
		switch {
		case r < 0x80 || !harmless.Hidden(r): // JSON's own space among it
			out.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}
