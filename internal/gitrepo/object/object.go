package gitscan

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
)

// oid is a binary object id: 20 bytes for SHA-1, 32 for SHA-256.
type oid string

func (o oid) String() string { return hex.EncodeToString([]byte(o)) }

// parseOID reads a hexadecimal id of the given binary size.
func parseOID(s string, size int) (oid, bool) {
	if len(s) != 2*size {
		return "", false
	}
	b, err := hex.DecodeString(s)
	return oid(b), err == nil
}

// kind is an object's type as packs number it.
type kind byte

const (
	commitKind   kind = 1
	treeKind     kind = 2
	blobKind     kind = 3
	tagKind      kind = 4
	offsetDelta  kind = 6
	refDelta     kind = 7
	brokenKind   kind = 0 // the entry cannot be read
	allKinds          = 1<<commitKind | 1<<treeKind | 1<<blobKind | 1<<tagKind
	historyKinds      = 1<<commitKind | 1<<treeKind | 1<<tagKind
)

var kindNames = map[kind]string{commitKind: "commit", treeKind: "tree", blobKind: "blob", tagKind: "tag"}

func (k kind) String() string { return kindNames[k] }

func kindOf(name string) kind {
	for k, n := range kindNames {
		if n == name {
			return k
		}
	}
	return brokenKind
}

// in reports whether the set, a mask of 1<<kind, holds k.
func (k kind) in(set int) bool { return set>>k&1 != 0 }

// newHash returns git's hash for ids of the given size. SHA-1 is git's choice,
// used here to name objects, not to protect anything.
func newHash(oidSize int) hash.Hash {
	if oidSize == 32 {
		return sha256.New()
	}
	return sha1.New()
}

// startHash begins the id of an object; its content is to be written.
func startHash(k kind, size int64, oidSize int) hash.Hash {
	h := newHash(oidSize)
	fmt.Fprintf(h, "%s %d\x00", k, size)
	return h
}

func hashObject(k kind, data []byte, oidSize int) oid {
	h := startHash(k, int64(len(data)), oidSize)
	h.Write(data)
	return oid(h.Sum(nil))
}
