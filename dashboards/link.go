package dashboards

import (
	"net/url"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// What stands in links for the value of a label: in a row of a table, and of a
// line. Grafana escapes it as a part of a URL
// (https://grafana.com/docs/grafana/latest/panels-visualizations/configure-data-links/).
func cell(label string) string   { return "${__data.fields." + label + ":percentencode}" }
func inLine(label string) string { return "${__field.labels." + label + ":percentencode}" }
func chosen(name string) string  { return "${" + name + ":percentencode}" }

// boardLinks lead from each board to the others, to traceslo's page and to Jaeger.
func (m *maker) boardLinks() []dashboard.DashboardLink {
	links := []dashboard.DashboardLink{{Title: "Boards", Type: dashboard.DashboardLinkTypeDashboards, Icon: "external link",
		Tooltip: "The other boards of traceslo", Tags: []string{tag}, AsDropdown: true, IncludeVars: true, KeepTime: true}}
	for _, page := range []struct{ title, tooltip, url string }{
		{"traceslo", "The state of the daemon and of its objectives, from the ledger itself", m.links.Status},
		{"Jaeger", "The traces", m.links.Jaeger},
	} {
		if page.url != "" {
			links = append(links, outward(page.title, page.tooltip, base(page.url)+"/"))
		}
	}
	return links
}

// outward leads to a page that opens beside the board.
func outward(title, tooltip, target string) dashboard.DashboardLink {
	return dashboard.DashboardLink{Title: title, Type: dashboard.DashboardLinkTypeLink, Icon: "external link", Tooltip: tooltip, Url: &target, Tags: []string{}, TargetBlank: true}
}

// toBoard leads to a board, for the same time and the same Prometheus. Pairs are
// variables and what stands for their values.
func toBoard(title, uid string, pairs ...string) dashboard.DashboardLink {
	to := "/d/" + uid + "?${" + datasourceVariable + ":queryparam}"
	for i := 0; i < len(pairs); i += 2 {
		to += "&var-" + pairs[i] + "=" + pairs[i+1]
	}
	link := outward(title, "", to+"&${__url_time_range}")
	link.TargetBlank = false
	return link
}

// toTraces leads to Jaeger's search within what the board shows. Its times are
// in microseconds, Grafana's in milliseconds. operation is "" for any.
func (m *maker) toTraces(title, service, operation string, failed bool) []dashboard.DashboardLink {
	if m.links.Jaeger == "" {
		return nil
	}
	search := base(m.links.Jaeger) + "/search?service=" + service
	if operation != "" {
		search += "&operation=" + operation
	}
	if failed {
		search += "&tags=" + url.QueryEscape(`{"error":"true"}`)
	}
	return []dashboard.DashboardLink{outward(title, "", search+"&limit=20&lookback=custom&start=${__from}000&end=${__to}000")}
}

// toPage leads to an objective on traceslo's own page.
func (m *maker) toPage(objective, service string) []dashboard.DashboardLink {
	if m.links.Status == "" {
		return nil
	}
	return []dashboard.DashboardLink{outward("What burnt the budget: traceslo's page", "", base(m.links.Status)+"/slo/"+objective+"?service="+service)}
}

// base returns a URL that a path can be put after, in which Grafana sees no
// variable.
func base(link string) string {
	return strings.NewReplacer("$", "%24", "[[", "[%5B").Replace(strings.TrimSuffix(link, "/"))
}
