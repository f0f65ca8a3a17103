package footanalytics

import (
	"context"
	"strconv"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// Documents hands the spans of r to each, in the order in which Read hands
// them out, with all that Jaeger stores of a span. The document is only valid
// until each returns; its error ends the reading and is returned as it is.
func (s *Source) Documents(ctx context.Context, r source.Range, each func(*jaeger.Document) error) error {
	if err := s.owns(r); err != nil {
		return err
	}
	w := s.walker()
	defer s.release(w)
	var d jaeger.Document
	return w.walk(s.from(r), r.Upto, func(_ int64, ended []record) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := range ended {
			ended[i].document(&d)
			if err := each(&d); err != nil {
				return err
			}
		}
		return nil
	})
}

// sampled is the flag that every stored span has.
const sampled = 1

// document makes the form that Jaeger stores, in the memory of d.
func (r *record) document(d *jaeger.Document) {
	*d = jaeger.Document{
		TraceID:     traceID(r),
		SpanID:      r.id,
		Parent:      r.parent,
		Flags:       sampled,
		Operation:   r.op.name,
		Start:       r.start,
		Duration:    r.duration,
		Service:     services[r.op.service].name,
		Tags:        d.Tags[:0],
		ProcessTags: d.ProcessTags[:0],
		Logs:        d.Logs[:0],
	}
	for i := range r.op.attributes {
		a := &r.op.attributes[i]
		text := a.text(r)
		if text == "" {
			continue
		}
		tag := a.tag(text)
		if a.process {
			d.ProcessTags = append(d.ProcessTags, tag)
		} else {
			d.Tags = append(d.Tags, tag)
		}
	}
	if r.tells().exception {
		f := &failures[r.failure]
		d.Logs = append(d.Logs, jaeger.Exception(r.start+r.duration, f.exception, f.message, stack(r.op, f)))
	}
}

// tag returns a's tag with the value that text tells.
func (a *attribute) tag(text string) jaeger.Tag {
	switch a.typ {
	case number:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			panic(err) // made by strconv.Itoa
		}
		return jaeger.Int(a.key, n)
	case truth:
		return jaeger.Bool(a.key, text == "true")
	}
	return jaeger.String(a.key, text)
}

// stack returns a stack trace in the manner of the service's language.
func stack(o *operation, f *failure) string {
	if services[o.service].language == "python" {
		return "Traceback (most recent call last):\n  File \"/srv/app/handlers.py\", line 118, in " + o.name + "\n" + f.exception + ": " + f.message
	}
	return f.exception + ": " + f.message + "\n    at " + o.name + " (/srv/app/dist/handlers.js:118:23)"
}
