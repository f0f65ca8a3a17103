package press

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// maxPending is how many runs of a report wait to be sent at most; the oldest
// are given up for further ones.
const maxPending = 20

// deliver sends what is to be sent of a report, one run after the other, and
// stops at the first that is not taken. That a try begins is durable before it
// does, so that not even a daemon that is killed again and again tries more often
// than it may; that a run was taken is durable after it was, so that one can
// come twice.
func (p *Press) deliver(ctx context.Context, j *job, now time.Time) error {
	for len(p.records[j.Name].Deliveries) > 0 {
		d := p.records[j.Name].Deliveries[0]
		if j.Webhook == nil || d.Attempts >= j.Webhook.Attempts {
			if err := p.settle(j, givenUp); err != nil {
				return err
			}
			if j.Webhook == nil {
				continue
			}
			return fmt.Errorf("send the report %q: it is not sent any more after %d attempts", d.Run, d.Attempts)
		}
		if waits(time.UnixMilli(d.Next), now) {
			return nil
		}
		if err := p.change(j.Name, func(r *record) {
			first := &r.Deliveries[0]
			first.Attempts++
			first.Next = now.Add(backOff(first.Attempts)).UnixMilli()
		}); err != nil {
			p.Metrics.failed(j.Name, reasonState)
			return err
		}
		d.Attempts++
		why, err := p.send(ctx, j, d)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			p.Metrics.failed(j.Name, why)
			return fmt.Errorf("send the report %q, attempt %d of %d: %w", d.Run, d.Attempts, j.Webhook.Attempts, err)
		}
		if err := p.settle(j, delivered); err != nil {
			p.Metrics.failed(j.Name, reasonState)
			return err
		}
		p.Log.Info().Str("report", d.Run).Int("attempts", d.Attempts).Msg("sent a report")
	}
	return nil
}

// settle takes the first run of those to be sent away.
func (p *Press) settle(j *job, result string) error {
	err := p.change(j.Name, func(r *record) { r.Deliveries = r.Deliveries[1:] })
	if err == nil {
		p.Metrics.deliveries.WithLabelValues(j.Name, result).Inc()
	}
	return err
}

// send sends a run from the folder that it was printed into.
func (p *Press) send(ctx context.Context, j *job, d delivery) (reason, error) {
	name := filepath.Join(cmp.Or(d.Folder, j.Folder), filepath.Base(d.File))
	body, err := os.ReadFile(name)
	if err != nil {
		return reasonFile, fmt.Errorf("read %q: %w", name, pathless(err))
	}
	return j.Webhook.send(ctx, j.Name, d, body, time.Now())
}

// maxFile bounds a file that is read whole.
const maxFile = 1 << 20

// readSmall returns what a file of a few kilobytes holds. The error holds
// nothing of it.
func readSmall(name string) ([]byte, error) {
	from, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", name, pathless(err))
	}
	defer from.Close()
	b, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", name, pathless(err))
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%q is larger than %d bytes", name, maxFile)
	}
	return b, nil
}
