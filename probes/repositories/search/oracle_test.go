package search

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
)

// realRepo is a repository with the shapes real ones have: long delta chains,
// merges, renames, binary files, unreachable objects, deep paths.
func realRepo(t testing.TB, seed uint64, commits int, init ...string) *gittest.Repo {
	t.Helper()
	g := gittest.New(t, init...)
	r := rand.New(rand.NewPCG(seed, 7))
	files := map[string][]string{}
	word := func() string {
		n := 3 + r.IntN(9)
		b := make([]byte, n)
		for i := range b {
			b[i] = "etaoinshrdlucmfwypvbgkqjxz"[min(r.IntN(26), r.IntN(26))]
		}
		return string(b)
	}
	line := func() string {
		var w []string
		for range 4 + r.IntN(9) {
			w = append(w, word())
		}
		return strings.Join(w, " ")
	}
	var script bytes.Buffer // for git fast-import
	mark := 0
	for i := range commits {
		var changed []string
		for range 1 + r.IntN(4) {
			name := fmt.Sprintf("d%d/e%d/f%d.txt", r.IntN(3), r.IntN(4), r.IntN(6))
			if lines := files[name]; len(lines) == 0 {
				for range 20 + r.IntN(200) {
					files[name] = append(files[name], line())
				}
			} else {
				for range 1 + r.IntN(3) {
					lines[r.IntN(len(lines))] = line()
				}
				if r.IntN(4) == 0 {
					at := r.IntN(len(lines))
					files[name] = append(lines[:at:at], append([]string{line(), line()}, lines[at:]...)...)
				}
			}
			changed = append(changed, name)
		}
		if i%10 == 0 {
			b := make([]byte, 2000+r.IntN(9000))
			for j := range b {
				b[j] = byte(r.Uint32())
			}
			files["bin"+strconv.Itoa(i%50)] = []string{string(b)}
			changed = append(changed, "bin"+strconv.Itoa(i%50))
		}
		mark++
		branch := "refs/heads/main"
		if i%7 == 3 {
			branch = "refs/heads/side"
		}
		message := line() + "\n\n" + line() + "\n"
		fmt.Fprintf(&script, "commit %s\nmark :%d\ncommitter Ann %s <ann@acme.example> %d +0000\ndata %d\n%s", branch, mark, word(), 1700000000+60*i, len(message), message)
		if branch == "refs/heads/side" && mark > 1 {
			fmt.Fprintf(&script, "merge :%d\n", mark-1)
		}
		for _, name := range changed {
			content := strings.Join(files[name], "\n")
			fmt.Fprintf(&script, "M 100644 inline %s\ndata %d\n%s\n", name, len(content), content)
		}
		if i%50 == 49 {
			fmt.Fprintf(&script, "tag v%d\nfrom :%d\ntagger Ann <ann@acme.example> %d +0000\ndata 8\nrelease\n\n", i, mark, 1700000000+60*i)
		}
	}
	g.GitIn(script.String(), "fast-import", "--quiet")
	return g
}

// allObjects reads every object with git: the oracle.
// IDs of other objects are left out, in which nothing can be hidden, and trees left empty, of which
// only the names are searched, each for itself.
func allObjects(t testing.TB, g *gittest.Repo) map[string][]byte {
	t.Helper()
	out := []byte(g.GitRaw("cat-file", "--batch-all-objects", "--batch"))
	objects := map[string][]byte{}
	for len(out) > 0 {
		head, rest, _ := bytes.Cut(out, []byte{'\n'})
		fields := strings.Fields(string(head))
		size, err := strconv.Atoi(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		objects[fields[0]] = rest[:size]
		switch fields[1] {
		case "tree":
			objects[fields[0]] = nil
		case "commit":
			objects[fields[0]] = rest[bytes.Index(rest, []byte("author ")):size]
		case "tag":
			objects[fields[0]] = rest[bytes.Index(rest, []byte("type ")):size]
		}
		out = rest[size+1:]
	}
	return objects
}

// cut takes random literals out of random objects.
func cutLiterals(objects map[string][]byte, n int, seed uint64) (list []match.Literal) {
	r := rand.New(rand.NewPCG(seed, 3))
	var ids []string
	for id := range objects {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for len(list) < n {
		data := objects[ids[r.IntN(len(ids))]]
		size := 16 + r.IntN(50)
		if len(data) < size {
			continue
		}
		at := r.IntN(len(data) - size + 1)
		list = append(list, match.Literal{ID: len(list), Bytes: data[at : at+size]})
	}
	return list
}

func hitSets(r *Result) map[string]bool {
	got := map[string]bool{}
	for _, h := range r.Hits {
		if h.Object != "" {
			got[fmt.Sprintf("%d %s", h.Literal, h.Object)] = true
		}
	}
	return got
}

func TestSameHitsAsGit(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		init []string
		prep func(g *gittest.Repo)
	}{
		{name: "one pack", prep: func(g *gittest.Repo) { g.Git("repack", "-adfq", "--depth=50", "--window=50") }},
		{name: "reference deltas", prep: func(g *gittest.Repo) {
			g.Git("-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq", "--depth=50")
		}},
		{name: "loose", prep: func(g *gittest.Repo) {
			packs, _ := filepath.Glob(filepath.Join(g.Dir, ".git/objects/pack/*.pack"))
			for _, p := range packs {
				data, err := os.ReadFile(p)
				if err != nil {
					g.T.Fatal(err)
				}
				os.Remove(p)
				os.Remove(strings.TrimSuffix(p, ".pack") + ".idx")
				g.GitIn(string(data), "unpack-objects", "-q")
			}
		}},
		{name: "index version 1", prep: func(g *gittest.Repo) { g.Git("-c", "pack.indexVersion=1", "repack", "-adfq") }},
		{name: "sha256", init: []string{"--object-format=sha256"}, prep: func(g *gittest.Repo) { g.Git("repack", "-adfq", "--depth=50") }},
		{name: "multi-pack index", prep: func(g *gittest.Repo) {
			g.Git("repack", "-adfq", "--max-pack-size=1m")
			g.Git("multi-pack-index", "write")
		}},
	}
	for i := range audittest.Rows(t, len(cases), 1) {
		c := cases[i]
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := realRepo(t, uint64(i), 150, c.init...)
			objects := allObjects(t, g)
			literals := cutLiterals(objects, 200, uint64(i))
			c.prep(g)
			want := map[string]bool{}
			for id, data := range objects {
				for _, l := range literals {
					if bytes.Contains(data, l.Bytes) {
						want[fmt.Sprintf("%d %s", l.ID, id)] = true
					}
				}
			}
			for _, workers := range []int{1, 3} {
				r := scan(t, g.Dir, Options{Literals: literals, Workers: workers, Limits: Limits{Hits: 1 << 20}})
				if diff := cmp.Diff(want, hitSets(r)); diff != "" {
					t.Errorf("%d workers: (-git +scan):\n%.3000s", workers, diff)
				}
				if len(r.Gaps) > 0 || r.HitsCut > 0 {
					t.Errorf("%d workers: gaps %+v, hits cut %d", workers, r.Gaps, r.HitsCut)
				}
				if int(r.Totals.Objects) != len(objects) {
					t.Errorf("%d workers: %d objects, git has %d", workers, r.Totals.Objects, len(objects))
				}
			}
		})
	}
}

func remove(g *gittest.Repo, pattern string) {
	g.T.Helper()
	list, err := filepath.Glob(filepath.Join(g.Dir, pattern))
	if err != nil || len(list) == 0 {
		g.T.Fatalf("nothing to remove at %s (%v)", pattern, err)
	}
	for _, f := range list {
		if err := os.Remove(f); err != nil {
			g.T.Fatal(err)
		}
	}
}
