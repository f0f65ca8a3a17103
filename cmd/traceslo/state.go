package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/alecthomas/kingpin/v2"

	"github.com/traceslo/traceslo/internal/state"
)

const storageHelp = "The folder that keeps the state: counters, and how far was read."

// openState opens the state in the folder dir, and makes both where missing.
func openState(dir string) (*state.Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return state.Open(filepath.Join(dir, state.FileName))
}

func addState(app *kingpin.Application, commands map[string]command) {
	parent := app.Command("state", "Look after the state of a daemon.")
	storage := func(c *kingpin.CmdClause) *string {
		return c.Flag("storage.path", storageHelp).Default("data").String()
	}

	c := parent.Command("backup", "Copy the state into FILE: that of a running daemon by --server.url, of a stopped one by --storage.path. The copy is checked, and put in the place of a state as traceslo.db it is one.")
	b := backup{
		storage: storage(c),
		remote:  addRemote(c, c.Flag("server.url", "The URL of a daemon that runs with --web.enable-admin-api.").PlaceHolder("URL").String()),
		file:    c.Arg("file", "The file to write; one that is there is replaced.").Required().String(),
	}
	commands["state backup"] = b.run

	c = parent.Command("check", "Read the whole state of a stopped daemon, or a backup, and verify it.")
	checked := storage(c)
	file := c.Flag("file", "A backup to check instead of a folder.").PlaceHolder("FILE").String()
	commands["state check"] = func(_ context.Context, std stdio) error {
		path := *file
		if path == "" {
			path = filepath.Join(*checked, state.FileName)
		}
		return checkState(std.out, path)
	}

	c = parent.Command("compact", "Write the state of a stopped daemon anew, without the room it does not need any more.")
	compacted := storage(c)
	commands["state compact"] = func(_ context.Context, std stdio) error {
		path := filepath.Join(*compacted, state.FileName)
		before, after, err := state.Compact(path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(std.out, "%s: compacted from %d to %d bytes\n", path, before, after)
		return err
	}
}

func checkState(out io.Writer, path string) error {
	report, err := state.Check(path)
	if err != nil {
		return err
	}
	records := 0
	for _, b := range report.Buckets {
		records += b.Records
	}
	_, err = fmt.Fprintf(out, "%s: ok (format %d, %d records in %d buckets, %d bytes, %d of %d pages free)\n",
		path, report.Format, records, len(report.Buckets), report.Size, report.FreePages, report.Pages)
	return err
}

// backup are the flags of state backup.
type backup struct {
	remote
	storage, file *string
}

// run writes the copy beside its place, checks it, and only then puts it there.
func (b backup) run(ctx context.Context, std stdio) (err error) {
	if err := free(*b.file); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(*b.file), filepath.Base(*b.file)+".*.part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	if *b.server != "" {
		err = b.fetch(ctx, temporary)
	} else {
		err = b.copy(temporary)
	}
	if err == nil {
		err = temporary.Sync()
	}
	if err := errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	report, err := state.Check(temporary.Name())
	switch {
	case errors.Is(err, state.ErrForeign) && *b.server != "":
		return fmt.Errorf("post %q: the answer is not a state of traceslo; correct --server.url", *b.server)
	case err != nil:
		return err
	}
	if err := os.Rename(temporary.Name(), *b.file); err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "%s: backed up and checked, %d bytes\n", *b.file, report.Size)
	return err
}

// free refuses a place for a backup that holds a state in use: a daemon would
// go on writing to a file that nobody finds again.
func free(path string) error {
	if _, err := os.Stat(path); err != nil {
		return nil //nolint:nilerr // nothing is there to be in use
	}
	store, err := state.Open(path)
	if errors.Is(err, state.ErrLocked) {
		return fmt.Errorf("%q is the state of a running daemon; write the backup elsewhere", path)
	}
	if err != nil {
		return nil //nolint:nilerr // what is no state is replaced
	}
	return store.Close()
}

// copy writes the state of a daemon that does not run.
func (b backup) copy(to io.Writer) error {
	path := filepath.Join(*b.storage, state.FileName)
	if _, err := os.Stat(path); err != nil {
		return err // Open would make a state where there is none
	}
	if from, err := os.Stat(path); err == nil {
		if to, err := os.Stat(*b.file); err == nil && os.SameFile(from, to) {
			return fmt.Errorf("%q is the state itself; write the backup elsewhere", *b.file)
		}
	}
	store, err := state.Open(path)
	if errors.Is(err, state.ErrLocked) {
		return fmt.Errorf("%w; to back up a running daemon, start it with --web.enable-admin-api and use --server.url", err)
	}
	if err != nil {
		return err
	}
	defer store.Close()
	_, err = store.Backup(to)
	return err
}

// fetch writes the state that a running daemon sends.
func (b backup) fetch(ctx context.Context, to io.Writer) error {
	answer, err := b.ask(ctx, http.MethodPost, "api/v1/admin/state", answerWithin)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(to, answer.Body); err != nil {
		return fmt.Errorf("post %q: %w", answer.Request.URL.Redacted(), err)
	}
	return nil
}
