package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/peers"
	"github.com/traceslo/traceslo/slo/report/press"
	"github.com/traceslo/traceslo/web"
)

// newUnion returns what adds up the readers that the configuration names, of
// which ledger is that at hand; nil if it names none.
func (d *daemon) newUnion(cfg *loaded, ledger *slo.Ledger) (*peers.Union, error) {
	addresses := cfg.Peers.Addresses
	switch {
	case len(addresses) == 0:
		return nil, nil
	case d.member.Alone():
		return nil, fmt.Errorf("peers.addresses names %d readers; say by --shard which of them this is, or leave peers out", len(addresses))
	case len(addresses) != d.member.Of:
		return nil, fmt.Errorf("peers.addresses names %d readers, and this is reader %s; name all %d, in the order of their numbers", len(addresses), d.member, d.member.Of)
	}
	members := make([]peers.Member, len(addresses))
	for i, address := range addresses {
		if i == d.member.Number-1 {
			members[i] = peers.Own(ledger, d.store.View)
			continue
		}
		var err error
		if members[i], err = peers.Dial(address, cfg.Peers.HTTPConfigFile); err != nil {
			return nil, err
		}
	}
	options := cfg.ledgerOptions(d.member, d.log)
	return peers.New(peers.Options{
		Self:    d.member,
		Members: members,
		Ledger:  options,
		Path:    filepath.Join(d.dir, peers.FileName),
		Poll:    max(cfg.Source.Elasticsearch.PollInterval, time.Second),
		Log:     d.log,
		Metrics: d.added,
	})
}

// judgedBy names what readers must have alike for their ledgers to be added up.
func (l *loaded) judgedBy() string {
	var lines []string
	for i := range l.objectives {
		o := &l.objectives[i]
		lines = append(lines, fmt.Sprintf("%q %q", o.Name, o.Fingerprint()))
	}
	slices.Sort(lines)
	for _, dimension := range l.SLI.Dimensions {
		lines = append(lines, fmt.Sprintf("%q %q", dimension.Tag, dimension.Label))
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %d", lines, l.SLORetention))
	return hex.EncodeToString(sum[:8])
}

// whole returns the ledger of all readers together, nil if there is none.
func (d *daemon) whole() *slo.Ledger {
	p := d.current.Load()
	if p == nil || p.union == nil {
		return nil
	}
	return p.union.Ledger()
}

// readers says how far the readers of p are added up, which have that ledger
// together; nil for one that reads all.
func (d *daemon) readers(p *pipeline, whole *slo.Ledger) *web.Readers {
	if d.member.Alone() {
		return nil
	}
	out := &web.Readers{Reader: d.member.String(), Missing: []string{}}
	if p.union == nil {
		return out
	}
	out.AddedUp = whole != nil
	for _, m := range p.union.Missing() {
		out.Missing = append(out.Missing, m.String())
	}
	return out
}

// wholeOf returns what is printed by p, where that is not simply its ledger.
func (d *daemon) wholeOf(p *pipeline) func() (*slo.Ledger, func(func(*state.Tx) error) error, []string) {
	if d.member.Alone() {
		return nil
	}
	return func() (*slo.Ledger, func(func(*state.Tx) error) error, []string) {
		if p.union == nil {
			return p.ledger, d.store.View, d.readers(p, nil).Notes()
		}
		whole := p.union.Ledger()
		return whole, p.union.ViewOf(whole), d.readers(p, whole).Notes()
	}
}

// printedReports are the scheduled reports that this reader prints: of several
// that share the reading and are added up, the first does.
func (d *daemon) printedReports(cfg *loaded) []press.Config {
	if d.member.Number > 1 {
		return nil
	}
	return cfg.Reports
}

// shown is what pages and reports tell of, what reads the state that it lies in,
// and what is said of it: all readers together where their addresses are known,
// and then nothing of a part alone.
func (d *daemon) shown(p *pipeline) (*slo.Ledger, func(func(*state.Tx) error) error, *web.Readers) {
	if p.union == nil {
		return p.ledger, d.store.View, d.readers(p, nil)
	}
	whole := p.union.Ledger()
	view, readers := p.union.ViewOf(whole), d.readers(p, whole)
	if whole == nil {
		whole = slo.NewLedger(slo.LedgerOptions{})
	}
	return whole, view, readers
}
