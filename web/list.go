package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Objectives are those that a filter lets through, those in trouble first.
type Objectives struct {
	MeasuredUntil *time.Time `json:"measured_until"`
	// Total is how many there are, Matching how many the filter lets through.
	Total    int `json:"total"`
	Matching int `json:"matching"`
	// Page is which of Pages pages this is, from 1.
	Page       int         `json:"page"`
	Pages      int         `json:"pages"`
	Objectives []Objective `json:"objectives"`
}

// perPage is how many objectives a page has.
const perPage = 200

// A filter chooses objectives. The zero value chooses all.
type filter struct {
	// Service is a whole name; Label is a key, or key=value; Text is part of a
	// name, a service or a description.
	Service, Label, Text string
	State                State
}

// maxFilter bounds what is looked for.
const maxFilter = 300

// readFilter reads a filter and a page from the parameters of a request.
func readFilter(r *http.Request) (f filter, page int, err error) {
	query, err := parameters(r, "service", "label", "q", "state", "page")
	if err != nil {
		return f, 0, err
	}
	f = filter{Service: query.Get("service"), Label: query.Get("label"), Text: strings.TrimSpace(query.Get("q")), State: State(query.Get("state"))}
	if f.State != "" && f.State != troubles && !slices.Contains(states, f.State) {
		return f, 0, problem(badRequest, "the parameter state=%s is none; choose trouble or one of %s", shown(string(f.State)), wordsOf(states))
	}
	page = 1
	if query.Has("page") {
		text := query.Get("page")
		if page, err = strconv.Atoi(text); err != nil || page < 1 {
			return f, 0, problem(badRequest, "the parameter page=%s is no page; write a number from 1 on", shown(text))
		}
	}
	return f, page, nil
}

// troubles is the word by which the parameter state asks for all that are in trouble.
const troubles State = "trouble"

// parameters returns the parameters of a request, each at most once and of a
// bounded length. Those that nobody knows are refused: a mistyped filter would
// let everything through.
func parameters(r *http.Request, known ...string) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problem(badRequest, "the query is not understood; escape what stands in it")
	}
	for name, values := range query {
		switch {
		case !slices.Contains(known, name):
			if len(known) == 0 {
				return nil, problem(badRequest, "there is no parameter %s; this takes none", shown(name))
			}
			return nil, problem(badRequest, "there is no parameter %s; there are %s", shown(name), strings.Join(known, ", "))
		case len(values) > 1:
			return nil, problem(badRequest, "the parameter %s is given %d times; give it once", name, len(values))
		case len(values[0]) > maxFilter:
			return nil, problem(badRequest, "the parameter %s has %d bytes; write at most %d", name, len(values[0]), maxFilter)
		}
	}
	return query, nil
}

func (f filter) matches(o *Objective) bool {
	if f.Service != "" && o.Service != f.Service || f.State == troubles && !o.Trouble || f.State != "" && f.State != troubles && o.State != f.State {
		return false
	}
	if f.Label != "" {
		key, value, exact := strings.Cut(f.Label, "=")
		if got, ok := o.Labels[key]; !ok || exact && got != value {
			return false
		}
	}
	if f.Text == "" {
		return true
	}
	text := strings.ToLower(f.Text)
	return slices.ContainsFunc([]string{o.SLO, o.Service, o.Description}, func(s string) bool { return strings.Contains(strings.ToLower(s), text) })
}

// choose returns a page of those objectives that the filter lets through.
func (f filter) choose(all []Objective, upto time.Time, page int) (Objectives, error) {
	out := Objectives{MeasuredUntil: known(upto), Total: len(all), Page: page, Objectives: []Objective{}}
	for i := range all {
		if f.matches(&all[i]) {
			if out.Matching/perPage == page-1 {
				out.Objectives = append(out.Objectives, all[i])
			}
			out.Matching++
		}
	}
	out.Pages = max(1, (out.Matching+perPage-1)/perPage)
	if page > out.Pages {
		return out, problem(badRequest, "the parameter page=%d is beyond the last, which is %d", page, out.Pages)
	}
	return out, nil
}

// objectives answers which objectives there are.
func (s *Server) objectives(r *http.Request) (any, error) {
	running := s.Running()
	if running == nil {
		return nil, errNotReady
	}
	f, page, err := readFilter(r)
	if err != nil {
		return nil, err
	}
	all, upto := s.all(running, s.Now())
	return f.choose(all, upto, page)
}

// wordsOf lists words for people.
func wordsOf[W ~string](words []W) string {
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	return strings.Join(all, ", ")
}

// link returns the query by which the filter is asked for again, with another page.
func (f filter) link(page int) string {
	query := url.Values{}
	for name, value := range map[string]string{"service": f.Service, "label": f.Label, "q": f.Text, "state": string(f.State)} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if page > 1 {
		query.Set("page", fmt.Sprint(page))
	}
	return "?" + query.Encode()
}
