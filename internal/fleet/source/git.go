package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/command"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
)

// Rules of this file: a repository is content of others. Only its newest commit is fetched, no hook and no filter of it runs, no
// submodule is followed, and nothing is written to the disk before it is known how much that is: a few kilobytes can name a file a
// billion times. Git's own messages may repeat an address with a password, so they are withheld.

// Bounds of one fetch.
const (
	fetchTimeout = 2 * time.Minute
	maxCheckout  = 4 << 30 // bytes of all files, and of one file that git writes
	maxTree      = 500_000 // files
)

var errTooLarge = fmt.Errorf("the repository has more than %d files or %d GiB", maxTree, maxCheckout>>30)

// fetch brings a clone to the newest commit of its branch.
func (r *Reader) fetch(ctx context.Context, one settings.Source) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if _, err := os.Stat(filepath.Join(one.Directory, ".git")); errors.Is(err, os.ErrNotExist) {
		if entries, err := os.ReadDir(one.Directory); err == nil && len(entries) > 0 {
			return errors.New("the directory for the clone holds something else")
		}
		if err := os.MkdirAll(one.Directory, 0o700); err != nil {
			return fmt.Errorf("make the directory for the clone: %w", err)
		}
		if err := r.git(ctx, one.Directory, nil, "init", "-q"); err != nil {
			return err
		}
	}
	left, err := filepath.Glob(filepath.Join(one.Directory, ".git", "objects", "pack", "tmp_*")) // by a fetch that was cut short
	if err != nil {
		return fmt.Errorf("look for what a fetch left: %w", err)
	}
	for _, file := range left {
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("remove what a fetch left: %w", err)
		}
	}
	if err := r.git(ctx, one.Directory, nil, "fetch", "-q", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", one.Git, "refs/heads/"+one.Branch); err != nil {
		return err
	}
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	tree := &treeCensus{full: cancel}
	if err := r.git(limited, one.Directory, tree, "ls-tree", "-r", "-l", "-z", "--full-tree", "FETCH_HEAD"); tree.over || err != nil {
		if tree.over {
			err = errTooLarge
		}
		return err
	}
	if err := r.git(ctx, one.Directory, nil, "checkout", "-q", "--force", "--detach", "FETCH_HEAD"); err != nil {
		return err
	}
	return r.git(ctx, one.Directory, nil, "gc", "-q", "--auto")
}

// treeCensus counts what git lists of a tree.
type treeCensus struct {
	files, bytes int64
	entry        []byte // the beginning of one that is not whole yet
	over         bool
	full         func()
}

// Write implements io.Writer.
func (c *treeCensus) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && !c.over; {
		part, after, whole := bytes.Cut(rest, []byte{0})
		c.entry, rest = append(c.entry, part...), after
		if whole { // mode, type, id, size and, behind a tab, the path
			head, _, _ := bytes.Cut(c.entry, []byte{'\t'})
			fields := bytes.Fields(head)
			size, _ := strconv.ParseInt(string(fields[len(fields)-1]), 10, 64) // a submodule has none
			c.files, c.bytes, c.entry = c.files+1, c.bytes+size, c.entry[:0]
		}
		c.over = c.files > maxTree || c.bytes > maxCheckout || len(c.entry) > maxSize
	}
	if c.over {
		c.full()
	}
	return len(p), nil
}

// git runs git, which writes no file larger than maxCheckout.
func (r *Reader) git(ctx context.Context, directory string, output io.Writer, arguments ...string) error {
	safe := []string{"-c", fmt.Sprintf(`ulimit -f %d && exec git "$@"`, maxCheckout/512), "git", "-C", directory,
		"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.logAllRefUpdates=false", "-c", "submodule.recurse=false",
		"-c", "gc.autoDetach=false", "-c", "gc.pruneExpire=now"}
	cmd := exec.CommandContext(ctx, "sh", append(safe, arguments...)...)
	cmd.Stdout = output
	cmd.Env = []string{"GIT_TERMINAL_PROMPT=0", "GIT_LFS_SKIP_SMUDGE=1", "GIT_SSH_COMMAND=ssh -o BatchMode=yes"}
	for _, name := range []string{"PATH", "HOME", "SSH_AUTH_SOCK", "GIT_CONFIG_GLOBAL", "GIT_SSL_CAINFO"} {
		if value, set := r.lookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	if err := command.Run(cmd); err != nil {
		return fmt.Errorf("git %s: %w", arguments[0], err)
	}
	return nil
}
