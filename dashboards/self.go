package dashboards

import (
	"github.com/traceslo/traceslo/slo"
)

// self returns the board of traceslo itself.
func (m *maker) self() *board {
	b := m.board(selfUID, "traceslo",
		"Whether traceslo reads all that is stored, how far behind it is, what it could not count, and what it costs.", "now-1h")
	b.variables(datasources(),
		choice(instanceVariable, "Instance", "The daemons to look at.", buildMetric, instanceVariable, true))
	b.catchingUp()

	s := scope{anyOf(instanceVariable, instanceVariable)}
	s.health(b)
	s.delay(b)
	s.gaps(b)
	s.room(b)
	s.cost(b)
	return b
}

// worst is the greatest of a gauge among the daemons chosen.
func (s scope) worst(metric string) string { return "max(" + of(metric, s...) + ")" }

// together adds up a gauge of those daemons chosen that share the reading: of
// several that read the same, the worst.
func (s scope) together(metric string) string {
	return "sum(max " + by(slo.ShardLabel) + " (" + of(metric, s...) + "))"
}

// rate is that of a counter of the daemons, together.
func (s scope) rate(metric string, labels ...string) string {
	return sum("rate("+over(of(metric, s...), rateInterval)+")", labels...)
}

// grown is how much a counter has grown within what the board shows.
func (s scope) grown(metric string, labels ...string) string {
	return sum("increase("+over(of(metric, s...), wholeRange)+")", labels...)
}

// age is for how long a time has passed; 0 is no time.
func (s scope) age(metric string) string { return "time() - min(" + of(metric, s...) + " > 0)" }

func (s scope) health(b *board) {
	yes, no := word{"1", "yes", green}, word{"0", "no", green}
	b.row("Does it measure?", 4,
		figure("Daemons", "Daemons that are scraped.", count, 3, steps(red, step{1, green}), query{"count(" + of(buildMetric, s...) + ") or vector(0)", ""}).still(),
		figure("Last complete read", "How long ago all that was stored was counted. TracesloSourceStale fires above rules.source_stale_after, 5 minutes by default.",
			seconds, 4, steps(green, step{60, orange}, step{300, red}), query{s.age(completeMetric), ""}),
		figure("Not counted yet", "Spans that were stored and not counted at the last look, at most.", count, 4, steps(blue), query{s.together(backlogMetric), ""}),
		figure("Catching up", "yes until the first complete read, and if the last step failed, left spans unread or found a shard out of reach.",
			plain, 3, steps(green, step{1, orange}), query{s.worst(slo.CatchingUpMetric), ""}).still().mapped(words(word{"1", "yes", orange}, no)),
		figure("Source silent", "yes if all is read and no service sent a span for source.silence: nothing is measured then.",
			plain, 3, alarm(), query{s.worst(silentMetric), ""}).still().mapped(words(word{"1", "yes", red}, no)),
		figure("Configuration taken", "no if the configuration was refused when it was last read, and the one before runs on.",
			plain, 3, steps(red, step{1, green}), query{"min(" + of(reloadMetric, s...) + ")", ""}).still().mapped(words(yes, word{"0", "no", red})),
		figure("Objectives measured up to", "How long ago the time is up to which the objective that is furthest behind is measured.",
			seconds, 4, steps(green, step{120, orange}, step{600, red}), query{s.worst(slo.UnmeasuredSeconds), ""}))
}

func (s scope) delay(b *board) {
	late := func(q string) string {
		return quantile(q, s.rate(latenessMetric+"_bucket", "le"))
	}
	b.row("How far behind is it?", 8,
		graph("Freshness", "How long ago all that was stored was counted.", seconds, 8, query{"time() - (" + of(completeMetric, s...) + " > 0)", "{{instance}}"}).
			bounded(steps(green, step{300, red})),
		graph("Backlog", "Spans that were stored and not counted at the last look, at most.", count, 8, query{of(backlogMetric, s...), "{{instance}}"}),
		graph("Lateness", "From the end of a span to its reading: what lies between is the services' and Jaeger's delay, and the poll interval.", seconds, 8,
			query{late("0.5"), "p50"}, query{late("0.95"), "p95"}, query{late("0.99"), "p99"}).painted(sky, blue, purple),
		graph("Spans read", "Spans read and committed in a second, and those of them that were stored before and not counted again.", spansRate, 8,
			query{s.rate(readMetric), "read"}, query{s.rate(duplicatesMetric), "duplicates"}, query{s.rate(earlyMetric), "before the start"}).painted(blue, orange, grey),
		graph("Time to catch up", "How long the catching up that goes on will take by its rate of late; nothing while it comes no nearer to its end, which TracesloFallingBehind tells.", seconds, 8,
			query{of(remainingMetric, s...) + " < Inf", "{{instance}}"}),
		graph("Steps", "Steps of the read loop in a second: complete, partial (there is more to read, or a shard is out of reach) or error.", spansRate, 8,
			query{s.rate(pollsMetric, "result"), "{{result}}"}).override(override("complete", colored(green)), override("partial", colored(orange)), override("error", colored(red))))
}

func (s scope) gaps(b *board) {
	b.row("What could it not count?", 8,
		graph("Errors", "Errors of reading and committing in a second, by kind. After each the step is tried again, and nothing is lost.", spansRate, 8, query{s.rate(failuresMetric, "kind"), "{{kind}}"}),
		graph("Unreadable documents", "Stored documents in a second that are not understood, by reason.", spansRate, 8, query{s.rate(unreadableMetric, "reason"), "{{reason}}"}),
		graph("Over a limit", "Spans in a second that met a limit of sli.limits and are counted under _other, by service and limit.", spansRate, 8,
			query{s.rate(overflowMetric, slo.ServiceLabel, "limit"), "{{service}}: {{limit}}"}),
		figure("Spans lost", "Spans in the time shown that can never be counted, as far as the look before told of them: their index was deleted, or its history is another.",
			count, 6, alarm(), query{s.grown(lostMetric, "reason"), "{{reason}}"}).still(),
		figure("Gaps", "Shards or indices, in the time shown, of which a part can never be counted.", count, 6, alarm(), query{s.grown(gapsMetric, "reason"), "{{reason}}"}).still(),
		figure("Not placed", "Spans in the time shown that ended in no minute that the ledger keeps: more than an hour ahead, or older than slo_retention.",
			count, 6, steps(green, step{1, orange}), query{s.grown(unplacedMetric, "reason"), "{{reason}}"}).still(),
		figure("Begun anew", "In the time shown: uncommitted counts dropped and read again, objectives whose SLI was changed, changes of buckets or dimensions.",
			count, 6, steps(blue), query{s.grown(discardsMetric), "counts"}, query{s.grown(restartsMetric), "objectives"}, query{s.grown(changesMetric), "series"}).still())
}

func (s scope) room(b *board) {
	b.row("Does it have room?", 8,
		graph("Limits", "How much of each limit of sli.limits is taken; of one per service or dimension, by the one that takes most. What is over goes to _other; with more spans than deduplicate_spans, it remembers a shorter time.",
			ratio, 12, query{lines("max by (limit) ("+of(limitUsedMetric, s...)+")", "/", "max by (limit) ("+of(limitMetric, s...)+")"), "{{limit}}"}).
			bounded(steps(green, step{0.8, orange}, step{1, red})),
		graph("Ended before their time, or for want of counts", "In a second: label sets that ended after sli.expire, and parts of the dedup window that were forgotten early.", spansRate, 12,
			query{s.rate(expiredMetric), "expired"}, query{s.rate(shortenedMetric), "dedup window"}).painted(blue, orange))
}

func (s scope) cost(b *board) {
	// Among all processes that are scraped, those that are a traceslo.
	ours := func(expr string) string { return lines(expr, "and on (job, instance)", of(buildMetric, s...)) }
	asked := s.rate(requestTime+"_count", operationLabel)
	b.row("What does it cost the cluster, and this machine?", 8,
		graph("Requests to the cluster", "Requests in a second, by operation and status. The demo asks no cluster.", perSecond, 8, query{s.rate(requestsMetric, operationLabel, "status"), "{{operation}}: {{status}}"}),
		graph("p95 of requests", "The 95th percentile of the time from a request to its whole answer, by operation; 0 without any.", seconds, 8,
			query{lines("("+quantile("0.95", s.rate(requestTime+"_bucket", operationLabel, "le"))+" >= 0)", "or", "0 * "+asked), "{{operation}}"}),
		graph("p95 of commits", "The 95th percentile of the time to make counts and positions durable.", seconds, 8,
			query{quantile("0.95", s.rate(commitTime+"_bucket", instanceVariable, "le")), "{{instance}}"}),
		graph("Memory", "What the process has in memory.", bytesUnit, 8, query{ours(of(memoryMetric, s...)), "{{instance}}"}),
		graph("CPU", "Cores that the process keeps busy.", plain, 8, query{ours("rate(" + over(of(cpuMetric, s...), rateInterval) + ")"), "{{instance}}"}),
		graph("Indices", "Indices at the last look, by what is done with them.", count, 8, query{"max by (state) (" + of(indicesMetric, s...) + ")", "{{state}}"}),
		grid("Versions", "What runs where, since when its configuration is in effect, and up to when the windows of objectives reach.", 24, []string{"instance"}, []column{
			{title: "Configuration taken", unit: whenUnit, expr: "1000 * max by (instance) (" + of(reloadedMetric, s...) + ")"},
			{title: "Windows reach up to", unit: whenUnit, expr: "1000 * max by (instance) (" + of(clockMetric, s...) + ")"},
			{title: "Goroutines", unit: count, expr: wrap("max by (instance)", ours(of(goroutinesMetric, s...)))},
			{title: "Build", expr: "max by (instance, version, revision, goversion) (" + of(buildMetric, s...) + ")", hidden: true},
		}, ascending("instance")))
}
