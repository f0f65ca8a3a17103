package bench

import "time"

// A Usage is what a process and all of its descendants have used.
type Usage struct {
	// CPU is the time on the CPU, in user mode and in the kernel, of those that live.
	CPU time.Duration
	// Resident is the memory now, and Peak the sum of what each had at most.
	Resident, Peak int64
}
