// Package command runs the commands of a configuration: those that print a key or a log, and those that observe a receiver.
//
// Rules: the configuration may come from the audited team, so nothing runs unless the user allowed it. A command gets PATH, HOME and
// the variables that it names and the user allowed, no standard input, a time limit, and a bound on its output. Its standard error
// is discarded, and no error holds anything it printed or was given beyond the program's name.
//
// What a command leaves running is ended with it: its process group everywhere, and on Linux, once no command runs, also what
// left the group to run on as a daemon. What another service runs for it (systemd-run, a container) is out of reach.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

const (
	defaultTimeout = 30 * time.Second
	defaultLimit   = 64 << 20 // bytes: a quarter of an hour of a busy receiver's log
	// drain is how long output is still waited for once the command has ended: something that it left running may hold the pipe.
	drain = 200 * time.Millisecond
)

type runner struct {
	directory string
	lookupEnv func(string) (string, bool)
	timeout   time.Duration
	limit     int
}

// New returns an Exec that runs commands in directory, which is absolute; without allow it rejects them all. PATH and HOME come
// from lookupEnv.
func New(directory string, allow bool, lookupEnv func(name string) (value string, set bool)) audit.Exec {
	if !allow {
		return func(context.Context, audit.Command) ([]byte, int, error) { return nil, -1, audit.ErrCommandsNotAllowed }
	}
	return (&runner{directory, lookupEnv, defaultTimeout, defaultLimit}).run
}

func (r *runner) run(ctx context.Context, command audit.Command) (output []byte, exit int, err error) {
	if len(command.Args) == 0 {
		return nil, -1, errors.New("run a command: there is none")
	}
	name := secret.ProgramName(command.Args[0])
	program, err := r.find(command.Args[0])
	if err != nil {
		return nil, -1, fmt.Errorf("run %s: %w", name, err)
	}
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	out := &bounded{limit: r.limit, full: cancel}
	cmd := exec.CommandContext(limited, program)
	cmd.Args = command.Args
	cmd.Dir = r.directory
	cmd.Env = r.environment(command.Env)
	cmd.Stdout = out
	cmd.WaitDelay = drain
	cmd.Cancel = func() error { return killGroup(cmd) }
	if err := begin(cmd); err != nil {
		if ctx.Err() == nil && limited.Err() != nil { // the time was over before it was started
			return nil, -1, fmt.Errorf("run %s: it was stopped after %v", name, r.timeout)
		}
		return nil, -1, fmt.Errorf("run %s: %w", name, cause(err))
	}
	waited := cmd.Wait()
	end(cmd)
	if ctx.Err() != nil {
		return nil, -1, fmt.Errorf("run %s: %w", name, ctx.Err())
	}
	if out.overflowed() {
		return out.bytes(), -1, fmt.Errorf("run %s: %w", name, audit.ErrOutputLimit)
	}
	if limited.Err() != nil {
		return out.bytes(), -1, fmt.Errorf("run %s: it was stopped after %v", name, r.timeout)
	}
	var exited *exec.ExitError
	switch {
	case waited == nil:
		return out.bytes(), 0, nil
	case errors.Is(waited, exec.ErrWaitDelay): // what was printed may be incomplete
		return out.bytes(), -1, fmt.Errorf("run %s: it ended while something it had started still held its output", name)
	case errors.As(waited, &exited) && exited.Exited():
		return out.bytes(), exited.ExitCode(), nil
	case errors.As(waited, &exited):
		return out.bytes(), -1, fmt.Errorf("run %s: it was ended by a signal", name)
	}
	return out.bytes(), -1, fmt.Errorf("run %s: %w", name, cause(waited))
}

// Run runs a command of the program's own. What it leaves running is ended with it, as with a configuration's.
func Run(cmd *exec.Cmd) error {
	cmd.WaitDelay = drain
	cmd.Cancel = func() error { return killGroup(cmd) }
	if err := begin(cmd); err != nil {
		return err
	}
	err := cmd.Wait()
	end(cmd)
	return err
}

func (r *runner) environment(names []string) []string {
	env := []string{}
	for _, name := range append([]string{"PATH", "HOME"}, names...) {
		if value, set := r.lookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// find is the file of a program: a path starts at the configuration's directory, a name is looked up in PATH, of which only
// absolute directories count.
func (r *runner) find(name string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(r.directory, name)
		}
		return name, runnable(name)
	}
	path, _ := r.lookupEnv("PATH")
	for _, directory := range filepath.SplitList(path) {
		if candidate := filepath.Join(directory, name); filepath.IsAbs(directory) && runnable(candidate) == nil {
			return candidate, nil
		}
	}
	return "", errors.New("it is not in PATH")
}

func runnable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return cause(err)
	case !info.Mode().IsRegular():
		return errors.New("it is not a file")
	case info.Mode().Perm()&0o111 == 0:
		return errors.New("it is not executable")
	}
	return nil
}

// cause is an error without the paths and arguments that the standard library puts into it.
func cause(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return errors.New("it cannot be run")
}

// bounded keeps the first limit bytes and calls full when there are more. It is written to by one goroutine, and read when that
// has ended.
type bounded struct {
	buffer bytes.Buffer
	limit  int
	full   func()
	over   bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.limit - b.buffer.Len()
	if len(p) > room {
		b.buffer.Write(p[:max(room, 0)])
		if !b.over {
			b.over = true
			b.full()
		}
		return len(p), nil
	}
	return b.buffer.Write(p)
}

func (b *bounded) bytes() []byte    { return b.buffer.Bytes() }
func (b *bounded) overflowed() bool { return b.over }
