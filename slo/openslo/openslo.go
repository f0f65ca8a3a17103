// Package openslo reads objectives from OpenSLO v1 documents
// (https://github.com/OpenSLO/OpenSLO), beside those that the configuration
// holds itself.
//
// It leaves to slo what makes an objective valid, to sli how spans are judged,
// to internal/config how strictly YAML is read, and to cmd/traceslo which files
// are read. Whether a document is good OpenSLO in what does not matter here,
// such as the length of a name, is for OpenSLO's own validator to say.
//
// # What is read
//
// Documents of the kinds SLO, SLI and Service, several a file between lines of
// ---. All files are read as one: an SLO may refer to an SLI of another file.
// What a document says and traceslo does not do is refused by name, never
// passed over, so that an objective means here what it means to whoever wrote
// it. ${NAME} is the environment variable NAME, as in the configuration.
//
// An SLO becomes one objective:
//
//	metadata.name                        name
//	metadata.labels                      labels; each has one value
//	spec.description                     description; without one, the displayName
//	                                     of the SLO or of its objective is it
//	spec.service                         service; if there is any Service document
//	                                     at all, one has to have this name
//	spec.indicator, spec.indicatorRef    sli, see below
//	spec.objectives[0].target            objective, exactly as it is written
//	spec.objectives[0].targetPercent     the same as a percentage
//	spec.timeWindow[0]                   window: rolling in m, h, d or w; or a
//	                                     calendar's 1w (from Monday), 1M, 1Q or 1Y,
//	                                     whose startTime is the beginning of such a
//	                                     period and says no more than that
//	spec.budgetingMethod                 Occurrences
//
// It has exactly one of spec.objectives. A second target for the same spans is
// an SLO of its own, with an indicatorRef to the same SLI.
//
// The displayName and description of a Service or an SLI are for those who read
// the document. So is ratioMetric.counter: counts of spans are what they are.
// What OpenSLO has no words for, such as for_each or exclusions, is written in
// the configuration.
//
// # Metric sources
//
// Every metricSource has the type traceslo. The spec of a total, and that of a
// thresholdMetric, says which spans are events:
//
//	match: {service: checkout, span_kind: server}    # the keys of sli.Match; {} is every span
//
// Beside a total, the spec of good or bad says which events are that:
//
//	bad:  {failed_if: [failed]}                      # availability
//	good: {failed_if: [failed]}                      # the same: good is what did not fail
//	good: {within: 5s}                               # latency: good however it ended
//	good: {within: 5s, failed_if: [failed]}          # success_within
//	good: {good_if: [checkout.result = done]}        # attribute
//
// A thresholdMetric is a latency too: the objective's op is lte, and its value
// the threshold in seconds.
package openslo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/traceslo/traceslo/internal/config"
)

// maxSize bounds a file, so that a span file named by mistake is refused at once.
const maxSize = 1 << 20

// A File is the text of a file and the name that it has in messages.
type File struct {
	Name string
	Text []byte
}

// A Result is what a set of files holds.
type Result struct {
	// Objectives are those of the SLOs without a fault, in the order of the
	// files and of the documents within each. slo.Validate has not seen them.
	Objectives []Loaded
	// Problems is all that is wrong with the files, and warnings: first of the
	// files that cannot be read at all, then in the same order, by line.
	Problems []config.Problem
}

// Load is Parse for the files at paths, each read once. A file that cannot be
// read is a Problem.
func Load(paths []string, env config.Environment) Result {
	var files []File
	var unread []config.Problem
	seen := map[string]bool{}
	for _, path := range paths {
		if seen[path] {
			continue
		}
		seen[path] = true
		text, err := read(path)
		if err != nil {
			unread = append(unread, config.Problem{File: path, Fault: config.Fault{Problem: err.Error(), Cure: "mend it, or leave it out of slos_from"}})
			continue
		}
		files = append(files, File{path, text})
	}
	r := Parse(files, env)
	r.Problems = append(unread, r.Problems...)
	return r
}

func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(text) > maxSize {
		return nil, fmt.Errorf("larger than %d MiB, not OpenSLO", maxSize>>20)
	}
	return text, nil
}

// cause leaves out the path, which stands before it anyway.
func cause(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		err = of.Err
	}
	return fmt.Errorf("cannot be read: %w", err)
}

// Parse reads the documents of all files together.
func Parse(files []File, env config.Environment) Result {
	var r Result
	var all library
	for _, file := range files {
		texts, ok := split(file.Text)
		if !ok {
			r.Problems = append(r.Problems, config.Problem{File: file.Name, Fault: config.Fault{
				Problem: fmt.Sprintf("holds more than %d documents", maxDocuments), Cure: "make several files of it"}})
			continue
		}
		before := len(all.documents)
		for _, text := range texts {
			all.add(file.Name, text, env)
		}
		if len(all.documents) == before {
			r.Problems = append(r.Problems, config.Problem{File: file.Name, Fault: config.Fault{
				Problem: "holds no document", Cure: "write one, or leave the file out of slos_from", Warning: true}})
		}
	}
	r.Objectives = all.objectives()
	for _, d := range all.documents {
		r.Problems = append(r.Problems, d.problems()...)
	}
	return r
}

// A library is all documents that were read, and what other documents refer to by name.
type library struct {
	documents []*document
	slis      map[string]*document
	services  map[string]*document
}

// add reads one document, if the text holds any.
func (l *library) add(file string, text []byte, env config.Environment) {
	d := parse(file, text, env)
	if d == nil {
		return
	}
	l.documents = append(l.documents, d)
	switch {
	case d.sli != nil:
		l.slis = register(l.slis, d, d.sli.Metadata.Name)
	case d.service != nil:
		l.services = register(l.services, d, d.service.Metadata.Name)
	}
}

// register enters d into the documents of its kind under its name.
func register(known map[string]*document, d *document, name string) map[string]*document {
	if known == nil {
		known = map[string]*document{}
	}
	switch first := known[name]; {
	case name == "":
		d.fault("metadata.name", "is missing", "write metadata: {name: …}")
	case first != nil:
		d.fault("metadata.name", fmt.Sprintf("%q stands in %s:%d already", name, first.file, first.Line("metadata.name")), "give one of the two another name")
	default:
		known[name] = d
	}
	return known
}

// objectives checks every document, and returns what the sound SLOs make.
func (l *library) objectives() []Loaded {
	used := map[*document]bool{}
	for _, d := range l.documents {
		switch {
		case d.sli != nil:
			d.faults = append(d.faults, d.sli.Spec.validate("spec")...)
		case d.slo != nil:
			l.resolve(d)
			used[l.slis[d.slo.Spec.IndicatorRef]] = true
		}
	}
	for _, d := range l.documents {
		if d.sli != nil && d == l.slis[d.sli.Metadata.Name] && !used[d] {
			d.faults = append(d.faults, config.Fault{Path: "metadata.name", Problem: "no SLO refers to this SLI", Cure: "refer to it by indicatorRef, or leave it out", Warning: true})
		}
		d.Check("", d.faults)
	}
	var loaded []Loaded
	for _, d := range l.documents {
		if d.slo != nil && d.Err() == nil && d.indicator.of.Err() == nil {
			loaded = append(loaded, d.load())
		}
	}
	return loaded
}
