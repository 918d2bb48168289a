package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// adoptOrphans makes processes whose parent has ended children of this program, instead of the system's first process.
var adoptOrphans = sync.OnceFunc(func() {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) // fails before Linux 3.4 only
})

// endOrphans ends, within limit, the children of this program that commands have left behind: those of
// another session. No command runs.
func endOrphans(limit time.Duration) {
	own, err := unix.Getsid(0)
	if err != nil {
		return
	}
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		left := 0
		for _, child := range children() {
			if session, err := unix.Getsid(child); err != nil || session == own {
				continue
			}
			left++
			_ = syscall.Kill(child, syscall.SIGKILL) // it may have ended by itself, and wait to be waited for
			_, _ = syscall.Wait4(child, nil, syscall.WNOHANG, nil)
		}
		if left == 0 { // the children of those that ended are this program's now, so it takes a look without any
			return
		}
	}
}

// children lists the processes whose parent is this program. Without any, which is the rule, there is nothing to look at.
func children() (list []int) {
	if err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err == unix.ECHILD {
		return nil
	}
	if files, err := filepath.Glob("/proc/self/task/*/children"); err == nil && len(files) > 0 {
		for _, file := range files {
			text, _ := os.ReadFile(file) // a thread may have ended
			for _, field := range strings.Fields(string(text)) {
				if pid, err := strconv.Atoi(field); err == nil {
					list = append(list, pid)
				}
			}
		}
		return list
	}
	statuses, _ := filepath.Glob("/proc/[0-9]*/stat") // a kernel without CONFIG_PROC_CHILDREN
	for _, file := range statuses {
		text, _ := os.ReadFile(file)
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // state, parent
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && len(fields) > 1 && string(fields[1]) == strconv.Itoa(os.Getpid()) {
			list = append(list, pid)
		}
	}
	return list
}
