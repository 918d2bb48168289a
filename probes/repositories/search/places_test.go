package search

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/andybalholm/brotli"

	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// spelling is one way to write a key.
type spelling struct {
	name string
	text []byte
	// what cannot hold it: a file name, a ref name, a commit message
	noName, noRef, noMessage bool
}

// spellings is this test's own table, so that a gap in the product's cannot
// hide a gap in the search.
func spellings(key string) []spelling {
	b64 := func(enc *base64.Encoding, pad int) []byte {
		// The middle that does not depend on what surrounds the key.
		full := enc.EncodeToString([]byte("@@"[:pad] + key + "@@@"))
		skip := []int{0, 2, 3}[pad]
		return []byte(full[skip : (pad+len(key))*8/6])
	}
	wide := func(order binary.AppendByteOrder) (out []byte) {
		for _, u := range utf16.Encode([]rune(key)) {
			out = order.AppendUint16(out, u)
		}
		return out
	}
	each := func(format string) []byte {
		var b strings.Builder
		for i := range len(key) {
			fmt.Fprintf(&b, format, key[i])
		}
		return []byte(b.String())
	}
	list := []spelling{
		{name: "plain", text: []byte(key)},
		{name: "base64/0", text: b64(base64.StdEncoding, 0)},
		{name: "base64/1", text: b64(base64.StdEncoding, 1)},
		{name: "base64/2", text: b64(base64.StdEncoding, 2)},
		{name: "base64url/0", text: b64(base64.URLEncoding, 0)},
		{name: "base64url/1", text: b64(base64.URLEncoding, 1)},
		{name: "base64url/2", text: b64(base64.URLEncoding, 2)},
		{name: "hex", text: []byte(hex.EncodeToString([]byte(key)))},
		{name: "HEX", text: []byte(strings.ToUpper(hex.EncodeToString([]byte(key))))},
		{name: "percent", text: each("%%%02X")},
		{name: "json", text: each(`\u%04x`), noRef: true},
		{name: "javascript", text: each(`\x%02x`), noRef: true},
		{name: "utf-16le", text: wide(binary.LittleEndian), noName: true, noRef: true, noMessage: true},
		{name: "utf-16be", text: wide(binary.BigEndian), noName: true, noRef: true, noMessage: true},
	}
	var distinct []spelling
	seen := map[string]bool{}
	for _, s := range list {
		if seen[string(s.text)] {
			continue // base64 and base64url often agree
		}
		seen[string(s.text)] = true
		if bytes.ContainsAny(s.text, "/") {
			s.noName, s.noRef = true, true
		}
		distinct = append(distinct, s)
	}
	return distinct
}

// hiding is one place where a key is hidden in every spelling that fits.
type hiding struct {
	name string
	// fits says which spellings the place can hold; nil: all.
	fits func(s spelling) bool
	// hide puts the texts there.
	hide func(g *gittest.Repo, texts []string)
	// here says whether a hit describes the place rightly.
	here func(h Hit) bool
	// also allows hits that are right too (the same bytes in a second place).
	also func(h Hit) bool
	// absent: nothing may be found.
	absent bool
	// late: what the commands of the others would commit or remove.
	late bool
}

func inMessage(s spelling) bool { return !s.noMessage }
func inName(s spelling) bool    { return !s.noName }
func inRefName(s spelling) bool { return !s.noRef }

func lines(texts []string) string { return "top\n" + strings.Join(texts, "\n") + "\n" }

func blobAt(path string, reachable bool) func(Hit) bool {
	return func(h Hit) bool {
		return h.Place == InBlob && h.Path == path && h.Reachable == reachable && (h.Commit != "") == (path != "") && (h.Ref != "") == reachable && h.Member == ""
	}
}

func member(path, name string) func(Hit) bool {
	return func(h Hit) bool { return h.Place == InBlob && h.Path == path && h.Member == name && h.InHead }
}

func zipOf(name, content string, method uint16) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, _ := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	w.Write([]byte(content))
	z.Close()
	return b.String()
}

func tarOf(name, content string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg})
	w.Write([]byte(content))
	w.Close()
	return b.String()
}

func gzipOf(content string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(content))
	z.Close()
	return b.String()
}

func brotliOf(content string) string {
	var b bytes.Buffer
	w := brotli.NewWriter(&b)
	w.Write([]byte(content))
	w.Close()
	return b.String()
}

// messageFile allows for a message to be repeated by git itself.
func messageFile(h Hit) bool { return h.Place == InGitDir || h.Place == InReflog }

// onDisk allows for a committed file to be found on disk too.
func onDisk(path string) func(Hit) bool {
	return func(h Hit) bool { return h.Place == InTracked && h.Path == path }
}

func commitFile(path string, content func(texts []string) string) func(g *gittest.Repo, texts []string) {
	return func(g *gittest.Repo, texts []string) {
		g.Write(path, content(texts))
		g.Commit("add " + path)
	}
}

func archived(path, inner string, pack func(content string) string) hiding {
	return hiding{
		name: "archive " + path, hide: commitFile(path, func(t []string) string { return pack(lines(t)) }),
		here: member(path, inner),
		also: func(h Hit) bool { return h.Path == path && (h.Place == InTracked || h.Place == InBlob) },
	}
}

var hidings = []hiding{
	{name: "brotli, in history", hide: func(g *gittest.Repo, t []string) {
		g.Write("dist/app.js.br", brotliOf(strings.Repeat("some text that packs well, ", 40)+lines(t)))
		g.Commit("dist")
		g.Git("rm", "-q", "dist/app.js.br")
		g.Commit("no dist")
	}, here: func(h Hit) bool {
		return h.Place == InBlob && h.Path == "dist/app.js.br" && h.Member == "content" && h.Reachable
	},
		also: func(h Hit) bool { return h.Path == "dist/app.js.br" }},
	{name: "tracked, changed on disk only", late: true, hide: func(g *gittest.Repo, t []string) {
		g.Write("disk.txt", "x\n")
		g.Commit("disk")
		g.Write("disk.txt", lines(t))
	}, here: func(h Hit) bool { return h.Place == InTracked && h.Path == "disk.txt" && h.Line > 1 }},
	{name: "untracked", late: true, hide: func(g *gittest.Repo, t []string) { g.Write("new/untracked.txt", lines(t)) },
		here: func(h Hit) bool { return h.Place == InUntracked && h.Path == "new/untracked.txt" }},
	{name: "ignored", absent: true, hide: func(g *gittest.Repo, t []string) {
		g.Write(".gitignore", "/ignored/*\n*.secret\n")
		g.Write("ignored/x.txt", lines(t))
		g.Write("deep/a.secret", lines(t))
	}},
	{name: "object left unfinished", late: true, hide: func(g *gittest.Repo, t []string) {
		id := g.GitIn(lines(t)+"half", "hash-object", "-w", "--stdin")
		gittest.Must(g.T, os.Rename(g.LoosePath(id), filepath.Join(filepath.Dir(g.LoosePath(id)), "tmp_obj_a1B2c3")))
	}, here: blobAt("", false)},
	{name: "index only", late: true, hide: func(g *gittest.Repo, t []string) {
		g.Write("staged.txt", lines(t))
		g.Git("add", "staged.txt")
		g.Write("staged.txt", "clean\n")
	}, here: func(h Hit) bool { return h.Place == InBlob && h.Staged && h.Path == "staged.txt" && !h.Reachable }},
	{name: "history", hide: func(g *gittest.Repo, t []string) {
		g.Write("src/old.go", lines(t))
		g.Commit("with")
		g.Write("src/old.go", "clean\n")
		g.Commit("without")
	}, here: func(h Hit) bool {
		return blobAt("src/old.go", true)(h) && !h.InHead && h.Line > 1
	}},
	{name: "HEAD", hide: commitFile("conf/now.yml", lines),
		here: func(h Hit) bool { return blobAt("conf/now.yml", true)(h) && h.InHead && h.Ref == "HEAD" }, also: onDisk("conf/now.yml")},
	{name: "other branch", hide: func(g *gittest.Repo, t []string) {
		g.Git("checkout", "-q", "-b", "feature/x")
		g.Write("feature.txt", lines(t))
		g.Commit("feature")
		g.Git("checkout", "-q", "main")
	}, here: func(h Hit) bool { return blobAt("feature.txt", true)(h) && h.Ref == "refs/heads/feature/x" }},
	{name: "other work tree's index", hide: func(g *gittest.Repo, t []string) {
		wt := filepath.Join(g.T.TempDir(), "wt")
		g.Git("worktree", "add", "-q", "--detach", wt)
		os.WriteFile(filepath.Join(wt, "elsewhere.txt"), []byte(lines(t)), 0o644)
		(&gittest.Repo{T: g.T, Dir: wt}).Git("add", "elsewhere.txt")
	}, here: func(h Hit) bool { return h.Place == InBlob && h.Staged && h.Path == "elsewhere.txt" }},
	{name: "other work tree, not tracked there", late: true, hide: func(g *gittest.Repo, t []string) {
		wt := filepath.Join(g.T.TempDir(), "wt2")
		g.Git("worktree", "add", "-q", "--detach", wt)
		gittest.Must(g.T, os.WriteFile(filepath.Join(wt, "notes.txt"), []byte(lines(t)), 0o644))
	}, here: func(h Hit) bool {
		return h.Place == InUntracked && strings.HasPrefix(h.Path, "../") && strings.HasSuffix(h.Path, "/wt2/notes.txt")
	}},
	{name: "stash", hide: func(g *gittest.Repo, t []string) {
		g.Write("stashed.txt", "x\n")
		g.Commit("to stash")
		g.Write("stashed.txt", lines(t))
		g.Git("stash", "-q")
	}, here: func(h Hit) bool { return blobAt("stashed.txt", true)(h) && h.Ref == "refs/stash" }},
	{name: "note", fits: inMessage, hide: func(g *gittest.Repo, t []string) {
		g.GitIn(lines(t), "notes", "add", "-F", "-")
	}, here: func(h Hit) bool { return h.Place == InBlob && h.Ref == "refs/notes/commits" && h.Path != "" }, also: messageFile},
	{name: "amended", hide: func(g *gittest.Repo, t []string) {
		g.Write("amended.txt", lines(t))
		g.Commit("before")
		g.Write("amended.txt", "clean\n")
		g.Git("add", "-A")
		g.Git("commit", "-q", "--amend", "-m", "after")
	}, here: blobAt("amended.txt", false)},
	{name: "reset", hide: func(g *gittest.Repo, t []string) {
		g.Write("reset/deep/r.txt", lines(t))
		g.Commit("wrong")
		g.Git("reset", "-q", "--hard", "HEAD~1")
	}, here: blobAt("reset/deep/r.txt", false)},
	{name: "dropped stash", hide: func(g *gittest.Repo, t []string) {
		g.Write("dropped.txt", "x\n")
		g.Commit("drop")
		g.Write("dropped.txt", lines(t))
		g.Git("stash", "push", "-q")
		g.Git("stash", "drop", "-q")
	}, here: blobAt("dropped.txt", false)},
	{name: "dangling blob", hide: func(g *gittest.Repo, t []string) { g.GitIn(lines(t), "hash-object", "-w", "--stdin") },
		here: blobAt("", false)},
	{name: "alternate", hide: func(g *gittest.Repo, t []string) {
		other := gittest.New(g.T)
		other.Write("alt.txt", lines(t))
		other.Commit("alt")
		f, err := os.OpenFile(filepath.Join(g.Dir, ".git/objects/info/alternates"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			g.T.Fatal(err)
		}
		fmt.Fprintln(f, filepath.Join(other.Dir, ".git/objects"))
		if err := f.Close(); err != nil {
			g.T.Fatal(err)
		}
	}, here: blobAt("alt.txt", false)},
	{name: "merge resolution", hide: func(g *gittest.Repo, t []string) {
		g.Git("checkout", "-q", "-b", "m1")
		g.Write("merge-a.txt", "a\n")
		g.Commit("m1")
		g.Git("checkout", "-q", "main")
		g.Write("merge-b.txt", "b\n")
		g.Commit("m0")
		g.Git("merge", "-q", "--no-commit", "m1")
		g.Write("merge-a.txt", lines(t))
		g.Commit("merge")
		g.Write("merge-a.txt", "a\n")
		g.Commit("hide it")
	}, here: blobAt("merge-a.txt", true)},
	{name: "-diff", hide: func(g *gittest.Repo, t []string) {
		g.Write(".gitattributes", "*.nodiff -diff\n")
		commitFile("x.nodiff", lines)(g, t)
	}, here: blobAt("x.nodiff", true), also: onDisk("x.nodiff")},
	{name: "symlink target", fits: inName, hide: func(g *gittest.Repo, t []string) {
		for i, s := range t {
			os.Symlink("nowhere/"+s, filepath.Join(g.Dir, fmt.Sprintf("link%d", i)))
		}
		g.Commit("links")
	}, here: func(h Hit) bool { return h.Place == InBlob && strings.HasPrefix(h.Path, "link") && h.InHead },
		also: func(h Hit) bool { return h.Place == InTracked && strings.HasPrefix(h.Path, "link") }},
	{name: "binary", hide: commitFile("blob.bin", func(t []string) string {
		return "\x00\x01\xff" + strings.Join(t, "\x00\x80") + "\x00\x00"
	}), here: blobAt("blob.bin", true), also: onDisk("blob.bin")},
	{name: "one line of megabytes", hide: commitFile("huge.min.js", func(t []string) string {
		return strings.Repeat("var a=1;", (object.StreamFrom+3000)/8) + strings.Join(t, ";") + strings.Repeat("b();", 70000)
	}), here: func(h Hit) bool {
		return blobAt("huge.min.js", true)(h) && h.Line == 1 && h.Offset > object.StreamFrom
	}, also: onDisk("huge.min.js")},
	{name: "commit message", fits: inMessage, hide: func(g *gittest.Repo, t []string) {
		g.GitIn("subject\n\n"+lines(t), "commit", "-q", "--allow-empty", "-F", "-")
	}, here: func(h Hit) bool {
		return h.Place == InCommit && h.Field == "message" && h.Commit == h.Object && h.Reachable
	}, also: messageFile},
	{name: "author name", fits: inMessage, hide: func(g *gittest.Repo, t []string) {
		for _, s := range t {
			g.Git("commit", "-q", "--allow-empty", "-m", "x", "--author", "n"+s+" <a@acme.example>")
		}
	}, here: func(h Hit) bool { return h.Place == InCommit && h.Field == "author" }},
	{name: "committer email", fits: inMessage, hide: func(g *gittest.Repo, t []string) {
		for _, s := range t {
			g.Git("-c", "user.name=x", "commit", "-q", "--allow-empty", "-m", "x", "--author", "x <n"+s+"@acme.example>")
		}
	}, here: func(h Hit) bool { return h.Place == InCommit && h.Field == "author" }},
	{name: "tag message", fits: inMessage, hide: func(g *gittest.Repo, t []string) {
		g.GitIn(lines(t), "tag", "-a", "-F", "-", "v1")
	}, here: func(h Hit) bool { return h.Place == InTag && h.Field == "message" && h.Ref == "refs/tags/v1" }, also: messageFile},
	{name: "file name", fits: inName, hide: func(g *gittest.Repo, t []string) {
		for _, s := range t {
			g.Write("names/"+s+".txt", "x")
		}
		g.Commit("names")
	}, here: func(h Hit) bool {
		return h.Place == InTree && strings.HasPrefix(h.Path, "names/") && strings.Contains(h.Path, Blanked) && h.InHead
	}, also: func(h Hit) bool {
		return h.Place == InIndex || h.Place == InTracked && strings.HasPrefix(h.Path, "names/")
	}},
	{name: "branch name", late: true, fits: inRefName, hide: func(g *gittest.Repo, t []string) {
		for _, s := range t {
			g.Git("branch", "b/"+s)
		}
	}, here: func(h Hit) bool { return h.Place == InRef && h.Path == ".git/refs/heads/b/"+Blanked }, also: func(h Hit) bool {
		return h.Place == InReflog || h.Path == ".git/info/refs"
	}},
	{name: "packed tag name", fits: inRefName, hide: func(g *gittest.Repo, t []string) {
		for _, s := range t {
			g.Git("tag", "t/"+s)
		}
		g.Git("pack-refs", "--all")
	}, here: func(h Hit) bool { return h.Place == InRef && h.Path == ".git/packed-refs" },
		also: func(h Hit) bool { return h.Path == ".git/info/refs" }},
	{name: "reflog", fits: inMessage, hide: func(g *gittest.Repo, t []string) {
		for _, s := range t {
			g.Git("update-ref", "-m", "because "+s, "--create-reflog", "refs/heads/logged", "HEAD~1")
			g.Git("update-ref", "-m", "because "+s, "refs/heads/logged", "HEAD")
		}
	}, here: func(h Hit) bool { return h.Place == InReflog && h.Path == ".git/logs/refs/heads/logged" }},
	{name: "remote URL", fits: inMessage, hide: func(g *gittest.Repo, t []string) {
		for i, s := range t {
			g.Git("remote", "add", fmt.Sprintf("r%d", i), "https://u:"+s+"@acme.example/x.git")
		}
	}, here: func(h Hit) bool { return h.Place == InConfig && h.Path == ".git/config" }, also: func(h Hit) bool { return h.Place == InConfig }},
	{name: "hook", hide: func(g *gittest.Repo, t []string) { g.Write(".git/hooks/pre-push", lines(t)) },
		here: func(h Hit) bool { return h.Place == InHook && h.Path == ".git/hooks/pre-push" }},
	{name: "half-written message", late: true, hide: func(g *gittest.Repo, t []string) { g.Write(".git/MERGE_MSG", lines(t)) },
		here: func(h Hit) bool { return h.Place == InGitDir && h.Path == ".git/MERGE_MSG" }},
	archived("a.gz", "content", gzipOf),
	archived("a.zip", "x.txt", func(c string) string { return zipOf("x.txt", c, zip.Deflate) }),
	archived("stored.jar", "x.txt", func(c string) string { return zipOf("x.txt", c, zip.Store) }),
	archived("a.apk", "assets/x.txt", func(c string) string { return zipOf("assets/x.txt", c, zip.Deflate) }),
	archived("a.tar", "x.txt", func(c string) string { return tarOf("x.txt", c) }),
	archived("a.tgz", "content!/x.txt", func(c string) string { return gzipOf(tarOf("x.txt", c)) }),
	archived("in.zip", "inner.jar!/x.txt", func(c string) string { return zipOf("inner.jar", zipOf("x.txt", c, zip.Deflate), zip.Deflate) }),
	archived("in.tar", "l.gz!/content", func(c string) string { return tarOf("l.gz", gzipOf(c)) }),
	archived("exec.jar", "x.txt", func(c string) string { return "#!/bin/sh\nexec java -jar\n" + zipOf("x.txt", c, zip.Deflate) }),
	{name: "submodule", hide: func(g *gittest.Repo, t []string) {
		sub := gittest.New(g.T)
		sub.Write("inside.txt", lines(t))
		sub.Commit("sub")
		sub.Write("inside.txt", "clean\n")
		sub.Commit("sub clean")
		g.Git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub.Dir, "vendor/sub")
		g.Commit("submodule")
	}, here: func(h Hit) bool { return h.Repository == "vendor/sub" && blobAt("inside.txt", true)(h) }},
}

func buildOrder() (order []int) {
	for _, late := range []bool{false, true} {
		for i, h := range hidings {
			if h.late == late {
				order = append(order, i)
			}
		}
	}
	return order
}

// buildPlaces makes a repository with every hiding place and returns the literals
// and what each of their IDs means.
func buildPlaces(t *testing.T, plant bool, finish func(g *gittest.Repo)) (g *gittest.Repo, list []match.Literal, meaning map[int]string) {
	g = gittest.New(t)
	g.Write("README", "x\n")
	g.Commit("start")
	r := rand.New(rand.NewPCG(5, 6))
	meaning = map[int]string{}
	for _, i := range buildOrder() {
		h := hidings[i]
		key := make([]byte, 32)
		for j := range key {
			key[j] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[r.IntN(62)]
		}
		var texts []string
		for j, s := range spellings(string(key)) {
			list = append(list, match.Literal{ID: 100*i + j, Bytes: s.text})
			if h.fits == nil || h.fits(s) {
				meaning[100*i+j] = h.name + " × " + s.name
				if plant {
					texts = append(texts, string(s.text))
				} else {
					texts = append(texts, fmt.Sprintf("harmless-%d-%d", i, j))
				}
			}
		}
		h.hide(g, texts)
	}
	if finish != nil {
		finish(g)
	}
	return g, list, meaning
}

func TestEveryPlaceAndSpelling(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		finish func(g *gittest.Repo)
	}{
		{name: "as git left it"},
		{name: "packed", finish: func(g *gittest.Repo) {
			// Unreachable objects too, as a repository fetched over and over has them.
			g.Git("repack", "-a", "-d", "-q", "-k", "-l")
			g.Git("prune-packed", "-q")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, list, meaning := buildPlaces(t, true, c.finish)
			r := scan(t, g.Dir, Options{Literals: list, Workers: 2, Limits: Limits{Hits: 100000}})
			found := map[int]bool{}
			for _, h := range r.Hits {
				place := hidings[h.Literal/100]
				switch {
				case place.here != nil && place.here(h):
					found[h.Literal] = true
				case place.also != nil && place.also(h):
				case h.Place == InTracked && strings.HasPrefix(h.Path, "../"): // checked out in another work tree
				default:
					// Twin spellings are the same bytes; they come with the same place.
					t.Errorf("%s (literal %d): unexpected %+v", place.name, h.Literal, h)
				}
			}
			for id, what := range meaning {
				if place := hidings[id/100]; !found[id] && !place.absent {
					t.Errorf("%s: not found where it is", what)
				}
			}
			if len(r.Gaps) > 0 {
				t.Errorf("gaps: %+v", r.Gaps)
			}
			text := fmt.Sprintf("%+v", r)
			for _, l := range list {
				if bytes.IndexByte(l.Bytes, 0) < 0 && strings.Contains(text, string(l.Bytes)) {
					t.Errorf("the result holds %s", meaning[l.ID])
				}
			}
		})
	}
}

func TestNothingInAKeyFreeCopy(t *testing.T) {
	t.Parallel()
	g, list, _ := buildPlaces(t, false, nil)
	r := scan(t, g.Dir, Options{Literals: list})
	if len(r.Hits) > 0 || len(r.Gaps) > 0 {
		t.Errorf("found: %s", describe(r))
	}
}
