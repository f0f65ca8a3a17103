//go:build !linux

package bench

import "errors"

// UsageOf is for Linux alone.
func UsageOf(int) (Usage, error) {
	return Usage{}, errors.New("what a process has used is read from /proc of Linux")
}
