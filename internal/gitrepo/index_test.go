package gitscan

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIndexListsWhatGitLists(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		prep func(g *gitRepo)
	}{
		{"version 2", func(*gitRepo) {}},
		{"version 4", func(g *gitRepo) { g.git("update-index", "--index-version=4") }},
		{"split", func(g *gitRepo) {
			g.git("update-index", "--split-index")
			g.write("d/new", "n")
			g.write("d/f3", "changed")
			g.git("add", "-A")
			g.git("rm", "-q", "--cached", "d/f5", "d/f17")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newRepo(t)
			for i := range 70 {
				g.write("d/f"+string(rune('0'+i%10))+strings.Repeat("x", i/10), "content")
				g.write("d/f"+string(rune('0'+i%10)), "content")
			}
			g.write("d/f17", "c")
			g.git("add", "-A")
			c.prep(g)
			x, err := readIndex(filepath.Join(g.dir, ".git/index"), 20)
			must(t, err)
			got := map[string]string{}
			for _, e := range x.entries {
				got[e.path] = e.id.String()
			}
			want := map[string]string{}
			for line := range strings.Lines(g.git("ls-files", "-s")) {
				meta, path, _ := strings.Cut(strings.TrimSpace(line), "\t")
				want[path] = strings.Fields(meta)[1]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
