package rules

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo"
)

// health returns the alerts of the daemon itself. A message says what is not to
// be trusted meanwhile, and where to look.
func (m *maker) health() []rule {
	job := "job=" + strconv.Quote(m.cfg.Job)
	up := "up{" + job + "}"
	stale := config.FormatDuration(m.cfg.SourceStaleAfter)
	// A restarted daemon knows no time of its last read until the next one.
	complete := fmt.Sprintf("max by (job, shard) (max_over_time(%s[1h]))", completeMetric)

	rules := []rule{
		m.alert(downAlert, critical, 5*time.Minute,
			fmt.Sprintf("absent(%s == 1)", up),
			"traceslo is not scraped",
			"No target of the job "+literal(m.cfg.Job)+" answers: no objective is measured, and none of their alerts can fire."),
		m.alert(staleAlert, critical, 0,
			fmt.Sprintf("time() - (%s > 0) > %s", complete, seconds(m.cfg.SourceStaleAfter)),
			"traceslo does not read the stored spans",
			fmt.Sprintf("The last complete read is {{ $value | humanizeDuration }} old, more than %s: the cluster cannot be read, or not fast enough.\n"+
				"traceslo_source_errors_total says why by kind, the daemon's log in words.", stale)),
		m.alert(neverAlert, warning, 30*time.Minute,
			complete+" == 0",
			"traceslo has not read all stored spans yet",
			"Since it was started, traceslo has not once come to the end of what is stored.\nA first run over old spans takes its time, which "+
				"traceslo_source_backlog_spans shows; else see traceslo_source_errors_total and the daemon's log."),
		m.alert(behindAlert, warning, 15*time.Minute,
			fmt.Sprintf("deriv(%s[30m]) > 0\nand\nmin_over_time(%s[30m]) > 0", backlogMetric, caughtUpMetric),
			"{{ $labels.instance }} reads more slowly than spans are stored",
			"For half an hour what is stored and not counted has grown, by {{ $value | humanize }} spans a second of late, while traceslo read all the time.\n"+
				"Spans of now are counted before the others; objectives stand still until all is read."),
		m.alert(instanceAlert, warning, 30*time.Minute,
			fmt.Sprintf("%s == 0\nor on (instance)\ntime() - %s > %s", up, completeMetric, seconds(m.cfg.SourceStaleAfter)),
			"{{ $labels.instance }} does not read the stored spans",
			"This one of several is not scraped, or does not come to the end of what is stored.\nAnother that reads the same stands in for it; of shards, its part is missing."),
		m.alert(missingAlert, critical, 5*time.Minute,
			fmt.Sprintf("count by (job) (count by (job, shard) (%[1]s)) < max by (job) (%[1]s)", readersMetric),
			"Not all readers of {{ $labels.job }} are scraped",
			"Of those that share the reading, {{ $value }} are seen: all sums are of their part of the spans.\n"+
				"The label shard of traceslo_source_readers says which are there."),
		m.alert(overflowAlert, warning, 0,
			grown("service, limit", overflowMetric),
			"{{ $labels.service }} has more of something than traceslo keeps apart",
			"In the last hour, spans of {{ $labels.service }} met the limit sli.limits.{{ $labels.limit }} and are counted under _other.\n"+
				"Mostly, names of operations hold identifiers; else raise the limit."),
		m.alert(commitAlert, warning, 0,
			fmt.Sprintf("max by (instance) (increase(%s{kind=\"commit\"}[15m])) > 0", failuresMetric),
			"{{ $labels.instance }} cannot write its state",
			"What was counted could not be made durable in the last 15 minutes, as when the disk is full.\nNothing is lost, it will be read again; until then nothing new is shown."),
		m.alert(lostAlert, warning, 0,
			happened("reason", gapsMetric),
			"Stored spans were lost before traceslo counted them",
			"In the last hour, an index or shard was deleted or replaced before it was read to its end ({{ $labels.reason }}).\n"+
				"traceslo_source_lost_spans_total says how many spans, as far as that is known; the time is marked as unmeasured."),
		m.alert(reloadAlert, warning, 0,
			reloadMetric+" == 0",
			"{{ $labels.instance }} refused its new configuration",
			"The one before runs on. traceslo check says what is wrong with the new one."),
		m.alert(renamedAlert, critical, 5*time.Minute,
			renamed(),
			"Prometheus renames the label service of {{ $labels.job }}",
			"A label service of the target took the place of traceslo's own, which is called exported_service now: rules and boards take all services for one.\n"+
				"Set honor_labels: true in the scrape configuration, or honorLabels: true in the ServiceMonitor."),
	}
	// absent knows no labels of what it looks for.
	rules[0].Labels["job"] = literal(m.cfg.Job)
	return rules
}

func (m *maker) alert(name, severity string, wait time.Duration, expr, summary, description string) rule {
	rule := rule{Alert: name, Expr: expr, For: model.Duration(wait), Labels: m.labels(map[string]string{slo.SeverityLabel: severity}),
		Annotations: map[string]string{summaryKey: summary, descriptionKey: description}}
	if m.links.Status != "" {
		rule.Annotations[statusKey] = base(m.links.Status) + "/"
	}
	return rule
}

// grown holds where a counter that outlives the daemon, and is there only once
// it counts, has grown within the last hour. Its first value is no growth to
// increase().
func grown(labels, metric string) string {
	return fmt.Sprintf("max by (%[1]s) (increase(%[2]s[1h])) > 0\n"+
		"or\n"+
		"(max by (%[1]s) (%[2]s) unless max by (%[1]s) (max_over_time(%[2]s[1h] offset 1h))) > 0", labels, metric)
}

// happened holds where a counter of the process has grown within the last hour,
// also if that was before it was scraped first.
func happened(labels, metric string) string {
	return fmt.Sprintf("max by (%[1]s) (increase(%[2]s[1h])) > 0\n"+
		"or\n"+
		"max by (%[1]s) (%[2]s and on (job, instance) time() - %[3]s < 3600) > 0", labels, metric, startMetric)
}

// renamed holds where the label service is not traceslo's own.
func renamed() string {
	count := func(metric string) string {
		return fmt.Sprintf("count by (job, instance) (%s{exported_service!=\"\"}) > 0", metric)
	}
	return count(slo.InfoMetric) + "\nor\n" + count(slo.SpansMetric)
}
