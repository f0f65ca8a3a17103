package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
	_ "time/tzdata" // the zones of windows must not hang on what the machine has

	_ "golang.org/x/crypto/x509roots/fallback" // whom to trust where the machine has no list, as in an image of this file alone

	"github.com/traceslo/traceslo/dashboards"
	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/peers"
	"github.com/traceslo/traceslo/slo/report"
	"github.com/traceslo/traceslo/slo/report/press"
	"github.com/traceslo/traceslo/source/elastic"
)

// settings are the configuration file's shape. Every key has a line in
// config.example.yaml.
type settings struct {
	Source sourceSettings `yaml:"source"`
	// Peers are the readers that share the reading, if it is shared.
	Peers peers.Config `yaml:"peers"`
	SLI   sli.Config   `yaml:"sli"`
	// SLORetention is for how long the minutes of objectives are kept. Default: 400d.
	SLORetention time.Duration `yaml:"slo_retention"`
	// Alerting holds for all objectives that do not say otherwise.
	Alerting slo.Alerting `yaml:"alerting"`
	// SLOs are the objectives.
	SLOs []slo.Objective `yaml:"slos"`
	// SLOsFrom are patterns of files of OpenSLO documents with more objectives,
	// relative to the configuration's folder.
	SLOsFrom []string `yaml:"slos_from"`
	// Links are the pages that alerts lead to.
	Links slo.Links `yaml:"links"`
	// Rules says what the generated rules are.
	Rules rules.Config `yaml:"rules"`
	// Dashboards says what the generated boards are.
	Dashboards dashboards.Config `yaml:"dashboards"`
	// Report says what reports say of error budgets.
	Report report.Config `yaml:"report"`
	// Reports are printed when they are due.
	Reports []press.Config `yaml:"reports"`
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

		SLORetention: 400 * 24 * time.Hour,
		Alerting:     slo.DefaultAlerting(),
		Rules:        rules.Default(),
		Dashboards:   dashboards.Default(),
		Report:       report.Default(),
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
	// objectives are those of slos and slos_from, with what alerting says.
	objectives []slo.Objective
	document   *config.Document
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

// builtIn returns the configuration of a file of that name and text.
func builtIn(name string, text []byte) *loaded {
	l := &loaded{settings: defaultSettings()}
	l.document = config.Parse(name, text, os.LookupEnv, &l.settings)
	return l
}

func (l *loaded) check() error {
	l.document.Check("source", l.Source.validate())
	l.document.Check("source.elasticsearch", l.Source.Elasticsearch.Validate())
	l.document.Check("peers", l.Peers.Validate())
	l.document.Check("source.elasticsearch", l.checkReading())
	l.checkObjectives()
	l.document.Check("sli", l.counting().Validate())
	l.document.Check("links", l.Links.Validate())
	l.document.Check("rules", l.Rules.Validate())
	l.document.Check("rules", l.checkStale())
	l.document.Check("dashboards", l.Dashboards.Validate())
	l.document.Check("report", l.Report.Validate())
	l.document.Check("reports", l.checkReports())
	l.Reports = press.Filled(l.Reports, l.Report.TimeZone)
	l.document.Check("sli", l.checkBuckets())
	return l.document.Err()
}

// checkReading returns what the way in which spans are read cannot do.
func (l *loaded) checkReading() []config.Fault {
	if l.Source.Elasticsearch.Read == elastic.Aggregations && l.SLI.Deduplicate != 0 {
		return []config.Fault{{Path: "read", Problem: fmt.Sprintf("aggregations cannot find spans that are stored again, and sli.deduplicate is %s", config.FormatDuration(l.SLI.Deduplicate)),
			Cure: "write sli.deduplicate: 0, which counts every stored span, or read: documents"}}
	}
	return nil
}

// checkStale returns what is wrong between two sections: a daemon that polls as
// it should must not be called stale.
func (l *loaded) checkStale() []config.Fault {
	if least := 2 * l.Source.Elasticsearch.PollInterval; l.Rules.SourceStaleAfter < least {
		return []config.Fault{{Path: "source_stale_after", Warning: true,
			Problem: fmt.Sprintf("%s is less than two poll intervals, so that TracesloSourceStale fires between two polls", config.FormatDuration(l.Rules.SourceStaleAfter)),
			Cure:    fmt.Sprintf("write at least %s", config.FormatDuration(least))}}
	}
	return nil
}

// checkReports returns what is wrong with the reports to print.
func (l *loaded) checkReports() []config.Fault {
	var names []string
	for i := range l.objectives {
		names = append(names, l.objectives[i].Name)
	}
	return press.Validate(l.Reports, names, l.Report.TimeZone)
}

// checkBuckets returns what the alerts on traces miss in the buckets. It is a
// fault of the buckets, so that nothing is said of them if they are wrong anyway.
func (l *loaded) checkBuckets() []config.Fault {
	faults := l.Rules.ValidateBuckets(l.counting().Scale())
	for i := range faults {
		faults[i].Problem = "rules." + faults[i].Path + ": " + faults[i].Problem
		faults[i].Path = "buckets"
	}
	return faults
}

// counting returns what the recorder counts, the objectives' events among it.
func (l *loaded) counting() sli.Config {
	c := l.SLI
	c.Measures = slo.Measures(l.objectives)
	return c
}

// tags returns the tags whose values the recorder wants with each span, in its order.
func (l *loaded) tags() []string { return l.counting().Tags() }

// roots reports whether the recorder wants to know which spans have no parent.
func (l *loaded) roots() bool { return l.counting().Roots() }

// dimensions returns how the dimensions of culprits are called, in order.
func (l *loaded) dimensions() []string {
	labels := make([]string, len(l.SLI.Dimensions))
	for i, d := range l.SLI.Dimensions {
		labels[i] = d.Label
	}
	return labels
}
