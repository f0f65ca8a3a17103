package openslo

import (
	"slices"

	"github.com/traceslo/traceslo/internal/config"
)

// A document is one OpenSLO document: the one of slo, sli and service that it
// is, or none of them if it cannot be read as any.
type document struct {
	*config.Document
	file    string
	slo     *object[metadata, sloSpec]
	sli     *object[named, sliSpec]
	service *object[named, serviceSpec]

	// faults are what was found wrong with what the document says, to be noted
	// in it together: of faults noted one after the other, internal/config
	// takes the later for consequences of the earlier.
	faults []config.Fault

	// indicator is where an SLO's indicator stands, once that is resolved.
	indicator place
}

// An object is what documents of all kinds have in common.
type object[M, S any] struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   M      `yaml:"metadata"`
	Spec       S      `yaml:"spec"`
}

type metadata struct {
	Name        string           `yaml:"name"`
	DisplayName string           `yaml:"displayName"`
	Labels      map[string]label `yaml:"labels"`
}

// A label is the values of a label, which OpenSLO allows to be several.
type label []string

// UnmarshalText reads one value in the place of a list.
func (l *label) UnmarshalText(text []byte) error {
	*l = label{string(text)}
	return nil
}

// single returns the labels, of which each has to have one value.
func (m metadata) single() map[string]string {
	if m.Labels == nil {
		return nil
	}
	labels := make(map[string]string, len(m.Labels))
	for key, values := range m.Labels {
		labels[key] = values[0]
	}
	return labels
}

type named struct {
	Name        string `yaml:"name"`
	DisplayName string `yaml:"displayName"`
}

type serviceSpec struct {
	Description string `yaml:"description"`
}

// parse reads the only document of text, and returns nil if there is none.
func parse(file string, text []byte, env config.Environment) *document {
	// The kind says which keys there may be, so the first look is for that alone.
	var head struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
	}
	d := &document{file: file, Document: config.Parse(file, text, env, &head)}
	if d.Line("") == 0 && len(d.Problems()) == 0 {
		return nil
	}
	d.faults = checkHead(head.APIVersion, head.Kind)
	switch {
	case len(d.faults) > 0 && slices.ContainsFunc(d.Problems(), func(p config.Problem) bool { return p.Path == "" }):
		// It is no section of keys, or not even YAML: of course it has no kind.
		d.faults = nil
	case len(d.faults) > 0:
	case head.Kind == "SLO":
		d.slo = new(object[metadata, sloSpec])
		d.Document = config.Parse(file, text, env, d.slo)
	case head.Kind == "SLI":
		d.sli = new(object[named, sliSpec])
		d.Document = config.Parse(file, text, env, d.sli)
	default:
		d.service = new(object[named, serviceSpec])
		d.Document = config.Parse(file, text, env, d.service)
	}
	return d
}

// checkHead says what is wrong with the version and the kind of a document.
func checkHead(version, kind string) []config.Fault {
	var faults []config.Fault
	switch version {
	case "openslo/v1":
	case "":
		faults = append(faults, config.Fault{Path: "apiVersion", Problem: "is missing", Cure: "write apiVersion: openslo/v1"})
	default:
		faults = append(faults, config.Fault{Path: "apiVersion", Problem: quote(version) + " is not read", Cure: "write the document in openslo/v1"})
	}
	switch kind {
	case "SLO", "SLI", "Service":
	case "":
		faults = append(faults, config.Fault{Path: "kind", Problem: "is missing", Cure: "write SLO, SLI or Service"})
	case "DataSource":
		faults = append(faults, config.Fault{Path: "kind", Problem: "DataSource is not read: all spans come from the source of the configuration", Cure: "leave the document out"})
	case "AlertPolicy", "AlertCondition", "AlertNotificationTarget":
		faults = append(faults, config.Fault{Path: "kind", Problem: kind + " is not read: the alerts follow from the objective", Cure: "leave the document out, and set them in the section alerting of the configuration"})
	default:
		faults = append(faults, config.Fault{Path: "kind", Problem: quote(kind) + " is no kind of OpenSLO", Cure: "write SLO, SLI or Service"})
	}
	return faults
}

// fault adds to what is wrong with the document.
func (d *document) fault(path, problem, cure string) {
	d.faults = append(d.faults, config.Fault{Path: path, Problem: problem, Cure: cure})
}
