package testenv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// serverUser is the user as whom servers run when we are root, which they refuse: Debian's nobody.
const serverUser = 65534

// lock waits for an exclusive lock on the file at path, which it makes. The lock ends with unlock or with the process.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %q: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}

// tryLock is lock that gives up at once when the lock is taken.
func tryLock(path string) (unlock func(), ok bool) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, false
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, false
	}
	return func() { _ = f.Close() }, true
}

// attributes puts a child in a process group of its own and has the kernel kill it when we die.
func attributes(unprivileged bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if unprivileged && os.Getuid() == 0 {
		a.Credential = &syscall.Credential{Uid: serverUser, Gid: serverUser}
	}
	return a
}

// killGroup kills a child that attributes were given to, and its children.
func killGroup(pid int) error {
	return syscall.Kill(-pid, syscall.SIGKILL)
}

// InterruptGroup has a command that was made with a context, and all that it starts, interrupted when the context ends;
// by itself the command would outlive us, or its own children outlive it.
func InterruptGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGINT) }
}

// handOver makes the server's user the owner of dir and all in it, if we are root.
func handOver(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, serverUser, serverUser)
	})
}
