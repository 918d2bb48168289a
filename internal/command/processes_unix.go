//go:build unix

package command

import (
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Bounds of how long orphans are looked for, should they start new ones faster than they are ended.
const (
	orphansLimit   = time.Second
	abandonedLimit = 50 * time.Millisecond
)

// running are the commands that run, in the whole process.
var running struct {
	sync.Mutex
	commands map[*exec.Cmd]bool
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
		if running.commands == nil {
			running.commands = map[*exec.Cmd]bool{}
		}
		running.commands[cmd] = true
	}
	return err
}

// end ends what a command left running, once it has been waited for. What has left the command's process group may still serve
// another command (a key agent that one started and another asks), so it is ended when no command runs any more.
func end(cmd *exec.Cmd) {
	_ = killGroup(cmd) // mostly nothing is left and this fails
	running.Lock()
	defer running.Unlock()
	delete(running.commands, cmd)
	if len(running.commands) == 0 {
		endOrphans(orphansLimit)
	}
}

// Abandon ends every command that runs, before the program ends without waiting for them.
func Abandon() {
	if !running.TryLock() { // a command is just being ended
		return
	}
	defer running.Unlock()
	for cmd := range running.commands {
		_ = killGroup(cmd) // it may have ended by itself
	}
	if running.commands != nil {
		endOrphans(abandonedLimit)
	}
}

// killGroup ends the command and its process group.
func killGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
