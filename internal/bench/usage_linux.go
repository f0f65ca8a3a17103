package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// UsageOf reads what a process and its descendants have used. A process that
// has ended has none.
func UsageOf(pid int) (Usage, error) {
	all, err := processes()
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	for _, p := range family(all, pid) {
		cpu, err := clock(p)
		if err != nil {
			return Usage{}, err
		}
		u.CPU += cpu
		resident, peak, err := memory(p)
		if err != nil {
			return Usage{}, err
		}
		u.Resident += resident
		u.Peak += peak
	}
	if u == (Usage{}) {
		return u, fmt.Errorf("there is no process %d", pid)
	}
	return u, nil
}

// clock returns the time that a process has had on the CPU, with the threads of
// it that have ended: that of /proc/PID/stat, which counts in hundredths of a
// second, to the nanosecond.
func clock(pid int) (time.Duration, error) {
	// clock_getcpuclockid(3) makes the number of the clock in this way.
	const scheduler = 2
	var at unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|scheduler), &at)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ESRCH) {
		return 0, nil // It has ended since.
	}
	return time.Duration(at.Nano()), err
}

// processes returns the parents of all processes of this machine.
func processes() (map[int]int, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	all := map[int]int{}
	for _, path := range paths {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		line, err := os.ReadFile(path)
		if err != nil {
			continue // It has ended since.
		}
		// The name of the program, in parentheses, may hold anything (proc_pid_stat(5)).
		const parent = 1
		fields := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
		if len(fields) <= parent {
			return nil, fmt.Errorf("%s: the line is too short", path)
		}
		if all[pid], err = strconv.Atoi(string(fields[parent])); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return all, nil
}

// family returns those of all that are pid or descend from it.
func family(all map[int]int, pid int) []int {
	var members []int
	if _, lives := all[pid]; lives {
		members = []int{pid}
	}
	for i := 0; i < len(members); i++ {
		for child, parent := range all {
			if parent == members[i] && !slices.Contains(members, child) {
				members = append(members, child)
			}
		}
	}
	return members
}

// memory returns the resident memory of a process, now and at most, in bytes.
func memory(pid int) (resident, peak int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		into := &resident
		switch name {
		case "VmRSS":
		case "VmHWM":
			into = &peak
		default:
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("/proc/%d/status: %w", pid, err)
		}
		*into = kib << 10
	}
	return resident, peak, nil
}
