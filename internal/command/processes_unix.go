//go:build unix

package command

import (
	"os/exec"
	"sync"
	"syscall"
)

// running counts the commands that run, in the whole process.
var running struct {
	sync.Mutex
	count int
}

// begin starts a command in a session of its own: no process can join another session, so whatever it starts can be told from the
// children of the rest of this program.
func begin(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	running.Lock()
	defer running.Unlock()
	adoptOrphans()
	err := cmd.Start()
	if err == nil {
		running.count++
	}
	return err
}

// end ends what a command left running, once it has been waited for. What has left the command's process group may still serve
// another command (a key agent that one started and another asks), so it is ended when no command runs any more.
func end(cmd *exec.Cmd) {
	_ = killGroup(cmd) // mostly nothing is left and this fails
	running.Lock()
	defer running.Unlock()
	running.count--
	if running.count == 0 {
		endOrphans()
	}
}

// killGroup ends the command and its process group.
func killGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
