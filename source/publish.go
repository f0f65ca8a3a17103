package source

import "time"

// publish adds what was committed to the metrics and the log.
func (f *Feed) publish(now time.Time) {
	m, t := f.Metrics, &f.tally
	m.spans.Add(float64(t.spans))
	m.before.Add(float64(t.before))
	m.lateness.add(&t.lateness)
	for reason, n := range t.unreadable {
		m.unreadable.WithLabelValues(reason).Add(float64(n))
	}
	if t.spans > 0 {
		f.lastSpan = now
		m.lastSpan.Set(float64(now.UnixMilli()) / 1e3)
	}
	if t.whole {
		m.backlog.Set(0)
		m.complete.Set(float64(t.taken.UnixMilli()) / 1e3)
	}
	for _, e := range t.events {
		f.publishEvent(e)
	}
	f.progressed(now, t)
	f.tally = tally{}
}

func (f *Feed) publishEvent(e event) {
	m := f.Metrics
	switch e.what {
	case eventDeleted:
		if e.numbers == 0 {
			f.Log.Info().Str("index", e.index).Msg("an index was deleted after it was read to its end")
			return
		}
		m.gaps.WithLabelValues(string(e.what)).Inc()
		m.lost.WithLabelValues(string(e.what)).Add(float64(e.numbers))
		f.Log.Error().Str("index", e.index).Int64("spans_at_most", e.numbers).Msg("an index was deleted, or went out of sight, before it was read to its end; these spans are not counted")
	case eventBack:
		f.Log.Warn().Str("index", e.index).Msg("an index that was out of sight is there again; reading goes on where it ended, and what was called lost of it is not")
	case eventHistory:
		m.gaps.WithLabelValues(string(e.what)).Inc()
		m.lost.WithLabelValues(string(e.what)).Add(float64(e.numbers))
		f.Log.Error().Str("index", e.index).Int("shard", e.shard).Int64("spans", e.numbers).
			Msg("a shard has a new history, as when a stale copy was forced to be the primary; counting starts again at its present end")
	case eventRewound:
		f.Log.Warn().Str("index", e.index).Int("shard", e.shard).Int64("numbers", e.numbers).
			Msg("a shard lost documents that it had acknowledged; reading goes on where it now ends")
	case eventUnfollowed:
		f.Log.Info().Str("index", e.index).Str("reason", string(e.reason)).Msg("an index holds copies of old spans or cannot be followed; it is left out")
	}
}

// noteUnreadable counts documents that are not understood, and logs the first of each reason.
func (f *Feed) noteUnreadable(docs []Unreadable) {
	for _, doc := range docs {
		f.tally.unreadable[doc.Reason]++
		if !f.unreadableLogged[doc.Reason] {
			f.unreadableLogged[doc.Reason] = true
			f.Log.Warn().Str("reason", doc.Reason).Str("index", doc.Index).Str("id", doc.ID).
				Msg("a stored document is not understood and not counted; more of this reason are only counted")
		}
	}
}
