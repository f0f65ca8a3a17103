package press_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
	"github.com/traceslo/traceslo/slo/report/press"
	"github.com/traceslo/traceslo/source"
)

// childEnv says what the test binary, run by a test with the path of a folder,
// does in place of the tests.
const childEnv = "TRACESLO_PRESS_TEST_CHILD"

func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv(childEnv); role {
	case "":
		os.Exit(m.Run())
	case "write":
		err = writeForEver(os.Args[1])
	case "print":
		err = printForEver(os.Args[1])
	default:
		err = fmt.Errorf("no such role: %q", role)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// killed runs a child in a role until it has said a line and then a random time
// up to most more, kills it, and returns its whole lines.
func killed(t *testing.T, role, path string, most time.Duration) (lines []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self, path)
	child.Env = append(os.Environ(), childEnv+"="+role)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			break
		}
		if lines = append(lines, strings.TrimSpace(line)); len(lines) == 1 {
			time.AfterFunc(rand.N(most), func() { _ = child.Process.Kill() })
		}
	}
	_ = child.Wait() // it was killed
	if len(lines) == 0 {
		t.Fatal("the child did nothing")
	}
	return lines
}

const (
	againRun  = "weekly_2026-11-23T0500Z"
	againSize = 4 << 20
)

// writeForEver writes the same files again and again, each time of one byte
// repeated, which is another one each time.
func writeForEver(path string) error {
	for n := byte('a'); ; n++ {
		if err := press.WriteAgain(path, "weekly", againRun, bytes.Repeat([]byte{n}, againSize)); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// TestAFileIsWholeWhateverKillsItsWriter kills a process while it writes, often
// enough that it is killed within a file.
func TestAFileIsWholeWhateverKillsItsWriter(t *testing.T) {
	path := t.TempDir()
	within := 0
	for round := 0; round < 10 || within < 3; round++ {
		if round == 200 {
			t.Fatalf("in %d rounds, it was killed within a file %d times", round, within)
		}
		killed(t, "write", path, 30*time.Millisecond)
		entries, err := os.ReadDir(path)
		if err != nil {
			t.Fatal(err)
		}
		whole := 0
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), ".") {
				within++
				continue
			}
			content, err := os.ReadFile(filepath.Join(path, entry.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if len(content) != againSize || bytes.Count(content, content[:1]) != againSize {
				t.Fatalf("%s has %d bytes that are not those of one run", entry.Name(), len(content))
			}
			whole++
		}
		if whole != 2 {
			t.Fatalf("there are %d files", whole)
		}
	}
	if err := press.WriteAgain(path, "weekly", againRun, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(path); err != nil || len(entries) != 2 {
		t.Errorf("what was left of files is still there: %v, %v", entries, err)
	}
}

// printForEver prints a report that is due every minute, of minutes that go by
// as fast as it can, and says each that is printed for good.
func printForEver(path string) error {
	store, err := state.Open(filepath.Join(path, state.FileName))
	if err != nil {
		return err
	}
	o := slo.Objective{Name: "checkout", Service: "shop", Target: 990_000_000, Window: slo.Window{Rolling: time.Hour}, SLI: sli.Indicator{Availability: &sli.Availability{}}}
	ledger := slo.NewLedger(slo.LedgerOptions{Objectives: []slo.Objective{o.With(slo.DefaultAlerting())}, Retention: 24 * time.Hour, Log: zerolog.Nop()})
	begin := time.Date(2026, time.November, 23, 0, 0, 0, 0, time.UTC)
	if err := store.View(func(tx *state.Tx) error { return ledger.Load(tx, begin, true) }); err != nil {
		return err
	}
	// Goes on where the one before ended, as time does.
	now := begin
	for ledger.Knows(now.Add(time.Minute)) {
		now = now.Add(time.Minute)
	}
	c := press.Config{Name: "minutely", Period: "1h", Formats: report.Formats(), Folder: filepath.Join(path, "reports")}
	if err := c.Schedule.UnmarshalText([]byte("* * * * *")); err != nil {
		return err
	}
	p := press.New(press.Options{Reports: []press.Config{c}, Report: report.Default(), Ledger: ledger, Store: store, Log: zerolog.Nop(), Metrics: press.NewMetrics(prometheus.NewRegistry())})
	for ; ; now = now.Add(time.Minute) {
		if err := p.Step(context.Background(), now); err != nil {
			return err
		}
		fmt.Println(now.Format("2006-01-02T1504Z"))
		next := now.Add(time.Minute)
		step := source.Step{Now: next, Watermark: next, Since: begin, Save: func(*state.Tx) error { return nil }}
		if err := store.Update(func(tx *state.Tx) error { return ledger.Save(tx, step, judged{next.Unix()/60 - 1}) }); err != nil {
			return err
		}
		ledger.Publish()
	}
}

// TestAPrinterThatIsKilledGoesOn kills a process that prints, again and again,
// and holds that what was printed is there and whole, and that no run is missing.
func TestAPrinterThatIsKilledGoesOn(t *testing.T) {
	path := t.TempDir()
	printed := map[string]bool{}
	last := ""
	for range 12 {
		for _, run := range killed(t, "print", path, 60*time.Millisecond) {
			// The step of the first minute begins the report and prints none, as often as it is killed before the next one.
			if last = run; run != "2026-11-23T0000Z" {
				printed[run] = true
			}
		}
		for run := range printed {
			for _, f := range report.Formats() {
				name := filepath.Join(path, "reports", "minutely_"+run+f.Extension())
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatalf("what was printed is not there: %v", err)
				}
				if f == report.JSON && !json.Valid(text) || f == report.HTML && !bytes.HasSuffix(bytes.TrimSpace(text), []byte("</html>")) {
					t.Fatalf("%s is not whole: %d bytes", name, len(text))
				}
			}
		}
	}
	if len(printed) < 12 {
		t.Errorf("only %d runs were printed", len(printed))
	}
	for at := time.Date(2026, time.November, 23, 0, 1, 0, 0, time.UTC); ; at = at.Add(time.Minute) {
		run := at.Format("2006-01-02T1504Z")
		if run > last {
			break
		}
		if !printed[run] {
			t.Errorf("the run of %s was never said to be printed", run)
		}
	}
	if _, err := state.Check(filepath.Join(path, state.FileName)); err != nil {
		t.Error(err)
	}
}
