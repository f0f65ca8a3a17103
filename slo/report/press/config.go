package press

import (
	"slices"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
)

// Config is one report of the section reports of the configuration.
type Config struct {
	// Name is the report's, unique: up to 60 letters, digits and "-". Its files begin with it.
	Name string `yaml:"name"`
	// Schedule says when it is printed: a cron expression of five fields.
	Schedule slo.Schedule `yaml:"schedule"`
	// TimeZone is the IANA zone of Schedule, and that in which the days of the
	// report begin. Default: time_zone of the section report.
	TimeZone *slo.Zone `yaml:"time_zone"`
	// Period is what the report is about, seen from when it is due: last-week,
	// this-month, 30d and so on, as `traceslo report --period` takes it.
	Period string `yaml:"period"`
	// Formats are how it is written, a file each. Default: html.
	Formats []report.Format `yaml:"formats"`
	// Folder is the absolute path of the folder that its files are written into;
	// made if it is missing.
	Folder string `yaml:"folder"`
	// Keep is how many runs are kept, 0 for all. Default: 0.
	Keep int `yaml:"keep"`
	// KeepFor is for how long a run is kept, 0 for ever. The latest always is. Default: 0.
	KeepFor time.Duration `yaml:"keep_for"`
	// SLOs are the names of the objectives that it tells of. Default: all.
	SLOs []string `yaml:"slos"`
	// Wait is for how long the report waits for spans of its period that are not
	// read yet, from 1m to 7d. Default: 1h.
	Wait time.Duration `yaml:"wait"`
	// Webhook is where it is sent. Default: nowhere.
	Webhook *Webhook `yaml:"webhook"`
}

// A Webhook is where a report is sent once it is printed.
type Webhook struct {
	// URL is what is posted to. It is kept secret, as it often holds a token.
	URL config.Secret `yaml:"url"`
	// Format is what is sent, one of the report's formats. Default: the first.
	Format report.Format `yaml:"format"`
	// Secret signs what is sent. Conflicts: secret_file.
	Secret config.Secret `yaml:"secret"`
	// SecretFile is the absolute path of a file that holds it; one line end after
	// it is left out. It is read at each attempt.
	SecretFile string `yaml:"secret_file"`
	// CAFile is the absolute path of the certificates to trust, in PEM, read at
	// each attempt. Default: those of the system.
	CAFile string `yaml:"ca_file"`
	// Timeout bounds an attempt, from 1s to 5m. Default: 30s.
	Timeout time.Duration `yaml:"timeout"`
	// Attempts is how often sending is tried, 1 to 100. Default: 10.
	Attempts int `yaml:"attempts"`
}

const (
	defaultWait     = time.Hour
	defaultTimeout  = 30 * time.Second
	defaultAttempts = 10
)

// zone returns the zone of c, fallback if it has none.
func (c Config) zone(fallback slo.Zone) slo.Zone {
	if c.TimeZone == nil {
		return fallback
	}
	return *c.TimeZone
}

// Filled returns reports with defaults for what they leave out. zone is that of
// the section report.
func Filled(reports []Config, zone slo.Zone) []Config {
	filled := slices.Clone(reports)
	for i := range filled {
		filled[i] = filled[i].filled(zone)
	}
	return filled
}

// filled returns c with defaults for what it leaves out.
func (c Config) filled(zone slo.Zone) Config {
	zone = c.zone(zone)
	c.TimeZone = &zone
	if len(c.Formats) == 0 {
		c.Formats = report.Formats()[:1]
	}
	if c.Wait == 0 {
		c.Wait = defaultWait
	}
	if c.Webhook != nil {
		hook := *c.Webhook
		if hook.Format == "" {
			hook.Format = c.Formats[0]
		}
		if hook.Timeout == 0 {
			hook.Timeout = defaultTimeout
		}
		if hook.Attempts == 0 {
			hook.Attempts = defaultAttempts
		}
		c.Webhook = &hook
	}
	return c
}
