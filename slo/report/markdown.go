package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/traceslo/traceslo/internal/harmless"
)

// A markdown is a text of GitHub's dialect that grows.
type markdown struct{ strings.Builder }

func (m *markdown) f(format string, args ...any) { fmt.Fprintf(m, format, args...) }

// row appends a row of a table.
func (m *markdown) row(cells ...string) { m.f("| %s |\n", strings.Join(cells, " | ")) }

// head appends the head of a table. Columns whose name begins with a hash have
// numbers.
func (m *markdown) head(names ...string) {
	lines := make([]string, len(names))
	for i, name := range names {
		name, numbers := strings.CutPrefix(name, "#")
		names[i], lines[i] = name, "---"
		if numbers {
			lines[i] = "---:"
		}
	}
	m.row(names...)
	m.f("|%s|\n", strings.Join(lines, "|"))
}

// prose escapes what Markdown would take for more than text. It may stand
// anywhere, also in a table.
func prose(text string) string {
	var b strings.Builder
	for _, r := range harmless.Text(text) {
		if strings.ContainsRune("\\`*_{}[]()<>#+!|~&@:$^=", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	// Text at the beginning of a line may look like a list or a rule, and www is a link.
	escaped := strings.ReplaceAll(b.String(), "www.", `www\.`)
	if rest := strings.TrimLeft(escaped, "0123456789"); strings.HasPrefix(escaped, "-") || rest != escaped && strings.HasPrefix(rest, ".") {
		escaped = escaped[:len(escaped)-len(rest)] + `\` + rest
	}
	return escaped
}

// code writes a name that spans brought as code, in which there is neither
// markup, nor a link, nor anybody mentioned.
func code(text string) string {
	text = strings.ReplaceAll(harmless.Text(text), "|", `\|`)
	if strings.Trim(text, " ") == "" {
		return "(empty)"
	}
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}

// writeMarkdown writes the report for a wiki or a pull request.
func (r *Report) writeMarkdown(w io.Writer) error {
	m := &markdown{}
	m.f("# SLO review %s\n\n%s, by the clocks of %s. Made %s by traceslo.\n", prose(r.Period.Name), span(r.Period.From, r.Period.To), r.Period.Zone, when(r.Made))
	for _, note := range r.Notes {
		m.f("\n> %s\n", prose(note))
	}
	if known := r.known(); known != "" {
		m.f("\n> %s\n", known)
	}
	m.f("\n## All objectives\n\n%s Those in most trouble come first.\n", r.summary())
	if len(r.Objectives) > 0 {
		m.WriteString("\n")
		m.head("Objective", "Service", "State", "#Promised", "#Achieved", "#Events", "#Bad", "#Budget left", "#Coverage", "#Before", "#Incidents (page)")
		for _, o := range r.Objectives {
			m.row(code(o.SLO), code(o.Service), marks[o.Verdict.State]+" "+o.Verdict.State.String(), o.Target.String(), o.Achieved,
				count(o.Events), count(o.Bad), percent(o.Budget.Left), percent(o.Coverage.Ratio), percent(o.Before.Budget.Left), o.incidentsWords())
		}
	}
	for i := range r.Objectives {
		m.objective(r, &r.Objectives[i])
	}
	m.WriteString("\n## Glossary\n\n")
	for _, t := range glossary {
		m.f("- **%s**: %s\n", t.Term, t.Meaning)
	}
	_, err := io.WriteString(w, m.String())
	return err
}

func (m *markdown) objective(r *Report, o *Objective) {
	m.f("\n## %s", code(o.SLO))
	if o.Service != "" {
		m.f(" of %s", code(o.Service))
	}
	m.WriteString("\n\n")
	if o.Description != "" {
		m.f("%s\n\n", prose(o.Description))
	}
	m.f("**%s %s.** %s\n\n", marks[o.Verdict.State], o.Verdict.State, prose(o.Verdict.Text))
	m.f("- Promised: %s\n", o.promise())
	if o.Events > 0 {
		m.f("- Achieved: %s good: %s bad of %s events\n- Error budget: %s\n- Burn-down: `%s`\n", o.Achieved, count(o.Bad), count(o.Events), o.spentWords(), o.blocks())
	}
	m.f("- Compared with %s: %s\n- Coverage: %s\n", prose(r.Previous.Name), o.change(), o.Coverage.words())
	for _, key := range slices.Sorted(maps.Keys(o.Labels)) {
		m.f("- Label %s: %s\n", code(key), code(o.Labels[key]))
	}
	if o.Events > 0 || len(o.Incidents) > 0 {
		m.incidents(o)
	}
	if o.Bad > 0 {
		m.stretches("Worst days", "Day", o.WorstDays, dayWords)
		m.stretches("Worst hours", "Hour", o.WorstHours, func(s Stretch) string { return span(s.From, s.To) })
	}
	m.culprits(r, o)
	m.exclusions(o)
}

func (m *markdown) incidents(o *Objective) {
	if len(o.Incidents) == 0 {
		m.WriteString("\nNo incident: no tier was exceeded.\n")
		return
	}
	m.WriteString("\n### Incidents\n\n")
	m.head("When", "#Bad events", "#Of the budget", "Tiers exceeded")
	shown, rest := worstIncidents(o.Incidents)
	for _, i := range shown {
		at := span(i.From, i.To)
		if note := i.note(); note != "" {
			at += " (" + note + ")"
		}
		var tiers []string
		for _, t := range i.Tiers {
			tiers = append(tiers, t.words())
		}
		m.row(at, count(i.Bad), share(i.Share), strings.Join(tiers, "; "))
	}
	if rest > 0 {
		m.f("\n%d more, which burnt less, are left out here.\n", rest)
	}
}

func (m *markdown) stretches(title, name string, all []Stretch, words func(Stretch) string) {
	m.f("\n### %s\n\n", title)
	m.head(name, "#Bad events", "#Good", "#Of the budget")
	for _, s := range all {
		m.row(words(s), count(s.Bad), s.Achieved, share(s.Share))
	}
}

func (m *markdown) culprits(r *Report, o *Objective) {
	c := o.Culprits
	if c.Bad == 0 {
		return
	}
	m.WriteString("\n### Culprits\n\n")
	m.head("Service", "Operation", "Error type", "Dimensions", "#Bad events", "#Share")
	for _, t := range c.Top {
		failure := "did not fail"
		if t.ErrorType != "" {
			failure = code(t.ErrorType)
		}
		var dimensions []string
		for _, d := range t.Dimensions {
			dimensions = append(dimensions, code(d.Label+"="+d.Value))
		}
		m.row(code(t.Service), code(t.Operation), failure, strings.Join(dimensions, " "), t.count(), share(t.Share))
	}
	if c.Rest > 0 {
		m.f("\n%s more bad events had other culprits.\n", count(c.Rest))
	}
	if note := o.daysNote(r.Period); note != "" {
		m.f("\n%s\n", note)
	}
}

func (m *markdown) exclusions(o *Objective) {
	if len(o.Exclusions) == 0 {
		return
	}
	m.WriteString("\n### Exclusions\n\n")
	m.head("Reason", "When", "#Times", "#In all")
	for _, x := range o.Exclusions {
		at := prose(x.Schedule)
		if at == "" {
			at = span(x.Times[0].From, x.Times[0].To)
		}
		m.row(prose(x.Reason), at, count(x.Count), minutesLong(x.Minutes))
	}
}

// blocks draws the burn-down in a line of text: a block as high as what is left,
// a cross where nothing is, a dot where it is not known.
func (o *Objective) blocks() string {
	const width = 32
	levels := []rune("▁▂▃▄▅▆▇█")
	var line []rune
	for i := range min(width, len(o.Series)) {
		left := o.Series[(i+1)*len(o.Series)/min(width, len(o.Series))-1].Left
		switch {
		case left == nil:
			line = append(line, '·')
		case *left <= 0:
			line = append(line, '×')
		default:
			line = append(line, levels[min(len(levels)-1, int(*left*float64(len(levels))))])
		}
	}
	return string(line)
}
