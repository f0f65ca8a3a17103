package state_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/state"
)

// childEnv says what the test binary, run by a test, does in place of the tests.
const childEnv = "TRACESLO_STATE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch role := os.Getenv(childEnv); role {
	case "":
		os.Exit(m.Run())
	case "count":
		fail(countForEver(os.Args[1]))
	case "compact":
		fail(compactForEver(os.Args[1]))
	case "limit":
		fail(outgrowLimit(os.Args[1]))
	default:
		fail(fmt.Errorf("no such role: %q", role))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child returns the command that runs the test binary in a role.
func child(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), childEnv+"="+role)
	return cmd
}

// counted are the records that each transaction of countForEver sets to its number.
var counted = []string{"a", "b", "c/1", "c/2"}

// countForEver writes transactions whose records must be equal, and says each number
// when it is durable.
func countForEver(path string) error {
	s, err := state.Open(path)
	if err != nil {
		return err
	}
	var n int
	err = s.View(func(tx *state.Tx) (err error) {
		if v := tx.Bucket("a").Get([]byte("n")); v != nil {
			n, err = strconv.Atoi(string(v))
		}
		return err
	})
	if err != nil {
		return err
	}
	for {
		n++
		err := s.Update(func(tx *state.Tx) error {
			r := rand.New(rand.NewPCG(uint64(n), 0))
			var errs []error
			for _, name := range counted {
				b := tx.Bucket(name)
				errs = append(errs, b.Put([]byte("n"), fmt.Append(nil, n)))
				// Pages that split, merge and overflow.
				for range 20 {
					errs = append(errs, b.Put(fmt.Append(nil, "k", r.IntN(500)), []byte(random(r, r.IntN(300)))),
						b.Delete(fmt.Append(nil, "k", r.IntN(500))))
				}
				errs = append(errs, b.Put([]byte("block"), []byte(random(r, r.IntN(20_000)))))
			}
			if n%10 == 0 {
				errs = append(errs, tx.Drop("c/2"), tx.Bucket("c/2").Put([]byte("n"), fmt.Append(nil, n)))
			}
			return errors.Join(errs...)
		})
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// checkCounted opens the file and returns the number that all its records have.
func checkCounted(t *testing.T, path string) int {
	t.Helper()
	if _, err := state.Check(path); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	defer s.Close()
	all := mustRead(t, s)
	n, err := strconv.Atoi(all["a"]["n"])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range counted {
		if got := all[name]["n"]; got != strconv.Itoa(n) {
			t.Fatalf("bucket %q is at %s, bucket a at %d", name, got, n)
		}
	}
	return n
}

// killAfter runs a child until it has said a number of lines and then a random time
// up to most more, kills it, and returns its last whole line.
func killAfter(t *testing.T, cmd *exec.Cmd, lines int, most time.Duration) (last string) {
	t.Helper()
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	for n := 0; ; n++ {
		if n == lines {
			time.AfterFunc(rand.N(most), func() { _ = cmd.Process.Kill() })
		}
		line, err := r.ReadString('\n')
		if err != nil {
			break
		}
		last = strings.TrimSpace(line)
	}
	_ = cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended by itself: %v", cmd.ProcessState)
	}
	return last
}

func TestAKilledProcessLosesNothingAndHalvesNothing(t *testing.T) {
	path := newPath(t)
	for range 25 {
		last := killAfter(t, child(t, "count", path), 1+rand.IntN(10), 5*time.Millisecond)
		said, err := strconv.Atoi(last)
		if err != nil {
			t.Fatal(err)
		}
		// The one under way may have become durable without being said.
		if n := checkCounted(t, path); n != said && n != said+1 {
			t.Fatalf("the file is at %d after %d was said to be durable", n, said)
		}
	}
}

func TestAProcessThatIsKilledWhileItCreatesTheFileIsNoHindrance(t *testing.T) {
	for range 20 {
		path := newPath(t)
		killAfter(t, child(t, "count", path), 0, 20*time.Millisecond)
		open(t, path)
	}
}

func TestSeveralThatCreateTheFileAtOnceShareIt(t *testing.T) {
	path := newPath(t)
	const several = 6
	errs := make(chan error)
	for range several {
		go func() {
			for {
				s, err := state.Open(path)
				if errors.Is(err, state.ErrLocked) {
					continue
				}
				if err != nil {
					errs <- err
					return
				}
				err = s.Update(func(tx *state.Tx) error {
					b := tx.Bucket("b")
					return b.Put([]byte("n"), append(bytes.Clone(b.Get([]byte("n"))), 'i'))
				})
				errs <- errors.Join(err, s.Close())
				return
			}
		}()
	}
	for range several {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := mustRead(t, open(t, path))["b"]["n"]; len(got) != several {
		t.Errorf("%d of %d updates are there", len(got), several)
	}
}

// compactForEver compacts a file over and over, and says so before each time.
func compactForEver(path string) error {
	for {
		fmt.Println("again")
		if _, _, err := state.Compact(path); err != nil {
			return err
		}
	}
}

func TestACompactThatIsKilledLeavesAWholeFile(t *testing.T) {
	h := makeHistory(t)
	image, now, _ := h.last()
	path := newPath(t)
	write(t, path, image)
	for range 15 {
		killAfter(t, child(t, "compact", path), 1+rand.IntN(3), 20*time.Millisecond)
		if _, err := state.Check(path); err != nil {
			t.Fatal(err)
		}
		s := open(t, path)
		if diff := cmp.Diff(now, mustRead(t, s)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := state.Compact(path); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("there are %v, want the file alone", entries)
	}
}

// outgrowLimit meets the limit of a file's size, and goes on when it is raised.
func outgrowLimit(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := state.Open(path)
	if err != nil {
		return err
	}
	defer s.Close()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	for _, mib := range []uint64{3, 5, 8} {
		limit.Cur = mib << 20
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		if err := fillUp(s); err != nil {
			return err
		}
	}
	// What is freed can be used again, without growing.
	if err := s.Update(func(tx *state.Tx) error { return tx.Drop("fill") }); err != nil {
		return fmt.Errorf("dropping at the limit: %w", err)
	}
	if err := s.Update(func(tx *state.Tx) error { return tx.Bucket("fill").Put([]byte("k"), make([]byte, 1<<20)) }); err != nil {
		return fmt.Errorf("writing what was freed: %w", err)
	}
	return nil
}

// fillUp writes until there is no room, and verifies that nothing but the last
// Update is missing. It leaves room for an Update or two by deleting.
func fillUp(s *state.Store) error {
	want, err := read(s)
	if err != nil {
		return err
	}
	if want["fill"] == nil {
		want["fill"] = map[string]string{}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for n := 0; ; n++ {
		key, value := fmt.Sprintf("%d/%d", len(want["fill"]), n), random(r, 50_000)
		err := s.Update(put("fill", map[string]string{key: value}))
		if err == nil {
			want["fill"][key] = value
			if n > 2000 {
				return errors.New("there is always room")
			}
			continue
		}
		if !errors.Is(err, state.ErrFull) {
			return fmt.Errorf("got %w, want ErrFull", err)
		}
		if n == 0 {
			return fmt.Errorf("no room from the start: %w", err)
		}
		break
	}
	for range 3 {
		got, err := read(s)
		if err != nil {
			return fmt.Errorf("reading a full store: %w", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("the content of a full store differs (-want +got):\n%.500s", diff)
		}
		if n, err := s.Backup(io.Discard); err != nil || n == 0 {
			return fmt.Errorf("backing up a full store: %d bytes, %w", n, err)
		}
		if err := s.Update(put("fill", map[string]string{"more": random(r, 2<<20)})); !errors.Is(err, state.ErrFull) {
			return fmt.Errorf("another Update: got %w, want ErrFull", err)
		}
	}
	return nil
}

func TestAFileAtItsSizeLimitIsReadOnAndWrittenOnWhenThereIsRoom(t *testing.T) {
	path := newPath(t)
	if out, err := child(t, "limit", path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	report, err := state.Check(path)
	if err != nil {
		t.Fatal(err)
	}
	if report.Size > 8<<20 || report.Size < 4<<20 {
		t.Errorf("the file has %d bytes, want what the limits of 3, 5, and 8 MiB make", report.Size)
	}
}
