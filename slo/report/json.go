package report

import (
	"encoding/json"
	"io"
)

// writeJSON writes the report as JSON, of which the types here are the
// documentation. Names are as they came, but for what JSON escapes; characters
// that could end a script of HTML are escaped besides.
func (r *Report) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
