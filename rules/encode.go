package rules

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
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

// check reads a rule file as Prometheus does, unknown fields refused and names
// as every version of it takes them. The error says of which sets rules are wrong.
func check(content []byte, sets []set) error {
	_, errs := rulefmt.Parse(content, false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) == 0 {
		return nil
	}
	of := map[string]string{}
	for _, s := range sets {
		for _, g := range s.groups {
			of[g.Name] = s.of
		}
	}
	for i, err := range errs {
		var rule *rulefmt.Error
		if errors.As(err, &rule) {
			// Its line would be that of a file that nobody has.
			errs[i] = fmt.Errorf("%s: rule %q: %w", of[rule.Group], rule.RuleName, errors.Unwrap(&rule.Err))
		}
	}
	return fmt.Errorf("make rules: %w", errors.Join(errs...))
}
