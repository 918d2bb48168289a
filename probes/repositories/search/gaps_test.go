package search

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

const probeKey = "kJ8s0Zq2LmX4vB7nR1tY6uW3"

// loosePath is where git keeps the object with this id when it is not packed.
// overwrite changes one byte of a file, counted from the end if negative.
func overwrite(t testing.TB, file string, at int) {
	t.Helper()
	gittest.Must(t, os.Chmod(file, 0o644))
	data, err := os.ReadFile(file)
	gittest.Must(t, err)
	if at < 0 {
		at += len(data)
	}
	data[at] ^= 0x55
	gittest.Must(t, os.WriteFile(file, data, 0o644))
}

func onlyPack(g *gittest.Repo) string {
	g.T.Helper()
	list, err := filepath.Glob(filepath.Join(g.Dir, ".git/objects/pack/*.pack"))
	if err != nil || len(list) != 1 {
		g.T.Fatalf("packs: %v, %v", list, err)
	}
	return list[0]
}

// Every way a repository can withhold something must be named.
func TestGaps(t *testing.T) {
	t.Parallel()
	type want struct {
		reason Reason
		path   string // substring
		object string
	}
	cases := []struct {
		name string
		// make returns the path to scan and what must be among the gaps.
		make func(t *testing.T) (string, []want)
	}{
		{"not there", func(t *testing.T) (string, []want) {
			return filepath.Join(t.TempDir(), "none"), []want{{Unreadable, "none", ""}}
		}},
		{"no repository", func(t *testing.T) (string, []want) {
			return t.TempDir(), []want{{NotARepository, "", ""}}
		}},
		{"a file", func(t *testing.T) (string, []want) {
			f := filepath.Join(t.TempDir(), "f")
			gittest.Must(t, os.WriteFile(f, nil, 0o644))
			return f, []want{{NotARepository, "f", ""}}
		}},
		{"inside a repository", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write("sub/x", "x")
			return filepath.Join(g.Dir, "sub"), []want{{NotARepository, "sub", ""}}
		}},
		{"shallow", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Commit("a")
			g.Commit("b")
			dir := filepath.Join(t.TempDir(), "c")
			g.Git("clone", "-q", "--depth=1", "file://"+g.Dir, dir)
			return dir, []want{{ShallowClone, "", ""}}
		}},
		{"partial", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write("x", "x")
			g.Commit("a")
			g.Git("config", "uploadpack.allowFilter", "true")
			dir := filepath.Join(t.TempDir(), "c")
			g.Git("clone", "-q", "--no-checkout", "--filter=blob:none", "file://"+g.Dir, dir)
			return dir, []want{{PartialClone, "", ""}}
		}},
		{"missing blob", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write("deep/er/x", "only here\n")
			g.Commit("a")
			id := g.Git("rev-parse", "HEAD:deep/er/x")
			g.Write("deep/er/x", "now\n")
			g.Commit("b")
			gittest.Must(t, os.Remove(g.LoosePath(id)))
			return g.Dir, []want{{MissingObject, "deep/er/x", id}}
		}},
		{"missing blob of a tree stored as a delta", func(t *testing.T) (string, []want) {
			g := realRepo(t, 3, 60)
			g.Git("repack", "-adfq")
			id := g.Git("rev-parse", "HEAD~5:d1/e1/f1.txt")
			pack := onlyPack(g)
			// All objects but one.
			var keep []string
			for line := range strings.Lines(g.Git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")) {
				if line = strings.TrimSpace(line); line != id {
					keep = append(keep, line)
				}
			}
			g.GitIn(strings.Join(keep, "\n")+"\n", "pack-objects", "-q", "--delta-base-offset", filepath.Join(filepath.Dir(pack), "pack"))
			gittest.Must(t, os.Remove(pack))
			gittest.Must(t, os.Remove(strings.TrimSuffix(pack, ".pack")+".idx"))
			return g.Dir, []want{{MissingObject, "d1/e1/f1.txt", id}}
		}},
		{"missing commit", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			first := g.Commit("a")
			g.Commit("b")
			gittest.Must(t, os.Remove(g.LoosePath(first)))
			return g.Dir, []want{{MissingObject, "", first}}
		}},
		{"missing branch tip", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Commit("a")
			g.Git("checkout", "-q", "-b", "other")
			g.Write("y", "y")
			id := g.Commit("b")
			g.Git("checkout", "-q", "main")
			gittest.Must(t, os.Remove(g.LoosePath(id)))
			return g.Dir, []want{{MissingObject, "refs/heads/other", id}}
		}},
		{"missing staged blob", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write("s", "staged\n")
			g.Git("add", "s")
			id := g.Git("rev-parse", ":s")
			gittest.Must(t, os.Remove(g.LoosePath(id)))
			return g.Dir, []want{{MissingObject, "s", id}}
		}},
		{"corrupt loose object", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write("x", strings.Repeat("some text\n", 50))
			g.Commit("a")
			id := g.Git("rev-parse", "HEAD:x")
			overwrite(t, g.LoosePath(id), -3)
			return g.Dir, []want{{CorruptObject, "", id}}
		}},
		{"loose object with the content of another", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write("x", "x")
			g.Commit("a")
			id := g.Git("rev-parse", "HEAD:x")
			g.Write("x", "other")
			g.Commit("b")
			other, err := os.ReadFile(g.LoosePath(g.Git("rev-parse", "HEAD:x")))
			gittest.Must(t, err)
			gittest.Must(t, os.Remove(g.LoosePath(id)))
			gittest.Must(t, os.WriteFile(g.LoosePath(id), other, 0o644))
			return g.Dir, []want{{CorruptObject, "", id}}
		}},
		{"large loose object with the content of another", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Git("config", "core.bigFileThreshold", "1m")
			g.Write("x", strings.Repeat("a line of it\n", object.StreamFrom/10))
			g.Commit("a")
			id := g.Git("rev-parse", "HEAD:x")
			g.Write("x", strings.Repeat("a line else\n", object.StreamFrom/10))
			other := g.Git("-c", "core.bigFileThreshold=1g", "hash-object", "-w", "x")
			content, err := os.ReadFile(g.LoosePath(other))
			gittest.Must(t, err)
			gittest.Must(t, os.MkdirAll(filepath.Dir(g.LoosePath(id)), 0o755))
			gittest.Must(t, os.WriteFile(g.LoosePath(id)+".new", content, 0o644))
			gittest.Must(t, os.Rename(g.LoosePath(id)+".new", g.LoosePath(id)))
			return g.Dir, []want{{CorruptObject, "", id}}
		}},
		{"object that was left unfinished", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write(".git/objects/ab/tmp_obj_x1y2z3", "x\x9c half")
			return g.Dir, []want{{CorruptFile, ".git/objects/ab/tmp_obj_x1y2z3", ""}}
		}},
		{"objects of a push that was left unfinished", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write(".git/objects/tmp_objdir-incoming-a1B2c3/ab/cdef", "x")
			return g.Dir, []want{{CorruptFile, ".git/objects/tmp_objdir-incoming-a1B2c3", ""}}
		}},
		{"damaged LFS content", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			oid := strings.Repeat("ab", 32)
			g.Write("big.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:"+oid+"\nsize 5\n")
			g.Write(".git/lfs/objects/ab/ab/"+oid, "12345")
			g.Commit("a")
			return g.Dir, []want{{LFSAbsent, "big.bin", ""}}
		}},
		{"HEAD that names nothing", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Commit("a")
			g.Write(".git/HEAD", "nonsense\n")
			return g.Dir, []want{{CorruptFile, ".git/HEAD", ""}}
		}},
		{"empty loose object", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write("x", "x")
			g.Commit("a")
			id := g.Git("rev-parse", "HEAD:x")
			gittest.Must(t, os.Remove(g.LoosePath(id)))
			gittest.Must(t, os.WriteFile(g.LoosePath(id), nil, 0o644))
			return g.Dir, []want{{CorruptObject, "", id}}
		}},
		{"byte changed in a pack", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write("x", strings.Repeat("some text, ", 5)+"\n")
			g.Commit("a")
			id := g.Git("rev-parse", "HEAD:x")
			g.Git("gc", "-q")
			pack := onlyPack(g)
			var at int
			for line := range strings.Lines(g.Git("verify-pack", "-v", pack)) {
				if f := strings.Fields(line); len(f) == 5 && f[0] == id {
					at, _ = strconv.Atoi(f[4])
				}
			}
			at += 8
			overwrite(t, pack, at)
			return g.Dir, []want{{CorruptObject, ".pack", id}}
		}},
		{"truncated pack", func(t *testing.T) (string, []want) {
			g := realRepo(t, 1, 30)
			g.Git("gc", "-q")
			pack := onlyPack(g)
			info, err := os.Stat(pack)
			gittest.Must(t, err)
			gittest.Must(t, os.Chmod(pack, 0o644))
			gittest.Must(t, os.Truncate(pack, info.Size()/2))
			return g.Dir, []want{{CorruptPack, ".pack", ""}, {MissingObject, "", "any"}}
		}},
		{"pack without an index", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write("x", probeKey)
			g.Commit("a")
			g.Git("gc", "-q")
			remove(g, ".git/objects/pack/*.idx")
			return g.Dir, []want{{CorruptPack, ".pack", ""}, {MissingObject, "", "any"}}
		}},
		{"pack with the index of another", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Commit("a")
			g.Git("gc", "-q")
			index := strings.TrimSuffix(onlyPack(g), ".pack") + ".idx"
			overwrite(t, index, -25)
			return g.Dir, []want{{CorruptPack, ".pack", ""}, {MissingObject, "", "any"}}
		}},
		{"pack that is none", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write(".git/objects/pack/pack-x.pack", "nonsense nonsense nonsense nonsense nonsense")
			return g.Dir, []want{{CorruptPack, "pack-x.pack", ""}}
		}},
		{"pack that cannot be opened", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			gittest.Must(t, os.MkdirAll(filepath.Join(g.Dir, ".git/objects/pack"), 0o755))
			gittest.Must(t, os.Symlink("pack-x.pack", filepath.Join(g.Dir, ".git/objects/pack/pack-x.pack")))
			return g.Dir, []want{{Unreadable, "pack-x.pack", ""}}
		}},
		{"index that is none", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write(".git/index", "DIRCnonsense nonsense nonsense nonsense nonsense")
			return g.Dir, []want{{CorruptFile, ".git/index", ""}}
		}},
		{"index that cannot be opened", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			gittest.Must(t, os.Symlink("index", filepath.Join(g.Dir, ".git/index")))
			return g.Dir, []want{{Unreadable, ".git/index", ""}}
		}},
		{"ref that is none", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write(".git/refs/heads/odd", "nonsense")
			return g.Dir, []want{{CorruptFile, "refs/heads/odd", ""}}
		}},
		{"alternate that is gone", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write(".git/objects/info/alternates", "/nonexistent/objects\n")
			return g.Dir, []want{{MissingObject, "/nonexistent/objects", ""}}
		}},
		{"submodule not checked out", func(t *testing.T) (string, []want) {
			sub := gittest.New(t)
			id := sub.Commit("s")
			g := gittest.New(t)
			g.Git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub.Dir, "lib/sub")
			g.Commit("a")
			dir := filepath.Join(t.TempDir(), "c")
			g.Git("clone", "-q", g.Dir, dir)
			return dir, []want{{SubmoduleAbsent, "lib/sub", id}}
		}},
		{"submodule of a bare repository", func(t *testing.T) (string, []want) {
			sub := gittest.New(t)
			id := sub.Commit("s")
			g := gittest.New(t)
			g.Git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub.Dir, "lib/sub")
			g.Commit("a")
			dir := filepath.Join(t.TempDir(), "c")
			g.Git("clone", "-q", "--bare", g.Dir, dir)
			return dir, []want{{SubmoduleAbsent, "lib/sub", id}}
		}},
		{"LFS content that is elsewhere", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write("big.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:"+strings.Repeat("ab", 32)+"\nsize 12345\n")
			g.Commit("a")
			return g.Dir, []want{{LFSAbsent, "big.bin", g.Git("rev-parse", "HEAD:big.bin")}}
		}},
		{"archive too deep", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write("n.gz", gzipOf(gzipOf(gzipOf(gzipOf(gzipOf(gzipOf("x")))))))
			g.Commit("a")
			return g.Dir, []want{{ArchiveCut, "n.gz!", ""}}
		}},
		{"archive cut off", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			z := gzipOf(strings.Repeat("some text of length\n", 99))
			g.Write("cut.gz", z[:len(z)-12])
			return g.Dir, []want{{ArchiveUnreadable, "cut.gz!", ""}}
		}},
		{"archive of another kind", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write("x.7z", "7z\xbc\xaf\x27\x1c and so on")
			return g.Dir, []want{{ArchiveUnsupported, "x.7z", ""}}
		}},
		{"object format", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Git("config", "core.repositoryformatversion", "1")
			g.Git("config", "extensions.objectFormat", "sha3")
			return g.Dir, []want{{Unsupported, "", ""}}
		}},
		{"ref format", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Git("config", "extensions.refStorage", "other")
			return g.Dir, []want{{Unsupported, "", ""}}
		}},
		{"no reftables", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Git("config", "extensions.refStorage", "reftable")
			return g.Dir, []want{{Unreadable, "reftable/tables.list", ""}}
		}},
		{"unfinished pack", func(t *testing.T) (string, []want) {
			g := gittest.New(t)
			g.Write(".git/objects/pack/tmp_pack_abc123", "PACK")
			return g.Dir, []want{{CorruptPack, "tmp_pack_abc123", ""}}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir, wants := c.make(t)
			r := scan(t, dir, Options{Literals: literals(probeKey)})
			for _, w := range wants {
				found := false
				for _, g := range r.Gaps {
					found = found || g.Reason == w.reason && strings.Contains(g.Path, w.path) && (g.Object == w.object || w.object == "any") && g.Detail != ""
				}
				if !found {
					t.Errorf("no gap %+v in %+v", w, r.Gaps)
				}
			}
			for _, g := range r.Gaps {
				known := false
				for _, w := range wants {
					known = known || g.Reason == w.reason
				}
				if !known {
					t.Errorf("unexpected gap %+v", g)
				}
			}
		})
	}
}

// What is only unreachable, or rightly absent, is no gap.
func TestNoGaps(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		make func(t *testing.T) string
	}{
		{"empty", func(t *testing.T) string { return gittest.New(t).Dir }},
		{"bare", func(t *testing.T) string {
			g := gittest.New(t, "--bare")
			return g.Dir
		}},
		{"pruned parents of unreachable commits", func(t *testing.T) string {
			g := gittest.New(t)
			g.Commit("a")
			g.Write("x", "gone\n")
			g.Git("add", "x")
			g.Git("commit", "-q", "-m", "b")
			gone := g.Git("rev-parse", "HEAD")
			blob := g.Git("rev-parse", "HEAD:x")
			g.Commit("c")
			g.Git("reset", "-q", "--hard", "HEAD~2")
			gittest.Must(t, os.Remove(g.LoosePath(gone)))
			gittest.Must(t, os.Remove(g.LoosePath(blob)))
			return g.Dir
		}},
		{"intent to add, empty folder", func(t *testing.T) string {
			g := gittest.New(t)
			g.Write("later", "x")
			g.Git("add", "-N", "later")
			g.Git("commit", "-q", "--allow-empty", "-m", "empty tree")
			return g.Dir
		}},
		{"LFS content that is here", func(t *testing.T) string {
			g := gittest.New(t)
			sum := sha256.Sum256([]byte("12345"))
			oid := hex.EncodeToString(sum[:])
			g.Write("big.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:"+oid+"\nsize 5\n")
			g.Write(".git/lfs/objects/"+oid[:2]+"/"+oid[2:4]+"/"+oid, "12345")
			g.Commit("a")
			return g.Dir
		}},
		{"submodule whose objects are here", func(t *testing.T) string {
			sub := gittest.New(t)
			sub.Commit("s")
			g := gittest.New(t)
			g.Git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub.Dir, "lib/sub")
			g.Commit("a")
			g.Git("submodule", "--quiet", "deinit", "-f", "lib/sub")
			g.Git("--git-dir=.git/modules/lib/sub", "config", "core.worktree", "../../../../lib/sub") // as older versions of git leave it
			return g.Dir
		}},
		{"index versions and split index", func(t *testing.T) string {
			g := gittest.New(t)
			g.Write("a/b/c", "x")
			g.Write("a/b/d", "y")
			g.Commit("a")
			g.Git("update-index", "--split-index")
			g.Write("a/b/d", "z")
			g.Write("a/b/e", "z")
			g.Git("add", "a")
			g.Git("rm", "-q", "--cached", "a/b/c")
			return g.Dir
		}},
		{"a work tree of its own", func(t *testing.T) string {
			g := gittest.New(t)
			g.Commit("a")
			dir := filepath.Join(t.TempDir(), "linked")
			g.Git("worktree", "add", "-q", "-b", "other", dir)
			return dir
		}},
		{"index version 4", func(t *testing.T) string {
			g := gittest.New(t)
			g.Write("a/b/c", "x")
			g.Write("a/b/d", "y")
			g.Commit("a")
			g.Git("update-index", "--index-version=4")
			return g.Dir
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := scan(t, c.make(t), Options{Literals: literals(probeKey)})
			if len(r.Gaps) > 0 || len(r.Hits) > 0 {
				t.Error(describe(r))
			}
		})
	}
}
