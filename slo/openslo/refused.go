package openslo

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/traceslo/traceslo/internal/config"
)

// refused are the keys of OpenSLO v1 that traceslo does not read, each with the
// reason and the cure, by the end of their path.
var refused = [...]struct{ path, problem, cure string }{
	{"metadata.labels", "are read of an SLO alone", "move them to the SLOs that they are meant for"},
	{"metadata.annotations", "are not read", "leave them out, or write them as metadata.labels of the SLO"},
	{"spec.alertPolicies", "are not read: the alerts follow from the objective", "leave them out, and set them in the section alerting of the configuration"},
	{"spec.objectives[].timeSliceTarget", "belongs to a budgetingMethod that is not read", "leave it out: every event counts by itself"},
	{"spec.objectives[].timeSliceWindow", "belongs to a budgetingMethod that is not read", "leave it out: every event counts by itself"},
	{"spec.objectives[].indicator", "makes a composite SLO, which is not read", "write an SLO for each objective, and the indicator under spec"},
	{"spec.objectives[].indicatorRef", "makes a composite SLO, which is not read", "write an SLO for each objective, and the indicatorRef under spec"},
	{"spec.objectives[].compositeWeight", "belongs to a composite SLO, which is not read", "leave it out"},
	{"metricSource.metricSourceRef", "is not read: all spans come from the source of the configuration", "leave it out, and write type: traceslo"},
	{"ratioMetric.raw", "is not read: spans are counted, and no ratio is stored", "write total, and good or bad"},
	{"ratioMetric.rawType", "is not read: spans are counted, and no ratio is stored", "write total, and good or bad"},
}

// unknown is what internal/config says of a key that a section does not have.
const unknown = "unknown key"

// problems returns what is wrong with the document, by line.
func (d *document) problems() []config.Problem {
	all := d.Problems()
	if d.slo == nil && d.sli == nil && d.service == nil {
		// Only the head was read, so that any other key is unknown.
		return slices.DeleteFunc(all, func(p config.Problem) bool { return p.Path != "" && p.Path != "apiVersion" && p.Path != "kind" })
	}
	var foreign []string
	for _, p := range all {
		if source, ok := strings.CutSuffix(p.Path, "metricSource.type"); ok {
			foreign = append(foreign, source+"metricSource.spec.")
		}
	}
	// What stands in the spec of somebody else's metric source is not ours to judge.
	all = slices.DeleteFunc(all, func(p config.Problem) bool {
		return slices.ContainsFunc(foreign, func(spec string) bool { return strings.HasPrefix(p.Path, spec) })
	})
	for i, p := range all {
		if p.Problem != unknown {
			continue
		}
		at := "." + index.ReplaceAllString(p.Path, "[]")
		for _, r := range refused {
			if strings.HasSuffix(at, "."+r.path) {
				all[i].Problem, all[i].Cure = r.problem, r.cure
			}
		}
	}
	return all
}

var index = regexp.MustCompile(`\[\d+\]`)

// quote returns a text of the file as messages show it, bounded.
func quote(text string) string {
	const most = 64
	if len(text) > most {
		return strconv.Quote(strings.ToValidUTF8(text[:most], "") + "…")
	}
	return strconv.Quote(text)
}
