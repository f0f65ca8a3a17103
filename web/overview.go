package web

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"time"
)

// A row is an objective in a table.
type row struct {
	Objective
	Spark template.HTML
}

// overview is what the page of all objectives shows.
type overview struct {
	Objectives
	// Name is that of the objectives that alone are shown, "" for all.
	Name   string
	Filter filter
	Rows   []row
	// Services, Labels and States are what can be filtered by.
	Services, Labels []string
	States           []State
	// Troubles is how many of all objectives are in trouble.
	Troubles     int
	Before, Next string
	Filtered     bool
}

// maxOptions bounds how many services or labels are offered to choose from.
const maxOptions = 500

func (s *Server) overviewPage(r *http.Request) (*view, error) {
	running := s.Running()
	if running == nil {
		return &view{title: "Objectives", template: "loading", at: "objectives"}, nil
	}
	f, page, err := readFilter(r)
	if err != nil {
		return nil, err
	}
	all, upto := s.all(running, s.Now())
	return s.overviewOf(running, all, upto, "", f, page)
}

func (s *Server) overviewOf(running *Running, all []Objective, upto time.Time, name string, f filter, page int) (*view, error) {
	chosen, err := f.choose(all, upto, page)
	if err != nil {
		return nil, err
	}
	o := overview{Objectives: chosen, Name: name, Filter: f, States: append([]State{troubles}, states...), Filtered: f != filter{}}
	services, labels := map[string]bool{}, map[string]bool{}
	for i := range all {
		services[all[i].Service] = true
		for key, value := range all[i].Labels {
			labels[key+"="+value] = true
		}
		if all[i].Trouble {
			o.Troubles++
		}
	}
	o.Services, o.Labels = options(services, f.Service), options(labels, f.Label)
	for _, objective := range chosen.Objectives {
		o.Rows = append(o.Rows, row{Objective: objective})
	}
	if err := s.draw(running, o.Rows); err != nil {
		return nil, err
	}
	if page > 1 {
		o.Before = f.link(page - 1)
	}
	if page < chosen.Pages {
		o.Next = f.link(page + 1)
	}
	title := "Objectives"
	if name != "" {
		title = name
	}
	return &view{title: title, template: "overview", at: "objectives", data: o}, nil
}

// options returns what can be chosen, sorted, with what is chosen.
func options(set map[string]bool, chosen string) []string {
	var all []string
	for option := range set {
		all = append(all, option)
	}
	slices.Sort(all)
	all = all[:min(len(all), maxOptions)]
	if chosen != "" && !slices.Contains(all, chosen) {
		all = append(all, chosen)
	}
	return all
}

// budgetBar draws what is left of a budget: nothing of it if it is overspent.
func budgetBar(left *float64) template.HTML {
	if left == nil {
		return ""
	}
	class := "left"
	if cmp.Less(*left, lowBudget) {
		class = "left low"
	}
	//nolint:gosec // of numbers and words of ours
	return template.HTML(fmt.Sprintf(`<svg class="budget" aria-hidden="true"><rect class="plot-track" width="100%%" height="100%%"/><rect class="%s" width="%.1f%%" height="100%%"/></svg>`,
		class, 100*min(1, max(0, *left))))
}

// lowBudget is what a bar is drawn in another colour below.
const lowBudget = 0.1
