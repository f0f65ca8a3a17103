package state_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/state"
)

// writer is a function that is an io.Writer.
type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestABackupIsTheStateOfItsBeginning(t *testing.T) {
	h := makeHistory(t)
	image, now, _ := h.last()
	path := newPath(t)
	write(t, path, image)
	s := open(t, path)
	var backup bytes.Buffer
	n, err := s.Backup(writer(func(p []byte) (int, error) {
		// A slow reader of the backup does not hold up who writes.
		update(t, s, put("counters", map[string]string{"later": random2(len(p))}))
		return backup.Write(p)
	}))
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(backup.Len()) {
		t.Errorf("Backup = %d, want the %d bytes it wrote", n, backup.Len())
	}
	restored := newPath(t)
	write(t, restored, backup.Bytes())
	if _, err := state.Check(restored); err != nil {
		t.Fatal(err)
	}
	r := open(t, restored)
	if diff := cmp.Diff(now, mustRead(t, r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	update(t, r, put("counters", map[string]string{"restored": "goes on"}))
	if mustRead(t, s)["counters"]["later"] == "" {
		t.Error("the updates during the backup are lost")
	}
}

// random2 returns text that differs with n.
func random2(n int) string { return string(bytes.Repeat([]byte{'a' + byte(n%26)}, 100)) }

func TestAnErrorOfABackupsWriterIsReturnedAndDoesNoHarm(t *testing.T) {
	s := open(t, newPath(t))
	update(t, s, put("b", map[string]string{"k": random2(100)}))
	broken := errors.New("broken pipe")
	left := 9000
	_, err := s.Backup(writer(func(p []byte) (int, error) {
		if left -= len(p); left < 0 {
			return 0, broken
		}
		return len(p), nil
	}))
	if !errors.Is(err, broken) {
		t.Errorf("Backup = %v, want the writer's error", err)
	}
	func() {
		defer func() {
			if recover() != broken {
				t.Error("the writer's panic did not come out")
			}
		}()
		_, _ = s.Backup(writer(func([]byte) (int, error) { panic(broken) }))
	}()
	update(t, s, put("b", map[string]string{"k": "still in use"}))
}

func TestCheckReportsWhatIsThere(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	update(t, s, put("ledger", map[string]string{"one": "1", "two": "22", "three": "333"}))
	update(t, s, put("blocks", map[string]string{"b": string(make([]byte, 100_000))}))
	update(t, s, func(tx *state.Tx) error {
		tx.Bucket("empty")
		return tx.Drop("blocks")
	})
	size := s.Size()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := state.Check(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.FreePages < 25 || got.Pages < got.FreePages+4 {
		t.Errorf("%d of %d pages are free, want at least the 25 of the dropped bucket", got.FreePages, got.Pages)
	}
	got.Pages, got.FreePages = 0, 0
	want := state.Report{
		Format: 1,
		Size:   size,
		Buckets: []state.BucketReport{
			{Name: "empty"},
			{Name: "ledger", Records: 3, Bytes: 3 + 1 + 3 + 2 + 5 + 3},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("Check changed the file")
	}
}

func TestCompactKeepsTheContentAndFreesTheRest(t *testing.T) {
	h := makeHistory(t)
	image, now, _ := h.last()
	path := newPath(t)
	write(t, path, image)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	before, after, err := state.Compact(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if before != int64(len(image)) || after != info.Size() || after >= before {
		t.Errorf("Compact = %d, %d, want %d, %d, and less than before", before, after, len(image), info.Size())
	}
	if info.Mode() != 0o640 {
		t.Errorf("the mode is %v, want that of before, -rw-r-----", info.Mode())
	}
	report, err := state.Check(path)
	if err != nil {
		t.Fatal(err)
	}
	if report.FreePages > 10 {
		t.Errorf("%d of %d pages are free", report.FreePages, report.Pages)
	}
	s := open(t, path)
	if diff := cmp.Diff(now, mustRead(t, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	update(t, s, put("counters", map[string]string{"compacted": "goes on"}))
}

func TestCompactCopiesInSeveralTransactions(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	want := map[string]string{}
	for i := range 45 {
		want[string(rune('a'+i%26))+random2(i)] = string(bytes.Repeat([]byte{byte(i)}, 1<<20))
	}
	update(t, s, put("large", want))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := state.Compact(path); err != nil {
		t.Fatal(err)
	}
	if got := mustRead(t, open(t, path))["large"]; !cmp.Equal(want, got) {
		t.Error("the content is another")
	}
}
