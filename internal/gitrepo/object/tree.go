package object

import (
	"bytes"
	"strconv"
	"strings"
)

// This file reads what trees, commits and tags refer to.

// Types of tree and index entries, in their modes.
const (
	ModeType    = 0o170000
	ModeGitlink = 0o160000
	ModeTree    = 0o040000
	ModeFile    = 0o100000
)

// EachEntry calls f for the entries of a tree, with where each begins, until f returns false;
// false when the tree is malformed.
func EachEntry(tree []byte, idSize int, f func(at int, name []byte, mode uint32, id []byte) bool) bool {
	for at := 0; at < len(tree); {
		nul := bytes.IndexByte(tree[at:], 0)
		if nul < 0 || at+nul+1+idSize > len(tree) {
			return false
		}
		space := bytes.IndexByte(tree[at:at+nul], ' ')
		if space < 0 {
			return false
		}
		mode := uint32(0)
		for _, c := range tree[at : at+space] {
			mode = mode<<3 | uint32(c-'0')&7
		}
		end := at + nul + 1 + idSize
		if !f(at, tree[at+space+1:at+nul], mode, tree[at+nul+1:end]) {
			return true
		}
		at = end
	}
	return true
}

// EachNewEntry calls f for every entry of the tree o that touches a changed range, and for some
// others: for all of them where the tree is not stored as a delta.
func EachNewEntry(o *Object, idSize int, f func(name []byte, mode uint32, id []byte)) {
	if o.Base == nil {
		EachEntry(o.Data, idSize, func(_ int, name []byte, mode uint32, id []byte) bool {
			f(name, mode, id)
			return true
		})
		return
	}
	done := 0
	for _, r := range o.Changed {
		// A changed range seldom begins where an entry does.
		from := max(done, entryStart(o.Data, r.From))
		to := min(len(o.Data), r.To+1)
		if from < to {
			done = entriesIn(o.Data, from, to, idSize, func(_, _ int, name []byte, mode uint32, id []byte) { f(name, mode, id) })
		}
	}
}

// entriesIn calls f for the entries that begin in tree[from:to], with their ranges, and returns
// where the last one ends.
func entriesIn(tree []byte, from, to, idSize int, f func(begin, end int, name []byte, mode uint32, id []byte)) (end int) {
	end = from
	EachEntry(tree[from:], idSize, func(at int, name []byte, mode uint32, id []byte) bool {
		if at += from; at >= to {
			return false
		}
		begin := at
		end = at + bytes.IndexByte(tree[at:], 0) + 1 + idSize
		f(begin, end, name, mode, id)
		return true
	})
	return end
}

// eachDroppedEntry calls f for every entry of the base of the tree o that is not copied from it as
// a whole.
func eachDroppedEntry(o *Object, idSize int, f func(name, id []byte)) {
	sortSpans(o.kept)
	done, reach, next := 0, 0, 0 // reach: how far what was copied from before an entry goes
	look := func(from, to int) {
		from = max(done, entryStart(o.Base, from))
		if from >= to {
			return
		}
		done = entriesIn(o.Base, from, to, idSize, func(begin, end int, name []byte, _ uint32, id []byte) {
			for next < len(o.kept) && o.kept[next].From <= begin {
				reach = max(reach, o.kept[next].To)
				next++
			}
			if reach < end {
				f(name, id)
			}
		})
	}
	copied := 0
	for _, k := range o.kept {
		if k.From > 0 { // an entry that goes across its beginning is in no copy, or in an earlier one
			look(min(copied, k.From), k.From)
		}
		copied = max(copied, k.To)
	}
	if copied < len(o.Base) {
		look(copied, len(o.Base))
	}
}

// entryStart returns a position at or before at where an entry begins; the beginning of the tree
// when none is recognized. It looks back for what can only be the beginning of one: a mode.
// Whatever stands before an entry ends with an ID, which nothing can be said about; a name that
// ends like this would be absurd.
func entryStart(tree []byte, at int) int {
	for i := min(at, len(tree)-1); i >= 5; i-- {
		if tree[i] != ' ' {
			continue
		}
		for _, mode := range modes {
			start := i - len(mode)
			if start >= 0 && string(tree[start:i]) == mode && start <= at {
				return start
			}
		}
	}
	return 0
}

var modes = []string{"100644", "100755", "40000", "120000", "160000", "100664"}

// CommitInfo is what a commit says about others.
type CommitInfo struct {
	Tree    ID
	Parents []ID
	Time    int64 // of the committer, in Unix seconds
}

// ParseCommit reads a commit; false when it names no tree.
func ParseCommit(data []byte, idSize int) (CommitInfo, bool) {
	c := CommitInfo{}
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte{'\n'})
		key, value, _ := bytes.Cut(line, []byte{' '})
		switch string(key) {
		case "tree":
			c.Tree, _ = ParseID(string(value), idSize)
		case "parent":
			if id, ok := ParseID(string(value), idSize); ok {
				c.Parents = append(c.Parents, id)
			}
		case "author":
		default:
			if fields := strings.Fields(string(value)); string(key) == "committer" && len(fields) > 1 {
				c.Time, _ = strconv.ParseInt(fields[len(fields)-2], 10, 64)
			}
			return c, c.Tree != ""
		}
	}
	return c, c.Tree != ""
}

// TagTarget returns what an annotated tag names.
func TagTarget(tag []byte, idSize int) (ID, bool) {
	line, _, _ := bytes.Cut(tag, []byte{'\n'})
	hexID, ok := bytes.CutPrefix(line, []byte("object "))
	if !ok {
		return "", false
	}
	return ParseID(string(hexID), idSize)
}
