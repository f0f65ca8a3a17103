// Package dashboards shows in Grafana what objectives owe and what services do:
// it makes boards of the objectives, which ask Prometheus for the metrics of the
// daemon and for what the rules record.
//
// Its place in the flow is at the end, beside rules and slo/report:
//
//	source ← sli ← slo ← {rules, dashboards, slo/report} ← cmd/traceslo
//
// It is pure: no clock, no log, no file; the same objectives give the same
// bytes, in whatever order they come. It leaves all reckoning to Prometheus, to
// the rules and to the ledger of slo, and writing files to cmd/traceslo.
//
// The boards know services and objectives by variables that Prometheus fills, so
// that a new one needs no new board. Only the tiers, which are drawn into the
// board of an objective, come from the objectives themselves.
//
// The boards hold for one daemon, for a pair that reads the same, and for shards
// that each read a part: readers of the same differ in the labels instance and
// pod alone, and of them the greatest counts.
package dashboards

import (
	"fmt"
	"slices"

	"github.com/traceslo/traceslo/slo"
)

// A Format is what boards are written as.
type Format string

// The formats. There are two for Kubernetes, as a cluster refuses a resource of
// a kind that it does not know, and neither does for the other's reader. Both
// may be called operators; the one that rules are written for knows no boards.
const (
	// Grafana: one JSON file for each board, to import or to provision.
	Grafana Format = "grafana"
	// ConfigMap: one for each board, with the label that the sidecar of
	// Grafana's Helm charts looks for, as kube-prometheus-stack has it.
	ConfigMap Format = "configmap"
	// GrafanaOperator: one GrafanaDashboard of grafana-operator for each board.
	GrafanaOperator Format = "grafana-operator"
)

// Formats lists every format.
var Formats = []Format{Grafana, ConfigMap, GrafanaOperator}

// A File is a file that is to be written whole.
type File struct {
	// Name has no folder.
	Name    string
	Content []byte
}

// The uids of the boards, which are also the names of files and resources. They
// stay what they are: links and bookmarks hang on them.
const (
	overviewUID   = "traceslo-overview"
	serviceUID    = "traceslo-service"
	objectivesUID = "traceslo-slos"
	objectiveUID  = "traceslo-slo"
	selfUID       = "traceslo-self"
)

// A maker makes boards. It holds what they have in common.
type maker struct {
	links slo.Links
	cfg   Config
}

// Render returns the boards, always the same five, sorted by name. The
// objectives are valid and resolved (Objective.With), their names unique.
func Render(objectives []slo.Objective, links slo.Links, cfg Config, format Format) ([]File, error) {
	if !slices.Contains(Formats, format) {
		return nil, fmt.Errorf("boards as %q: no such format; choose one of %q", format, Formats)
	}
	m := &maker{links: links, cfg: cfg}
	var files []File
	for _, b := range []*board{m.overview(), m.self(), m.service(), m.objective(objectives), m.objectives()} {
		file, err := m.file(b, format)
		if err != nil {
			return nil, fmt.Errorf("make board %q: %w", b.uid, err)
		}
		files = append(files, file)
	}
	return files, nil
}

// file returns a board as a file.
func (m *maker) file(b *board, format Format) (File, error) {
	content, err := b.encode()
	if err != nil {
		return File{}, err
	}
	if format == Grafana {
		return File{b.uid + ".json", content}, nil
	}
	content, err = m.resource(b, content, format)
	return File{b.uid + ".yaml", content}, err
}
