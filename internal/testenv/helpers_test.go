package testenv_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// gone returns an error while the process runs; one that has ended and is not yet collected by its parent is gone.
func gone(pid int) error {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err == nil && !strings.Contains(string(b), ") Z ") {
		return fmt.Errorf("process %d runs", pid)
	}
	return nil
}
