//go:build !linux

package testenv

import (
	"errors"
	"os/exec"
	"syscall"
)

func lock(string) (func(), error) { return nil, errors.New("test servers run on Linux only") }

func tryLock(string) (func(), bool) { return nil, false }

func attributes(bool) *syscall.SysProcAttr { return nil }

func killGroup(int) error { return errors.New("test servers run on Linux only") }

// InterruptGroup does what it can on Linux only.
func InterruptGroup(*exec.Cmd) {}

func handOver(string) error { return nil }
