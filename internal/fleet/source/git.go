package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
)

// Rules of this file: a repository is content of others. Only its newest commit is fetched, no hook and no filter of it runs, and no
// submodule is followed. Git's own messages may repeat an address with a password, so they are withheld.

// fetchTimeout bounds one fetch.
const fetchTimeout = 2 * time.Minute

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
		if err := r.git(ctx, one.Directory, "init", "-q"); err != nil {
			return err
		}
	}
	if err := r.git(ctx, one.Directory, "fetch", "-q", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", one.Git, "refs/heads/"+one.Branch); err != nil {
		return err
	}
	return r.git(ctx, one.Directory, "checkout", "-q", "--force", "--detach", "FETCH_HEAD")
}

func (r *Reader) git(ctx context.Context, directory string, arguments ...string) error {
	safe := []string{"-C", directory, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"}
	cmd := exec.CommandContext(ctx, "git", append(safe, arguments...)...)
	cmd.Env = []string{"GIT_TERMINAL_PROMPT=0", "GIT_LFS_SKIP_SMUDGE=1", "GIT_SSH_COMMAND=ssh -o BatchMode=yes"}
	for _, name := range []string{"PATH", "HOME", "SSH_AUTH_SOCK", "GIT_CONFIG_GLOBAL", "GIT_SSL_CAINFO"} {
		if value, set := r.lookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("git %s: %w", arguments[0], err)
	}
	return nil
}
