package slo

import (
	"fmt"
	"time"

	"github.com/traceslo/traceslo/internal/config"
)

// validate notes what is wrong with w and tells whether its length can be relied on.
func (w Window) validate(r report, retention time.Duration) bool {
	days, known := longest[w.Calendar]
	switch {
	case w.Rolling == 0 && w.Calendar == "":
		r.fault("", "there is no window", "write for example 30d, or {calendar: month, time_zone: Europe/Madrid}")
		return false
	case w.Rolling != 0 && w.Calendar != "":
		r.fault("", "rolling and calendar are two windows", "keep one of them; the other may be an objective of its own")
		return false
	case w.Calendar != "" && !known:
		r.fault("calendar", fmt.Sprintf("%q is not a calendar period", string(w.Calendar)), "write week, month, quarter or year")
		return false
	case w.Calendar != "":
		// A day more, for clocks that are put back.
		if needed := time.Duration(days+1) * day; retention > 0 && retention < needed {
			r.fault("", fmt.Sprintf("a %s is longer than slo_retention, %s", w.Calendar, config.FormatDuration(retention)),
				"write a shorter window, or slo_retention: "+config.FormatDuration(needed))
		}
		return true
	}
	if problem, cure := wholeMinutes(w.Rolling); problem != "" {
		r.fault("", problem, cure)
		return false
	}
	if w.TimeZone != (Zone{}) {
		r.fault("time_zone", "a rolling window is the same in every zone", "leave it out, or write calendar in place of rolling")
	}
	if retention > 0 && retention < w.Rolling {
		r.fault("", fmt.Sprintf("%s is longer than slo_retention, %s", w, config.FormatDuration(retention)),
			"write a shorter window, or slo_retention: "+w.String())
	}
	return true
}
