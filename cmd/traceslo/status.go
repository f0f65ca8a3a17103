package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/alecthomas/kingpin/v2"
	"github.com/mattn/go-isatty"

	"github.com/traceslo/traceslo/web"
)

// statusFlags are the flags of status.
type statusFlags struct{ remote }

func addStatus(app *kingpin.Application, commands map[string]command) {
	c := app.Command("status", "Print how the objectives of a running daemon stand, those in trouble first.")
	server := c.Flag("server.url", "The URL of the daemon.").Default("http://127.0.0.1" + defaultAddress).String()
	commands["status"] = statusFlags{addRemote(c, server)}.run
}

func (f statusFlags) run(ctx context.Context, std stdio) error {
	var status web.Status
	if err := f.get(ctx, "api/v1/status", &status); err != nil {
		return err
	}
	var all []web.Objective
	if status.Reading.State != web.Loading {
		for page, pages := 1, 1; page <= pages; page++ {
			var some web.Objectives
			if err := f.get(ctx, fmt.Sprintf("api/v1/objectives?page=%d", page), &some); err != nil {
				return err
			}
			all, pages = append(all, some.Objectives...), some.Pages
		}
	}
	return web.WriteText(std.out, status, all, coloured(std.out))
}

// get reads an answer of the API.
func (f statusFlags) get(ctx context.Context, path string, into any) error {
	answer, err := f.ask(ctx, http.MethodGet, path, answerWithin)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return errors.Join(fmt.Errorf("get %q: the answer is not traceslo's; correct --server.url", answer.Request.URL.Redacted()), err)
	}
	return nil
}

// coloured tells whether w shows colours, and whoever looks at it wants them
// (https://no-color.org).
func coloured(w io.Writer) bool {
	file, isFile := w.(*os.File)
	return isFile && isatty.IsTerminal(file.Fd()) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
