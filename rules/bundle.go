package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
)

// Bundle returns the rules of what Render returned as one file, for who reads
// standard output. What is for Alertmanager is left out.
func Bundle(files []File, format Format) ([]byte, error) {
	var documents []any
	groups := &yaml.Node{Kind: yaml.SequenceNode}
	for _, f := range files {
		if f.Name == inhibitionFile {
			continue
		}
		for document, err := range documentsOf(f) {
			if err != nil {
				return nil, err
			}
			if format == Operator {
				// The bundle has a header of its own.
				document.Content[0].Content[0].HeadComment = ""
				documents = append(documents, document)
				continue
			}
			// A rule file has one key.
			groups.Content = append(groups.Content, document.Content[0].Content[1].Content...)
		}
	}
	if format == Prometheus {
		documents = append(documents, map[string]*yaml.Node{"groups": groups})
	}
	return encode(rulesHeader, documents...)
}

// documentsOf yields the YAML documents of a file.
func documentsOf(f File) func(func(*yaml.Node, error) bool) {
	return func(yield func(*yaml.Node, error) bool) {
		decoder := yaml.NewDecoder(bytes.NewReader(f.Content))
		for {
			var document yaml.Node
			err := decoder.Decode(&document)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				err = fmt.Errorf("read %q: %w", f.Name, err)
			}
			if !yield(&document, err) || err != nil {
				return
			}
		}
	}
}
