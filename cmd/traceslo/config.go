package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source/elastic"
)

// settings are the configuration file's shape. Every key has a line in
// config.example.yaml.
type settings struct {
	Source sourceSettings `yaml:"source"`
	SLI    sli.Config     `yaml:"sli"`
}

type sourceSettings struct {
	// Silence is for how long no span may come from any service before the
	// source is called silent. 0 never calls it so. Default: 5m.
	Silence time.Duration `yaml:"silence"`
	// Elasticsearch is the cluster to read, Elasticsearch or OpenSearch.
	Elasticsearch elastic.Config `yaml:"elasticsearch"`
}

// defaultSettings returns what an empty file stands for.
func defaultSettings() settings {
	return settings{
		Source: sourceSettings{Silence: 5 * time.Minute, Elasticsearch: elastic.Default()},
		SLI:    sli.Default(),
	}
}

// validate says what is wrong with the keys that no other package owns.
func (s sourceSettings) validate() []config.Fault {
	poll := s.Elasticsearch.PollInterval
	switch {
	case s.Silence < 0:
		return []config.Fault{{Path: "silence", Problem: fmt.Sprintf("%s is negative", config.FormatDuration(s.Silence)), Cure: "write a positive duration, or 0 for never"}}
	case s.Silence > 0 && s.Silence < 2*poll:
		return []config.Fault{{Path: "silence", Problem: fmt.Sprintf("%s is less than two poll intervals", config.FormatDuration(s.Silence)),
			Cure: fmt.Sprintf("write at least %s, or the source seems silent between two polls", config.FormatDuration(2*poll))}}
	}
	return nil
}

// A loaded configuration is settings and the file that they came from.
type loaded struct {
	settings
	document *config.Document
}

// load reads the configuration file at path and lets every section's owner
// check it. An error that is config.Errors says what is wrong with it; then
// and without error, the document also tells the warnings.
func load(path string) (*loaded, error) {
	l := &loaded{settings: defaultSettings()}
	var err error
	if l.document, err = config.Load(path, os.LookupEnv, &l.settings); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; write it (an empty file is a configuration), or name another by --config.file", err)
	} else if err != nil {
		return nil, err
	}
	return l, l.check()
}

// builtIn returns the configuration of an empty file of that name.
func builtIn(name string) *loaded {
	l := &loaded{settings: defaultSettings()}
	l.document = config.Parse(name, nil, os.LookupEnv, &l.settings)
	return l
}

func (l *loaded) check() error {
	l.document.Check("source", l.Source.validate())
	l.document.Check("source.elasticsearch", l.Source.Elasticsearch.Validate())
	l.document.Check("sli", l.SLI.Validate())
	return l.document.Err()
}

// tags returns the tags whose values the recorder wants with each span, in its order.
func (s *settings) tags() []string {
	tags := make([]string, len(s.SLI.Dimensions))
	for i, d := range s.SLI.Dimensions {
		tags[i] = d.Tag
	}
	return tags
}
