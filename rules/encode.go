package rules

import (
	"bytes"
	"fmt"

	"gopkg.in/yaml.v3"
)

// The first lines of the files.
const (
	rulesHeader = `# Made by "traceslo rules" of its configuration: change that, not this file.
`
	inhibitionHeader = `# Made by "traceslo rules". Put these rules into Alertmanager's configuration,
# under inhibit_rules: of two alerts with the same cause, one is enough.
`
)

// encode returns the values as YAML, one document each.
func encode(header string, documents ...any) ([]byte, error) {
	b := bytes.NewBufferString(header)
	e := yaml.NewEncoder(b)
	e.SetIndent(2)
	for _, d := range documents {
		if err := e.Encode(d); err != nil {
			return nil, fmt.Errorf("encode rules: %w", err)
		}
	}
	if len(documents) > 0 {
		if err := e.Close(); err != nil {
			return nil, fmt.Errorf("encode rules: %w", err)
		}
	}
	return b.Bytes(), nil
}
