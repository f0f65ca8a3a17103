package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"traceslo": main})
}

// leakChecked fails if a goroutine is left when all tests have ended.
type leakChecked struct{ tests *testing.M }

func (l leakChecked) Run() int {
	code := l.tests.Run()
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// TestScripts runs testdata/script. Besides the commands of testscript, the
// scripts have those below, and $ADDRESS, at which nothing listens yet.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_GOLDEN") != "",
		Setup: func(env *testscript.Env) error {
			address, err := freeAddress()
			env.Setenv("ADDRESS", address)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":  await,
			"clock":  clock,
			"http":   request,
			"signal": send,
		},
	})
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// patience is how long a script waits for what has to come.
const patience = 20 * time.Second

// await URL TEXT asks for URL until the answer is 200 and holds TEXT.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await URL TEXT")
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	last := "no answer"
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		code, body, err := do(http.MethodGet, args[0])
		switch {
		case err != nil:
			last = err.Error()
		case code == http.StatusOK && strings.Contains(body, args[1]):
			return
		default:
			last = body
		}
	}
	ts.Fatalf("%s did not come to hold %q: %s", args[0], args[1], last)
}

// http METHOD URL CODE asks once, wants that code, and prints the answer.
func request(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: http METHOD URL CODE")
	}
	code, body, err := do(args[0], args[1])
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), body)
	if strconv.Itoa(code) != args[2] {
		ts.Fatalf("%s %s: got %d, want %s: %s", args[0], args[1], code, args[2], body)
	}
}

// signal NAME sends a signal to every process in the background.
func send(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}
	if neg || len(args) != 1 || signals[args[0]] == 0 {
		ts.Fatalf("usage: signal HUP|INT|TERM|KILL")
	}
	for _, process := range ts.BackgroundCmds() {
		ts.Check(process.Process.Signal(signals[args[0]]))
	}
}

// clock start begins to measure, clock below DURATION fails if it took longer.
func clock(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case !neg && len(args) == 1 && args[0] == "start":
		ts.Setenv("CLOCK", time.Now().Format(time.RFC3339Nano))
	case !neg && len(args) == 2 && args[0] == "below":
		began, err := time.Parse(time.RFC3339Nano, ts.Getenv("CLOCK"))
		ts.Check(err)
		most, err := time.ParseDuration(args[1])
		ts.Check(err)
		if took := time.Since(began); took > most {
			ts.Fatalf("took %v, want at most %v", took, most)
		}
	default:
		ts.Fatalf("usage: clock start, clock below DURATION")
	}
}

func do(method, url string) (code int, body string, err error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return 0, "", err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}
