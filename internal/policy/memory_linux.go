package policy

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// boundMemory lets this process allocate that many bytes beyond what it has; an allocation beyond ends it. Should the machine run
// out of memory before, this process is the first to be ended.
func boundMemory(limit uint64) {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // there may be no /proc
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := bytes.Cut(status, []byte("VmData:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return
	}
	used, err := strconv.ParseUint(string(fields[0]), 10, 64) // KiB
	if err != nil {
		return
	}
	// Twice the limit, since what is garbage already counts, and the stacks and tables of the runtime too.
	bound := used<<10 + 2*limit
	_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: bound, Max: bound})
}
