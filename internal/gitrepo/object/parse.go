package gitscan

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"sync"
)

// This file reads what trees and commits refer to.

// eachEntry calls f for the entries of a tree, with where each begins, until
// f returns false; false when the tree is malformed.
func eachEntry(tree []byte, oidSize int, f func(at int, name []byte, mode uint32, id []byte) bool) bool {
	for at := 0; at < len(tree); {
		nul := bytes.IndexByte(tree[at:], 0)
		if nul < 0 || at+nul+1+oidSize > len(tree) {
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
		end := at + nul + 1 + oidSize
		if !f(at, tree[at+space+1:at+nul], mode, tree[at+nul+1:end]) {
			return true
		}
		at = end
	}
	return true
}

func parseCommit(data []byte, oidSize int) (*commitInfo, bool) {
	c := &commitInfo{}
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte{'\n'})
		key, value, _ := bytes.Cut(line, []byte{' '})
		switch string(key) {
		case "tree":
			c.tree, _ = parseOID(string(value), oidSize)
		case "parent":
			if id, ok := parseOID(string(value), oidSize); ok {
				c.parents = append(c.parents, id)
			}
		case "author":
		default:
			if fields := strings.Fields(string(value)); string(key) == "committer" && len(fields) > 1 {
				c.time, _ = strconv.ParseInt(fields[len(fields)-2], 10, 64)
			}
			return c, c.tree != ""
		}
	}
	return c, c.tree != ""
}

// oidSet is a growing set of ids with a filter in front: most ids asked for
// are not in it.
type oidSet struct {
	mu     sync.RWMutex
	filter []uint64
	ids    map[oid]bool
}

const oidFilterBits = 22

func newOIDSet() *oidSet {
	return &oidSet{filter: make([]uint64, 1<<oidFilterBits/64), ids: map[oid]bool{}}
}

func (s *oidSet) has(id []byte) bool {
	h := binary.LittleEndian.Uint32(id) >> (32 - oidFilterBits)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.filter[h/64]>>(h%64)&1 != 0 && s.ids[oid(id)]
}

// add reports whether the id was not in the set before.
func (s *oidSet) add(id oid) bool {
	h := binary.LittleEndian.Uint32([]byte(id)) >> (32 - oidFilterBits)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids[id] {
		return false
	}
	s.filter[h/64] |= 1 << (h % 64)
	s.ids[id] = true
	return true
}
