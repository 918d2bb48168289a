package clients

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
	"github.com/prelaunch-audit/prelaunch/internal/treestate"
)

// Digests implements audit.Digester: one digest of each bundle. What a URL gives can only be told by fetching it.
func (p *probe) Digests(ctx context.Context, run *audit.Run) (map[string]string, error) {
	keys, err := keyscan.New(run.Integration)
	if err != nil {
		return nil, err
	}
	digests := map[string]string{}
	for _, client := range run.Integration.Clients {
		if client.URL != "" {
			digests["client "+keys.Shown(shownURL(client.URL))] = audit.UnknownDigest
			continue
		}
		digest, err := digestOf(ctx, run, run.Integration.Resolve(client.Path))
		if err != nil {
			return digests, err
		}
		digests["client "+keys.Shown(client.Path)] = digest
	}
	return digests, nil
}

// digestOf walks as searcher.bundle does: within its bounds, links to files followed and links to folders only named.
func digestOf(ctx context.Context, run *audit.Run, root string) (string, error) {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		real = root // its absence is a state too
	}
	state := treestate.New(run.Now)
	walked := 0
	err = filepath.WalkDir(real, func(path string, entry fs.DirEntry, err error) error {
		name, rerr := filepath.Rel(real, path)
		if rerr != nil || name == "." {
			name = filepath.Base(root)
		}
		name = filepath.ToSlash(name)
		if walked++; walked > maxFiles {
			state.Note("too many files")
			return fs.SkipAll
		}
		switch {
		case err != nil:
			state.Note("unlisted", name, whyUnread(err))
			if entry != nil && entry.IsDir() && path != real {
				return fs.SkipDir
			}
			return ctx.Err()
		case entry.IsDir():
			return ctx.Err()
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := filepath.EvalSymlinks(path)
			if err == nil {
				target, err = filepath.Rel(real, target)
			}
			if info, serr := os.Stat(path); serr == nil && info.IsDir() {
				inside := err == nil && filepath.IsLocal(target)
				state.Note("link", name, map[bool]string{true: "inside", false: "outside"}[inside])
				return ctx.Err()
			}
		}
		return state.File(ctx, name, path)
	})
	if err != nil && ctx.Err() == nil {
		state.Note("cut short", whyUnread(err))
	}
	return state.Sum(), ctx.Err()
}
