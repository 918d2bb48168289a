package gitrepo

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
)

func TestIndexListsWhatGitLists(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		prep func(g *gittest.Repo)
	}{
		{"version 2", func(*gittest.Repo) {}},
		{"version 4", func(g *gittest.Repo) { g.Git("update-index", "--index-version=4") }},
		{"split", func(g *gittest.Repo) {
			g.Git("update-index", "--split-index")
			g.Write("d/new", "n")
			g.Write("d/f3", "changed")
			g.Git("add", "-A")
			g.Git("rm", "-q", "--cached", "d/f5", "d/f17")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := gittest.New(t)
			for i := range 70 {
				g.Write("d/f"+string(rune('0'+i%10))+strings.Repeat("x", i/10), "content")
				g.Write("d/f"+string(rune('0'+i%10)), "content")
			}
			g.Write("d/f17", "c")
			g.Git("add", "-A")
			c.prep(g)
			x, err := readIndex(t.Context(), filepath.Join(g.Dir, ".git/index"), 20)
			gittest.Must(t, err)
			got := map[string]string{}
			for _, e := range x.Entries {
				got[e.Path] = e.ID.String()
			}
			want := map[string]string{}
			for line := range strings.Lines(g.Git("ls-files", "-s")) {
				meta, path, _ := strings.Cut(strings.TrimSpace(line), "\t")
				want[path] = strings.Fields(meta)[1]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
