// Package peers adds up the ledgers of several readers that share the reading
// of one source, so that each of them can say how all together stand.
//
// Its place in the flow is beside those who say what the counts owe:
//
//	source ← sli ← slo ← {…, slo/peers} ← web ← cmd/traceslo
//
// Each reader keeps for a while what each of its commits added to its ledger
// (slo.Increment), under numbers. A Union asks every reader for the increments
// after the last that it knows, and saves them into a ledger of its own (slo.NewWhole)
// in one transaction with their numbers, so that each counts once whatever ends
// when. A reader that is met first, that was away for longer than increments are
// kept, or whose state was restored from a backup, is read whole; then all are,
// from an empty file, for what is added up is not taken apart again.
//
// The clock of the whole is that of the reader that is furthest behind: when one
// is missing it stands still, as it does when a source cannot be read, and what
// came after is unmeasured. So no part is ever taken for the whole.
//
// What others answer is checked before it counts: that it is the reader that was
// asked for, of as many, with the same configuration, in a format that is known.
package peers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
)

// FileName is the name of the file, within --storage.path, that the sum is kept
// in. It can be made anew of the readers at any time.
const FileName = "whole.db"

// A Member answers for one reader.
type Member interface {
	// Head returns how far the reader came.
	Head(ctx context.Context) (slo.PartHead, error)
	// Part returns what the reader added after an increment, or slo.ErrGone.
	Part(ctx context.Context, after uint64, mark string) (*slo.Part, error)
	// All yields all that the reader has, after how far that is.
	All(ctx context.Context, head func(slo.PartHead) error, increment func(slo.Increment) error) error
}

// Options are what a Union is made of. All fields are required.
type Options struct {
	// Self is which of the readers this is.
	Self source.Member
	// Members are all of them, the one at hand among them, in the order of their numbers.
	Members []Member
	// Ledger is what the ledger at hand is made of.
	Ledger slo.LedgerOptions
	// Path is where the sum is kept.
	Path string
	// Poll is the time between two looks at the others.
	Poll    time.Duration
	Log     zerolog.Logger
	Metrics *Metrics
}

// A Union adds up readers. Run is for one goroutine, the other methods may be
// called at any time by any.
type Union struct {
	Options
	// heads are how far each reader is added up, by number from 0.
	heads []slo.PartHead
	// anew holds if all is to be read anew.
	anew   bool
	ledger *slo.Ledger

	// shown is the ledger, nil until all are added up.
	shown   atomic.Pointer[slo.Ledger]
	missing atomic.Pointer[[]Missing]

	file  sync.RWMutex // held for writing while store is replaced
	store *state.Store
}

// A Missing is a reader that is not added up now.
type Missing struct {
	// Reader is its name, as 2/3.
	Reader string
	// Since is up to when all that it counted is added up, zero for nothing.
	Since time.Time
	// Why names the act, the thing and the cause.
	Why string
}

// String says the same in a sentence.
func (m Missing) String() string {
	if m.Since.IsZero() {
		return fmt.Sprintf("Reader %s is missing: %s.", m.Reader, m.Why)
	}
	return fmt.Sprintf("Reader %s is missing since %s: %s.", m.Reader, m.Since.UTC().Format(time.RFC3339), m.Why)
}

// New returns a union that has asked nobody yet. It goes on with the sum that is
// in the file, if that is of the same configuration.
func New(o Options) (*Union, error) {
	u := &Union{Options: o, anew: true, heads: make([]slo.PartHead, len(o.Members))}
	first := make([]Missing, 0, len(o.Members))
	for i := range o.Members {
		o.Metrics.Expect(u.name(i))
		first = append(first, Missing{Reader: u.name(i), Why: "it was not asked yet"})
	}
	u.missing.Store(&first)
	return u, u.open()
}

func (u *Union) name(i int) string { return source.Member{Number: i + 1, Of: len(u.Members)}.String() }

// Close closes the file. Run has ended.
func (u *Union) Close() error {
	u.file.Lock()
	defer u.file.Unlock()
	u.shown.Store(nil)
	if u.store == nil {
		return nil
	}
	return u.store.Close()
}

// Ledger returns the ledger of all readers together, nil until all of them were
// added up once, and while they are added up anew.
func (u *Union) Ledger() *slo.Ledger { return u.shown.Load() }

// errNone is what is read of a sum that is not there, or not any more.
var errNone = errors.New("the readers are being added up anew; ask again in a moment")

// ViewOf returns what reads the file that a ledger, which Ledger returned, lies
// in. It fails once the readers are added up anew: another file would be read
// for that ledger's, with a part of what it holds.
func (u *Union) ViewOf(ledger *slo.Ledger) func(read func(*state.Tx) error) error {
	return func(read func(*state.Tx) error) error {
		u.file.RLock()
		defer u.file.RUnlock()
		if ledger == nil || u.shown.Load() != ledger {
			return errNone
		}
		return u.store.View(read)
	}
}

// Missing returns the readers that are not added up now, in order: one at least
// while there is no Ledger.
func (u *Union) Missing() []Missing { return *u.missing.Load() }

// Run adds up until ctx ends. What fails is told and tried again; but a file
// that turns out to be damaged is made anew.
func (u *Union) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		more, err := u.Step(ctx)
		if err != nil && ctx.Err() == nil {
			u.Log.Error().Err(err).Msg("add up the readers; trying again")
			if errors.Is(err, state.ErrDamaged) {
				u.anew = true
			}
		}
		if more && err == nil {
			continue
		}
		timer := time.NewTimer(u.Poll)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// Step asks every reader once and adds up what it tells. It returns whether
// there is more to add up now. A reader that does not answer is no error.
func (u *Union) Step(ctx context.Context) (more bool, err error) {
	if u.anew {
		return false, u.build(ctx)
	}
	return u.follow(ctx)
}

// answer is what one reader answered.
type answer struct {
	part *slo.Part
	err  error
}

// follow adds what the readers added since.
func (u *Union) follow(ctx context.Context) (more bool, err error) {
	answers := make([]answer, len(u.Members))
	var group sync.WaitGroup
	for i, m := range u.Members {
		group.Go(func() {
			part, err := m.Part(ctx, u.heads[i].Seq, u.heads[i].Mark)
			if err == nil {
				err = u.check(i, part.PartHead)
			}
			if err == nil && part.Seq-u.heads[i].Seq != uint64(len(part.Increments)) {
				// As one that something between kept of an earlier question.
				err = fmt.Errorf("it tells %d increments up to number %d, and was asked for those after %d", len(part.Increments), part.Seq, u.heads[i].Seq)
			}
			answers[i] = answer{part, err}
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	errs := make([]error, len(u.Members))
	next := make([]slo.PartHead, len(u.Members))
	var all []slo.Increment
	for i, a := range answers {
		next[i] = u.heads[i]
		switch {
		case errors.Is(a.err, slo.ErrGone), a.err == nil && !a.part.SameMeasures(u.heads[i]):
			u.Log.Info().Str("reader", u.name(i)).Msg("what a reader added is not known without gaps any more; all readers are added up anew")
			u.anew = true
			return false, nil
		case a.err != nil:
			errs[i] = a.err
		default:
			if _, err := u.ledger.Increments(a.part.Increments); err != nil {
				errs[i] = fmt.Errorf("it tells what no ledger has: %w", err)
				continue
			}
			next[i] = a.part.PartHead
			all = append(all, a.part.Increments...)
			more = more || a.part.More
		}
	}
	if err := u.save(all, next, true); err != nil {
		return false, err
	}
	u.note(errs)
	return more, nil
}

// check tells what is wrong with a part of the i-th reader.
func (u *Union) check(i int, head slo.PartHead) error {
	switch {
	case head.Format != slo.PartFormat:
		return fmt.Errorf("it tells its part in format %d, and this version knows %d alone; run the same version everywhere", head.Format, slo.PartFormat)
	case head.Reader != u.name(i):
		return fmt.Errorf("it says that it is reader %q; name the readers in peers.addresses in the order of their numbers, all of the same set", cut(head.Reader))
	case head.Configuration != u.Options.Ledger.Configuration:
		return errors.New("it counts by another configuration; give all readers the same objectives, dimensions and retention, and reload them")
	case head.Seq == 0:
		return errors.New("it has committed nothing yet")
	}
	return nil
}

// cut bounds what is repeated of what somebody said.
func cut(text string) string { return text[:min(len(text), 40)] }

// note tells which readers are missing, when that begins and when it ends.
func (u *Union) note(errs []error) {
	before, missing := map[string]string{}, []Missing{}
	for _, m := range u.Missing() {
		before[m.Reader] = m.Why
	}
	for i, err := range errs {
		name := u.name(i)
		u.Metrics.set(name, err == nil, u.heads[i].Complete())
		why, was := before[name]
		switch {
		case err != nil:
			m := Missing{Reader: name, Since: u.heads[i].Complete(), Why: err.Error()}
			missing = append(missing, m)
			u.Metrics.failures.WithLabelValues(name).Inc()
			if why != m.Why {
				u.Log.Warn().Err(err).Str("reader", name).Msg("a reader is not added up; what it would tell is unmeasured")
			}
		case was:
			u.Log.Info().Str("reader", name).Msg("a reader is added up")
		}
	}
	u.missing.Store(&missing)
}
