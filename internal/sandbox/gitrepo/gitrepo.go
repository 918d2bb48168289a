// Package gitrepo writes small git repositories without git, for the demo, which must need nothing that is not in the program, and
// for tests. What it writes is what git itself would: loose objects, a branch, an index and a checked-out work tree.
package gitrepo

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Commit is one commit on the branch main: the whole tree, by slash-separated path.
type Commit struct {
	Message string
	Author  string // "Name <email>"
	When    time.Time
	Files   map[string]string
}

// Write makes dir a repository with the commits, the last one checked out. It returns the commits' object ids.
func Write(dir string, commits []Commit) ([]string, error) {
	r := repository{dir: filepath.Join(dir, ".git")}
	for _, folder := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(filepath.Join(r.dir, folder), 0o755); err != nil {
			return nil, fmt.Errorf("make the repository %s: %w", dir, err)
		}
	}
	var ids []string
	parent := ""
	for _, commit := range commits {
		id, err := r.commit(commit, parent)
		if err != nil {
			return nil, fmt.Errorf("write a commit to %s: %w", dir, err)
		}
		ids, parent = append(ids, id), id
	}
	files := map[string]string{"HEAD": "ref: refs/heads/main\n", "config": "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"}
	if parent != "" {
		files["refs/heads/main"] = parent + "\n"
		files["index"] = r.index(commits[len(commits)-1].Files)
		for path, content := range commits[len(commits)-1].Files {
			if err := writeFile(filepath.Join(dir, filepath.FromSlash(path)), content); err != nil {
				return nil, err
			}
		}
	}
	for name, content := range files {
		if err := writeFile(filepath.Join(r.dir, name), content); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func writeFile(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

type repository struct{ dir string }

// object stores a loose object and returns its id, raw.
func (r repository) object(kind string, content []byte) ([]byte, error) {
	raw := append(fmt.Appendf(nil, "%s %d\x00", kind, len(content)), content...)
	sum := sha1.Sum(raw)
	id := hex.EncodeToString(sum[:])
	path := filepath.Join(r.dir, "objects", id[:2], id[2:])
	if _, err := os.Stat(path); err == nil {
		return sum[:], nil
	}
	var deflated bytes.Buffer
	w := zlib.NewWriter(&deflated)
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return sum[:], writeFile(path, deflated.String())
}

func (r repository) commit(commit Commit, parent string) (string, error) {
	tree, err := r.tree(commit.Files)
	if err != nil {
		return "", err
	}
	stamp := fmt.Sprintf("%s %d +0000", commit.Author, commit.When.Unix())
	text := fmt.Sprintf("tree %x\n", tree)
	if parent != "" {
		text += "parent " + parent + "\n"
	}
	text += fmt.Sprintf("author %s\ncommitter %[1]s\n\n%s\n", stamp, commit.Message)
	id, err := r.object("commit", []byte(text))
	return hex.EncodeToString(id), err
}

// tree writes the tree of files by path, and the trees below it.
func (r repository) tree(files map[string]string) ([]byte, error) {
	below := map[string]map[string]string{}
	entries := map[string]string{} // sort key → entry
	for path, content := range files {
		if folder, rest, nested := strings.Cut(path, "/"); nested {
			if below[folder] == nil {
				below[folder] = map[string]string{}
			}
			below[folder][rest] = content
			continue
		}
		id, err := r.object("blob", []byte(content))
		if err != nil {
			return nil, err
		}
		entries[path] = "100644 " + path + "\x00" + string(id)
	}
	for folder, content := range below {
		id, err := r.tree(content)
		if err != nil {
			return nil, err
		}
		entries[folder+"/"] = "40000 " + folder + "\x00" + string(id)
	}
	var text bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		text.WriteString(entries[key])
	}
	return r.object("tree", text.Bytes())
}

// index is a version 2 index without cached stat data, which git fills in by itself.
func (r repository) index(files map[string]string) string {
	var text bytes.Buffer
	text.WriteString("DIRC")
	number := func(n uint32) { text.Write(binary.BigEndian.AppendUint32(nil, n)) }
	number(2)
	number(uint32(len(files)))
	for _, path := range slices.Sorted(maps.Keys(files)) {
		start := text.Len()
		for range 6 { // times, device, inode
			number(0)
		}
		number(0o100644)
		number(0) // owner
		number(0) // group
		number(uint32(len(files[path])))
		sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(files[path])), files[path]...))
		text.Write(sum[:])
		text.Write(binary.BigEndian.AppendUint16(nil, uint16(min(len(path), 0xfff))))
		text.WriteString(path)
		for pad := 8 - (text.Len()-start)%8; pad > 0; pad-- {
			text.WriteByte(0)
		}
	}
	sum := sha1.Sum(text.Bytes())
	text.Write(sum[:])
	return text.String()
}
