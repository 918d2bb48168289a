package gitscan

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const probeKey = "kJ8s0Zq2LmX4vB7nR1tY6uW3"

// loosePath is where git keeps the object with this id when it is not packed.
func (g *gitRepo) loosePath(id string) string {
	return filepath.Join(g.dir, ".git/objects", id[:2], id[2:])
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// overwrite changes one byte of a file, counted from the end if negative.
func overwrite(t testing.TB, file string, at int) {
	t.Helper()
	must(t, os.Chmod(file, 0o644))
	data, err := os.ReadFile(file)
	must(t, err)
	if at < 0 {
		at += len(data)
	}
	data[at] ^= 0x55
	must(t, os.WriteFile(file, data, 0o644))
}

func onlyPack(g *gitRepo) string {
	g.t.Helper()
	list, err := filepath.Glob(filepath.Join(g.dir, ".git/objects/pack/*.pack"))
	if err != nil || len(list) != 1 {
		g.t.Fatalf("packs: %v, %v", list, err)
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
			must(t, os.WriteFile(f, nil, 0o644))
			return f, []want{{NotARepository, "f", ""}}
		}},
		{"inside a repository", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write("sub/x", "x")
			return filepath.Join(g.dir, "sub"), []want{{NotARepository, "sub", ""}}
		}},
		{"shallow", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.commit("a")
			g.commit("b")
			dir := filepath.Join(t.TempDir(), "c")
			g.git("clone", "-q", "--depth=1", "file://"+g.dir, dir)
			return dir, []want{{ShallowClone, "", ""}}
		}},
		{"partial", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write("x", "x")
			g.commit("a")
			g.git("config", "uploadpack.allowFilter", "true")
			dir := filepath.Join(t.TempDir(), "c")
			g.git("clone", "-q", "--no-checkout", "--filter=blob:none", "file://"+g.dir, dir)
			return dir, []want{{PartialClone, "", ""}}
		}},
		{"missing blob", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write("deep/er/x", "only here\n")
			g.commit("a")
			id := g.git("rev-parse", "HEAD:deep/er/x")
			g.write("deep/er/x", "now\n")
			g.commit("b")
			must(t, os.Remove(g.loosePath(id)))
			return g.dir, []want{{MissingObject, "deep/er/x", id}}
		}},
		{"missing blob of a tree stored as a delta", func(t *testing.T) (string, []want) {
			g := realRepo(t, 3, 60)
			g.git("repack", "-adfq")
			id := g.git("rev-parse", "HEAD~5:d1/e1/f1.txt")
			pack := onlyPack(g)
			// All objects but one.
			var keep []string
			for line := range strings.Lines(g.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")) {
				if line = strings.TrimSpace(line); line != id {
					keep = append(keep, line)
				}
			}
			g.gitIn(strings.Join(keep, "\n")+"\n", "pack-objects", "-q", "--delta-base-offset", filepath.Join(filepath.Dir(pack), "pack"))
			must(t, os.Remove(pack))
			must(t, os.Remove(strings.TrimSuffix(pack, ".pack")+".idx"))
			return g.dir, []want{{MissingObject, "d1/e1/f1.txt", id}}
		}},
		{"missing commit", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			first := g.commit("a")
			g.commit("b")
			must(t, os.Remove(g.loosePath(first)))
			return g.dir, []want{{MissingObject, "", first}}
		}},
		{"missing branch tip", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.commit("a")
			g.git("checkout", "-q", "-b", "other")
			g.write("y", "y")
			id := g.commit("b")
			g.git("checkout", "-q", "main")
			must(t, os.Remove(g.loosePath(id)))
			return g.dir, []want{{MissingObject, "refs/heads/other", id}}
		}},
		{"missing staged blob", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write("s", "staged\n")
			g.git("add", "s")
			id := g.git("rev-parse", ":s")
			must(t, os.Remove(g.loosePath(id)))
			return g.dir, []want{{MissingObject, "s", id}}
		}},
		{"corrupt loose object", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write("x", strings.Repeat("some text\n", 50))
			g.commit("a")
			id := g.git("rev-parse", "HEAD:x")
			overwrite(t, g.loosePath(id), -3)
			return g.dir, []want{{CorruptObject, "", id}}
		}},
		{"loose object with the content of another", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write("x", "x")
			g.commit("a")
			id := g.git("rev-parse", "HEAD:x")
			g.write("x", "other")
			g.commit("b")
			other, err := os.ReadFile(g.loosePath(g.git("rev-parse", "HEAD:x")))
			must(t, err)
			must(t, os.Remove(g.loosePath(id)))
			must(t, os.WriteFile(g.loosePath(id), other, 0o644))
			return g.dir, []want{{CorruptObject, "", id}}
		}},
		{"large loose object with the content of another", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.git("config", "core.bigFileThreshold", "1m")
			g.write("x", strings.Repeat("a line of it\n", streamFrom/10))
			g.commit("a")
			id := g.git("rev-parse", "HEAD:x")
			g.write("x", strings.Repeat("a line else\n", streamFrom/10))
			other := g.git("-c", "core.bigFileThreshold=1g", "hash-object", "-w", "x")
			content, err := os.ReadFile(g.loosePath(other))
			must(t, err)
			must(t, os.MkdirAll(filepath.Dir(g.loosePath(id)), 0o755))
			must(t, os.WriteFile(g.loosePath(id)+".new", content, 0o644))
			must(t, os.Rename(g.loosePath(id)+".new", g.loosePath(id)))
			return g.dir, []want{{CorruptObject, "", id}}
		}},
		{"large program with a zip file at its end", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write("tool", strings.Repeat("\x7fELF", streamFrom/4)+zipOf("a.txt", probeKey, 8))
			g.commit("a")
			return g.dir, []want{{ArchiveCut, "tool", g.git("rev-parse", "HEAD:tool")}}
		}},
		{"object that was left unfinished", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write(".git/objects/ab/tmp_obj_x1y2z3", "x\x9c half")
			return g.dir, []want{{CorruptFile, ".git/objects/ab/tmp_obj_x1y2z3", ""}}
		}},
		{"objects of a push that was left unfinished", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write(".git/objects/tmp_objdir-incoming-a1B2c3/ab/cdef", "x")
			return g.dir, []want{{CorruptFile, ".git/objects/tmp_objdir-incoming-a1B2c3", ""}}
		}},
		{"damaged LFS content", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			oid := strings.Repeat("ab", 32)
			g.write("big.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:"+oid+"\nsize 5\n")
			g.write(".git/lfs/objects/ab/ab/"+oid, "12345")
			g.commit("a")
			return g.dir, []want{{LFSAbsent, "big.bin", ""}}
		}},
		{"HEAD that names nothing", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.commit("a")
			g.write(".git/HEAD", "nonsense\n")
			return g.dir, []want{{CorruptFile, ".git/HEAD", ""}}
		}},
		{"empty loose object", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write("x", "x")
			g.commit("a")
			id := g.git("rev-parse", "HEAD:x")
			must(t, os.Remove(g.loosePath(id)))
			must(t, os.WriteFile(g.loosePath(id), nil, 0o644))
			return g.dir, []want{{CorruptObject, "", id}}
		}},
		{"byte changed in a pack", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write("x", strings.Repeat("some text, ", 5)+"\n")
			g.commit("a")
			id := g.git("rev-parse", "HEAD:x")
			g.git("gc", "-q")
			pack := onlyPack(g)
			p, err := openPack(pack, "p", 20)
			must(t, err)
			blob, _ := parseOID(id, 20)
			at := int(p.starts[p.find(blob)]) + 8
			p.close()
			overwrite(t, pack, at)
			return g.dir, []want{{CorruptObject, ".pack", id}}
		}},
		{"truncated pack", func(t *testing.T) (string, []want) {
			g := realRepo(t, 1, 30)
			g.git("gc", "-q")
			pack := onlyPack(g)
			info, err := os.Stat(pack)
			must(t, err)
			must(t, os.Chmod(pack, 0o644))
			must(t, os.Truncate(pack, info.Size()/2))
			return g.dir, []want{{CorruptPack, ".pack", ""}, {MissingObject, "", "any"}}
		}},
		{"pack that is none", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write(".git/objects/pack/pack-x.pack", "nonsense nonsense nonsense nonsense nonsense")
			return g.dir, []want{{CorruptPack, "pack-x.pack", ""}}
		}},
		{"pack that cannot be opened", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			must(t, os.MkdirAll(filepath.Join(g.dir, ".git/objects/pack"), 0o755))
			must(t, os.Symlink("pack-x.pack", filepath.Join(g.dir, ".git/objects/pack/pack-x.pack")))
			return g.dir, []want{{Unreadable, "pack-x.pack", ""}}
		}},
		{"index that is none", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write(".git/index", "DIRCnonsense nonsense nonsense nonsense nonsense")
			return g.dir, []want{{CorruptFile, ".git/index", ""}}
		}},
		{"index that cannot be opened", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			must(t, os.Symlink("index", filepath.Join(g.dir, ".git/index")))
			return g.dir, []want{{Unreadable, ".git/index", ""}}
		}},
		{"ref that is none", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write(".git/refs/heads/odd", "nonsense")
			return g.dir, []want{{CorruptFile, "refs/heads/odd", ""}}
		}},
		{"alternate that is gone", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write(".git/objects/info/alternates", "/nonexistent/objects\n")
			return g.dir, []want{{MissingObject, "/nonexistent/objects", ""}}
		}},
		{"submodule not checked out", func(t *testing.T) (string, []want) {
			sub := newRepo(t)
			id := sub.commit("s")
			g := newRepo(t)
			g.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub.dir, "lib/sub")
			g.commit("a")
			dir := filepath.Join(t.TempDir(), "c")
			g.git("clone", "-q", g.dir, dir)
			return dir, []want{{SubmoduleAbsent, "lib/sub", id}}
		}},
		{"submodule of a bare repository", func(t *testing.T) (string, []want) {
			sub := newRepo(t)
			id := sub.commit("s")
			g := newRepo(t)
			g.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub.dir, "lib/sub")
			g.commit("a")
			dir := filepath.Join(t.TempDir(), "c")
			g.git("clone", "-q", "--bare", g.dir, dir)
			return dir, []want{{SubmoduleAbsent, "lib/sub", id}}
		}},
		{"LFS content that is elsewhere", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write("big.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:"+strings.Repeat("ab", 32)+"\nsize 12345\n")
			g.commit("a")
			return g.dir, []want{{LFSAbsent, "big.bin", g.git("rev-parse", "HEAD:big.bin")}}
		}},
		{"archive too deep", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write("n.gz", gzipOf(gzipOf(gzipOf(gzipOf(gzipOf(gzipOf("x")))))))
			g.commit("a")
			return g.dir, []want{{ArchiveCut, "n.gz!", ""}}
		}},
		{"archive cut off", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			z := gzipOf(strings.Repeat("some text of length\n", 99))
			g.write("cut.gz", z[:len(z)-12])
			return g.dir, []want{{ArchiveUnreadable, "cut.gz!", ""}}
		}},
		{"archive of another kind", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write("x.tar.xz", "\xfd7zXZ\x00 and so on")
			return g.dir, []want{{ArchiveUnsupported, "x.tar.xz", ""}}
		}},
		{"object format", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.git("config", "core.repositoryformatversion", "1")
			g.git("config", "extensions.objectFormat", "sha3")
			return g.dir, []want{{Unsupported, "", ""}}
		}},
		{"ref format", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.git("config", "extensions.refStorage", "other")
			return g.dir, []want{{Unsupported, "", ""}}
		}},
		{"no reftables", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.git("config", "extensions.refStorage", "reftable")
			return g.dir, []want{{Unreadable, "reftable/tables.list", ""}}
		}},
		{"unfinished pack", func(t *testing.T) (string, []want) {
			g := newRepo(t)
			g.write(".git/objects/pack/tmp_pack_abc123", "PACK")
			return g.dir, []want{{CorruptPack, "tmp_pack_abc123", ""}}
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
		{"empty", func(t *testing.T) string { return newRepo(t).dir }},
		{"bare", func(t *testing.T) string {
			g := newRepo(t, "--bare")
			return g.dir
		}},
		{"pruned parents of unreachable commits", func(t *testing.T) string {
			g := newRepo(t)
			g.commit("a")
			g.write("x", "gone\n")
			g.git("add", "x")
			g.git("commit", "-q", "-m", "b")
			gone := g.git("rev-parse", "HEAD")
			blob := g.git("rev-parse", "HEAD:x")
			g.commit("c")
			g.git("reset", "-q", "--hard", "HEAD~2")
			must(t, os.Remove(g.loosePath(gone)))
			must(t, os.Remove(g.loosePath(blob)))
			return g.dir
		}},
		{"intent to add, empty folder", func(t *testing.T) string {
			g := newRepo(t)
			g.write("later", "x")
			g.git("add", "-N", "later")
			g.git("commit", "-q", "--allow-empty", "-m", "empty tree")
			return g.dir
		}},
		{"LFS content that is here", func(t *testing.T) string {
			g := newRepo(t)
			sum := sha256.Sum256([]byte("12345"))
			oid := hex.EncodeToString(sum[:])
			g.write("big.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:"+oid+"\nsize 5\n")
			g.write(".git/lfs/objects/"+oid[:2]+"/"+oid[2:4]+"/"+oid, "12345")
			g.commit("a")
			return g.dir
		}},
		{"submodule whose objects are here", func(t *testing.T) string {
			sub := newRepo(t)
			sub.commit("s")
			g := newRepo(t)
			g.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub.dir, "lib/sub")
			g.commit("a")
			g.git("submodule", "--quiet", "deinit", "-f", "lib/sub")
			g.git("--git-dir=.git/modules/lib/sub", "config", "core.worktree", "../../../../lib/sub") // as older versions of git leave it
			return g.dir
		}},
		{"index versions and split index", func(t *testing.T) string {
			g := newRepo(t)
			g.write("a/b/c", "x")
			g.write("a/b/d", "y")
			g.commit("a")
			g.git("update-index", "--split-index")
			g.write("a/b/d", "z")
			g.write("a/b/e", "z")
			g.git("add", "a")
			g.git("rm", "-q", "--cached", "a/b/c")
			return g.dir
		}},
		{"a work tree of its own", func(t *testing.T) string {
			g := newRepo(t)
			g.commit("a")
			dir := filepath.Join(t.TempDir(), "linked")
			g.git("worktree", "add", "-q", "-b", "other", dir)
			return dir
		}},
		{"index version 4", func(t *testing.T) string {
			g := newRepo(t)
			g.write("a/b/c", "x")
			g.write("a/b/d", "y")
			g.commit("a")
			g.git("update-index", "--index-version=4")
			return g.dir
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
