package search

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
)

// The repositories have a key as part of a tag's and of a deleted branch's name, in a reflog, on a
// branch, in a stash and in the commit of a linked work tree.
func TestKeysInReftables(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir := gittest.Unpack(t, "../../../internal/gitrepo/testdata/reftable-"+format+".tar.gz")
			gittest.Must(t, os.Remove(filepath.Join(dir, ".git", "expected-refs")))
			result := scan(t, dir, Options{Literals: literals("kJ8s0Zq2LmX4vB7nR1tY6uW3")})
			found := map[string]bool{}
			for _, h := range result.Hits {
				switch h.Place {
				case InRef, InReflog:
					found[string(h.Place)] = true
				default:
					found[string(h.Place)+" "+h.Path+" "+h.Ref] = true
				}
			}
			if diff := cmp.Diff(map[string]bool{"ref": true, "reflog": true, "blob s.txt refs/heads/feature": true, "blob staged.txt refs/stash": true, "blob w.txt worktrees/wt/HEAD": true}, found); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, describe(result))
			}
			if len(result.Gaps) > 0 {
				t.Error(describe(result))
			}
		})
	}
}
