package main

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
)

// TestPeersAreAsManyAsReaders refuses addresses that do not fit --shard.
func TestPeersAreAsManyAsReaders(t *testing.T) {
	addresses := []string{"http://a:9924", "http://b:9924"}
	for _, test := range []struct {
		member    source.Member
		addresses []string
		says      string
	}{
		{source.Member{}, nil, ""},
		{source.Member{Number: 1, Of: 2}, nil, ""},
		{source.Member{Number: 2, Of: 2}, addresses, ""},
		{source.Member{}, addresses, "say by --shard which of them this is"},
		{source.Member{Number: 1, Of: 3}, addresses, "peers.addresses names 2 readers, and this is reader 1/3; name all 3"},
	} {
		d := newDaemon(zerolog.Nop(), nil, test.member)
		store, err := openState(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		d.store, d.dir = store, t.TempDir()
		cfg := fast()
		cfg.Peers.Addresses = test.addresses
		union, err := d.newUnion(cfg, slo.NewLedger(slo.LedgerOptions{}))
		switch {
		case test.says == "" && err != nil, test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s with %d addresses: %v, want one that says %q", test.member, len(test.addresses), err, test.says)
		case err == nil && (union != nil) != (len(test.addresses) > 0):
			t.Errorf("%s with %d addresses: adds up %t", test.member, len(test.addresses), union != nil)
		}
		if union != nil {
			if err := union.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestWhatIsJudgedHasAName holds that objectives, dimensions and retention are
// what readers must have alike, and that targets are not.
func TestWhatIsJudgedHasAName(t *testing.T) {
	with := func(change func(*loaded)) string {
		cfg := fast()
		cfg.objectives = []slo.Objective{objectiveOf("api"), objectiveOf("shop")}
		change(cfg)
		return cfg.judgedBy()
	}
	same := with(func(*loaded) {})
	if got := with(func(l *loaded) {
		l.objectives[0], l.objectives[1] = l.objectives[1], l.objectives[0]
		l.objectives[0].Target++
	}); got != same {
		t.Error("another order, and another target, are another name")
	}
	for name, change := range map[string]func(*loaded){
		"an objective less": func(l *loaded) { l.objectives = l.objectives[:1] },
		"another retention": func(l *loaded) { l.SLORetention *= 2 },
	} {
		if with(change) == same {
			t.Errorf("%s has the same name", name)
		}
	}
}
