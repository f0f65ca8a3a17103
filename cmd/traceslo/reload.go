package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/web"
)

// reloadMetrics say how the last reading of the configuration ended.
type reloadMetrics struct {
	successful, timestamp prometheus.Gauge
}

func newReloadMetrics(registry *prometheus.Registry) reloadMetrics {
	m := reloadMetrics{
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "traceslo_config_last_reload_successful",
			Help: "1 if the configuration was taken when it was last read, 0 if it was refused and the one before it runs on.",
		}),
		timestamp: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "traceslo_config_last_reload_success_timestamp_seconds",
			Help: "Unix time at which a configuration was last taken.",
		}),
	}
	registry.MustRegister(m.successful, m.timestamp)
	return m
}

func (m reloadMetrics) accepted() {
	m.successful.Set(1)
	m.timestamp.SetToCurrentTime()
}

// errRefused is what whoever asked for a reload is told besides the faults.
var errRefused = errors.New("the new configuration is refused, the old one runs on")

// reload asks the reading goroutine to take the configuration as it is now,
// and waits until it did. The error says why it is refused; it is logged already.
func (d *daemon) reload(ctx context.Context) error {
	reply := make(chan error, 1)
	select {
	case d.reloads <- reply:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// prepare makes everything of the configuration as it is now that can be made
// while the old one is at work.
func (d *daemon) prepare() (*loaded, *input, error) {
	cfg, err := d.load()
	if err != nil {
		return nil, nil, err
	}
	in, err := d.open(cfg)
	return cfg, in, err
}

// refuse logs why a new configuration is not taken, a line a fault, keeps it for
// the page, and returns what to tell who asked for it.
func (d *daemon) refuse(err error) error {
	d.reloaded.successful.Set(0)
	refusal := &web.Refusal{At: time.Now()}
	problems, ok := errors.AsType[config.Errors](err)
	if !ok {
		d.log.Error().Err(err).Msg("new configuration refused, the old one runs on")
		refusal.Faults = []string{err.Error()}
	}
	for _, p := range problems {
		d.log.Error().Stringer("fault", p).Msg("new configuration refused, the old one runs on")
		refusal.Faults = append(refusal.Faults, p.String())
	}
	d.refused.Store(refusal)
	return fmt.Errorf("%w:\n%w", errRefused, err)
}

func (d *daemon) accept(cfg *loaded) {
	d.reloaded.accepted()
	d.refused.Store(nil)
	d.warn(cfg)
	d.log.Info().Msg("new configuration taken")
}

// warn logs what is allowed in a configuration and probably not meant.
func (d *daemon) warn(cfg *loaded) {
	for _, p := range cfg.document.Warnings() {
		d.log.Warn().Stringer("warning", p).Msg("the configuration is probably not what is meant")
	}
}
