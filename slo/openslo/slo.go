package openslo

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo"
)

// An sloSpec is the spec of an SLO document.
type sloSpec struct {
	Description     string           `yaml:"description"`
	Service         string           `yaml:"service"`
	Indicator       *inlineIndicator `yaml:"indicator"`
	IndicatorRef    string           `yaml:"indicatorRef"`
	TimeWindow      []timeWindow     `yaml:"timeWindow"`
	BudgetingMethod string           `yaml:"budgetingMethod"`
	Objectives      []objectiveSpec  `yaml:"objectives"`
}

type inlineIndicator struct {
	Metadata named   `yaml:"metadata"`
	Spec     sliSpec `yaml:"spec"`
}

// An objectiveSpec is an item of spec.objectives.
type objectiveSpec struct {
	DisplayName   string  `yaml:"displayName"`
	Op            string  `yaml:"op"`
	Value         decimal `yaml:"value"`
	Target        decimal `yaml:"target"`
	TargetPercent decimal `yaml:"targetPercent"`
}

// The places in an SLO's spec that hold a list of one.
const (
	windowPath    = "spec.timeWindow[0]"
	objectivePath = "spec.objectives[0]"
)

// resolve finds the service and the indicator of an SLO, and notes what is
// wrong with it.
func (l *library) resolve(d *document) {
	spec := &d.slo.Spec
	if d.slo.Metadata.Name == "" {
		d.fault("metadata.name", "is missing", "write metadata: {name: …}")
	}
	for _, key := range slices.Sorted(maps.Keys(d.slo.Metadata.Labels)) {
		if n := len(d.slo.Metadata.Labels[key]); n != 1 {
			d.fault("metadata.labels."+config.KeyPath(key), fmt.Sprintf("has %d values", n), "keep one: a label of a series has no more")
		}
	}
	switch {
	case spec.Service == "":
		d.fault("spec.service", "is missing", "write whose objective it is")
	case len(l.services) > 0 && l.services[spec.Service] == nil:
		d.fault("spec.service", fmt.Sprintf("no Service document has the name %s", quote(spec.Service)), "write one, correct the name, or leave all Service documents out")
	}
	switch spec.BudgetingMethod {
	case "Occurrences":
	case "":
		d.fault("spec.budgetingMethod", "is missing", "write budgetingMethod: Occurrences")
	case "Timeslices", "RatioTimeslices":
		d.fault("spec.budgetingMethod", spec.BudgetingMethod+" is not read: every event counts by itself", "write budgetingMethod: Occurrences")
	default:
		d.fault("spec.budgetingMethod", quote(spec.BudgetingMethod)+" is no budgeting method of OpenSLO", "write budgetingMethod: Occurrences")
	}
	switch n := len(spec.TimeWindow); n {
	case 0:
		d.fault("spec.timeWindow", "is missing", "write for example timeWindow: [{duration: 28d, isRolling: true}]")
	case 1:
		_, faults := spec.TimeWindow[0].window(windowPath)
		d.faults = append(d.faults, faults...)
	default:
		d.fault("spec.timeWindow", fmt.Sprintf("has %d windows", n), "write one, and an SLO for each other, with an indicatorRef to the same SLI")
	}
	d.indicator = l.indicatorOf(d)
	switch n := len(spec.Objectives); n {
	case 0:
		d.fault("spec.objectives", "is missing", "write for example objectives: [{target: 0.999}]")
	case 1:
		d.faults = append(d.faults, spec.Objectives[0].validate(d.indicator.spec())...)
	default:
		d.fault("spec.objectives", fmt.Sprintf("has %d objectives", n), "write one, and an SLO for each other, with an indicatorRef to the same SLI")
	}
}

// indicatorOf returns where the spec of an SLO's indicator stands; nowhere if
// there is none, which it notes.
func (l *library) indicatorOf(d *document) place {
	spec := &d.slo.Spec
	switch {
	case spec.Indicator != nil && spec.IndicatorRef != "":
		d.fault("spec.indicatorRef", "stands beside an indicator", "keep one of the two")
	case spec.Indicator != nil:
		const path = "spec.indicator.spec"
		d.faults = append(d.faults, spec.Indicator.Spec.validate(path)...)
		return place{d, path}
	case spec.IndicatorRef == "":
		d.fault("spec.indicator", "is missing, and so is an indicatorRef", "write one of the two")
	case l.slis[spec.IndicatorRef] == nil:
		d.fault("spec.indicatorRef", fmt.Sprintf("no SLI document has the name %s", quote(spec.IndicatorRef)), "write one, correct the name, or name its file in slos_from too")
	default:
		return place{l.slis[spec.IndicatorRef], "spec"}
	}
	return place{}
}

// spec returns the indicator that stands at p, nil if p is nowhere.
func (p place) spec() *sliSpec {
	switch {
	case p.of == nil:
		return nil
	case p.of.sli != nil:
		return &p.of.sli.Spec
	}
	return &p.of.slo.Spec.Indicator.Spec
}

// validate says what is wrong with an objective for an indicator, which may be nil.
func (o objectiveSpec) validate(of *sliSpec) []config.Fault {
	var faults []config.Fault
	fault := func(key, problem, cure string) {
		faults = append(faults, config.Fault{Path: objectivePath + "." + key, Problem: problem, Cure: cure})
	}
	switch _, key, err := o.target(); {
	case o.Target.given() && o.TargetPercent.given():
		fault("targetPercent", "stands beside a target", "keep one of the two")
	case !o.Target.given() && !o.TargetPercent.given():
		faults = append(faults, config.Fault{Path: objectivePath, Problem: "has neither a target nor a targetPercent", Cure: "write for example target: 0.999"})
	case err != nil:
		fault(key, err.Error(), "write for example target: 0.999 or targetPercent: 99.9")
	}
	switch {
	case of == nil || (of.ThresholdMetric == nil) == (of.RatioMetric == nil):
		// What the indicator is to be is not known.
	case of.ThresholdMetric != nil:
		o.validateThreshold(fault)
	default:
		const problem, cure = "belongs to a thresholdMetric", "leave it out: the ratioMetric says what is good"
		if o.Op != "" {
			fault("op", problem, cure)
		}
		if o.Value.given() {
			fault("value", problem, cure)
		}
	}
	return faults
}

func (o objectiveSpec) validateThreshold(fault func(key, problem, cure string)) {
	switch o.Op {
	case "lte":
	case "":
		fault("op", "is missing", "write op: lte")
	case "lt", "gt", "gte":
		fault("op", o.Op+" is not read: good is a span that took the value or less", "write op: lte")
	default:
		fault("op", quote(o.Op)+" is no operator of OpenSLO", "write op: lte")
	}
	const cure = "write the threshold in seconds, such as value: 0.5"
	if !o.Value.given() {
		fault("value", "is missing", cure)
	} else if _, err := o.Value.seconds(); err != nil {
		fault("value", err.Error(), cure)
	}
}

// target returns the objective's target, and the key that holds it.
func (o objectiveSpec) target() (slo.Target, string, error) {
	if o.TargetPercent.given() {
		t, err := o.TargetPercent.target(100)
		return t, "targetPercent", err
	}
	if o.Target.given() {
		t, err := o.Target.target(1)
		return t, "target", err
	}
	return 0, "target", nil
}

// load returns the objective of an SLO without a fault.
func (d *document) load() Loaded {
	spec, o := &d.slo.Spec, d.slo.Spec.Objectives[0]
	target, key, _ := o.target()
	window, _ := spec.TimeWindow[0].window(windowPath)
	l := Loaded{
		Objective: slo.Objective{
			Name:        d.slo.Metadata.Name,
			Service:     spec.Service,
			Description: cmp.Or(spec.Description, d.slo.Metadata.DisplayName, o.DisplayName),
			Labels:      d.slo.Metadata.single(),
			Target:      target,
			Window:      window,
		},
		places: map[string]place{
			"":            {d, ""},
			"name":        {d, "metadata.name"},
			"service":     {d, "spec.service"},
			"description": {d, "spec.description"},
			"labels":      {d, "metadata.labels"},
			"objective":   {d, objectivePath + "." + key},
			"window":      {d, windowPath},
			"sli":         d.indicator,
		},
	}
	var threshold time.Duration
	if o.Value.given() {
		threshold, _ = o.Value.seconds()
		l.places["sli.latency.threshold"] = place{d, objectivePath + ".value"}
	}
	indicator, parts := d.indicator.spec().indicator(threshold)
	l.Objective.SLI = indicator
	for part, path := range parts {
		l.places["sli."+part] = place{d.indicator.of, d.indicator.path + "." + path}
	}
	return l
}
