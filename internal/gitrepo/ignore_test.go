package gitrepo

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// open opens a repository in which nothing may be wrong.
func open(t *testing.T, dir string) *Repository {
	t.Helper()
	r, err := Open(t.Context(), dir, Options{Report: func(p object.Problem) { t.Errorf("%+v", p) }})
	gittest.Must(t, err)
	return r
}

// untracked lists what is neither tracked nor ignored.
func untracked(t *testing.T, r *Repository) []string {
	t.Helper()
	r.Read(t.Context())
	store := r.Store(t.Context(), 1, object.Limits{})
	defer store.Close()
	r.ListWorkTrees(t.Context(), store)
	var got []string
	for _, n := range r.Names {
		got = append(got, n.Path)
	}
	sort.Strings(got)
	return got
}

func TestIgnoresWhatGitIgnores(t *testing.T) {
	t.Parallel()
	patterns := [][]string{
		{"*.log", "!keep.log", "build/", "/top", "a/**/z", "**/deep", "x/**", "# comment", "", "\\#hash", "\\!bang", "trail  ", "sp\\ "},
		{"foo*", "!foo/bar", "[abc].txt", "[!x-z]1", "file?", "dir/*", "!dir/keep", "doc/*.md", "/**/abs", "***/p", "!*.c"},
		{"/f*", "!/foo", "/foo/*", "!/foo/ok", "z/**/", "*.[oa]", "[[:digit:]]x", "a\\*b", "w**x", "q/"},
		{"name/", "!name", "sub/dir", "/sub/dir2/", "*/m", "**/n/o", "n/**/p", "!deep/**"},
	}
	words := []string{"a", "b", "x1", "foo", "foobar", "bar", "keep", "keep.log", "app.log", "build", "top", "z", "deep", "dir", "doc", "a.md", "src", "ok", "m.o", "1x", "name", "sub", "dir2", "m", "n", "o", "p", "q", "file1", "#hash", "!bang", "trail", "a*b", "wyx", "main.c", "c.txt", "y1"}
	for i := range 2 * len(patterns) {
		list, fold := patterns[i/2], i%2 == 1
		t.Run(fmt.Sprintf("%d, ignoring case %v", i/2, fold), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(i), 9))
			g := gittest.New(t)
			g.Git("config", "core.ignorecase", fmt.Sprint(fold))
			if fold {
				list = strings.Split(strings.ToUpper(strings.Join(list, "\n")), "\n")
			}
			dirs := map[string]bool{"": true}
			files := map[string]bool{}
			for range 400 {
				var parts []string
				for range 1 + r.IntN(4) {
					parts = append(parts, words[r.IntN(len(words))])
				}
				path := strings.Join(parts, "/")
				ok := !dirs[path]
				for j := 1; j < len(parts); j++ {
					ok = ok && !files[strings.Join(parts[:j], "/")]
				}
				if !ok {
					continue
				}
				for j := 1; j < len(parts); j++ {
					dirs[strings.Join(parts[:j], "/")] = true
				}
				files[path] = true
				g.Write(path, "x")
			}
			// Patterns at the top, in a folder, and in git's own file.
			g.Write(".gitignore", strings.Join(list, "\n")+"\n")
			other := patterns[(i/2+1)%len(patterns)]
			for d := range dirs {
				if d != "" && r.IntN(6) == 0 {
					g.Write(d+"/.gitignore", strings.Join(other[:1+r.IntN(3)], "\n"))
				}
			}
			g.Write(".git/info/exclude", "y1\n*.md\n!a.md\n")
			got := untracked(t, open(t, g.Dir))
			want := strings.Split(strings.TrimSuffix(g.GitRaw("ls-files", "-z", "--others", "--exclude-standard"), "\x00"), "\x00")
			sort.Strings(want)
			if len(want) < 20 {
				t.Fatalf("git lists only %d files: the case shows nothing", len(want))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-git +engine):\n%.3000s", diff)
			}
		})
	}
}

func TestWildmatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "a", true}, {"*", "a/b", false}, {"**", "a/b", true}, {"a/**/b", "a/b", true}, {"a/**/b", "a/x/y/b", true},
		{"**/b", "b", true}, {"**/b", "a/b", true}, {"a**b", "axxb", true}, {"a**b", "ax/b", false}, {"a/**", "a", false},
		{"[]a]", "]", true}, {"[a-", "a", false}, {"[a-c]", "b", true}, {"\\*", "*", true}, {"\\*", "x", false}, {"a\\", "a\\", false},
		{"[[:alpha:]]", "x", true}, {"[[:nonsense:]]", "x", false}, {"[!a]", "/", false}, {"?", "", false}, {"", "", true},
		// These must not take for ever.
		{strings.Repeat("*a", 40) + "b", strings.Repeat("a", 80), false},
		{strings.Repeat("*a", 2000) + "b", strings.Repeat("a", 4000), false},
		{strings.Repeat("**/a/", 300) + "b", strings.Repeat("a/", 1500) + "c", false},
		{strings.Repeat("*a", 40) + "*", strings.Repeat("a", 80), true},
	} {
		if got := wildmatch(c.pattern, c.name, false); got != c.want {
			t.Errorf("%q against %q: %v", c.pattern, c.name, got)
		}
	}
}
