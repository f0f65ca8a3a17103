package slo

import "github.com/robfig/cron/v3"

// A Schedule is a cron expression of five fields: minute, hour, day of the
// month, month, day of the week.
type Schedule struct {
	text string
	spec cron.Schedule
}

// String returns the expression as it was written.
func (s Schedule) String() string { return s.text }
