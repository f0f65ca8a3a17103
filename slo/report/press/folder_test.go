package press

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// childEnv says into which folder the test binary, run by a test, writes in
// place of the tests.
const childEnv = "TRACESLO_PRESS_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		fmt.Fprintln(os.Stderr, writeForEver(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const (
	killedFile = "weekly_2026-11-23T0500Z"
	killedSize = 4 << 20
)

// writeForEver writes the same files again and again, each time of one byte
// repeated, which is another one each time.
func writeForEver(path string) error {
	f := newFolder(path, "weekly")
	for n := byte('a'); ; n++ {
		content := bytes.Repeat([]byte{n}, killedSize)
		if err := f.write([]file{{killedFile + ".json", content}, {killedFile + ".csv", content}}); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// TestAFileIsWholeWhateverKillsItsWriter kills a process while it writes, often
// enough that it is killed within a file.
func TestAFileIsWholeWhateverKillsItsWriter(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir()
	within := 0
	for round := 0; round < 10 || within < 3; round++ {
		if round == 200 {
			t.Fatalf("in %d rounds, it was killed within a file %d times", round, within)
		}
		child := exec.Command(self)
		child.Env = append(os.Environ(), childEnv+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		if !bufio.NewScanner(out).Scan() {
			t.Fatal("the child wrote nothing")
		}
		time.AfterFunc(rand.N(30*time.Millisecond), func() { _ = child.Process.Kill() })
		_ = child.Wait() // it was killed
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
			if len(content) != killedSize || bytes.Count(content, content[:1]) != killedSize {
				t.Fatalf("%s has %d bytes that are not those of one run", entry.Name(), len(content))
			}
			whole++
		}
		if whole != 2 {
			t.Fatalf("there are %d files", whole)
		}
	}
	if err := newFolder(path, "weekly").write([]file{{killedFile + ".json", []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(path); err != nil || len(entries) != 2 {
		t.Errorf("what was left of files is still there: %v, %v", entries, err)
	}
}
