//go:build !linux

package policy

// boundMemory does nothing: only Linux counts what a process has allocated.
func boundMemory(uint64) {}
