// Package object reads the objects of a Git repository, packed and loose, and hands each of them
// to a visitor together with its changed ranges: the bytes that are not copied from the object it
// is stored as a delta of. Every stored stream is inflated once.
//
// Whoever holds the objects decides what to look for in them: nothing here knows. Packs are
// hostile input: sizes, counts, checksums and memory are bounded and checked, and whatever could
// not be read is reported as a Problem.
package object

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
)

// ID is a binary object ID: 20 bytes for SHA-1, 32 for SHA-256.
type ID string

func (id ID) String() string { return hex.EncodeToString([]byte(id)) }

// ParseID reads a hexadecimal ID of the given binary size.
func ParseID(s string, size int) (ID, bool) {
	if len(s) != 2*size {
		return "", false
	}
	b, err := hex.DecodeString(s)
	return ID(b), err == nil
}

// Kind is an object's type as packs number it.
type Kind byte

// The four types of objects.
const (
	Commit Kind = 1
	Tree   Kind = 2
	Blob   Kind = 3
	Tag    Kind = 4
)

const (
	offsetDelta Kind = 6
	refDelta    Kind = 7
	brokenKind  Kind = 0 // the entry cannot be read
)

var kindNames = map[Kind]string{Commit: "commit", Tree: "tree", Blob: "blob", Tag: "tag"}

func (k Kind) String() string { return kindNames[k] }

func kindOf(name string) Kind {
	for k, n := range kindNames {
		if n == name {
			return k
		}
	}
	return brokenKind
}

// newHash returns Git's hash for IDs of the given size. SHA-1 is Git's choice, used here to name
// objects, not to protect anything.
func newHash(idSize int) hash.Hash {
	if idSize == sha256.Size {
		return sha256.New()
	}
	return sha1.New()
}

// NewHash begins the ID of an object; its content is to be written.
func NewHash(k Kind, size int64, idSize int) hash.Hash {
	h := newHash(idSize)
	fmt.Fprintf(h, "%s %d\x00", k, size)
	return h
}

// Hash returns the ID of an object.
func Hash(k Kind, data []byte, idSize int) ID {
	h := NewHash(k, int64(len(data)), idSize)
	h.Write(data)
	return ID(h.Sum(nil))
}

// Object is an object on its way to a visitor.
type Object struct {
	Kind Kind
	Data []byte // nil for one that is streamed
	// Base is the content that the object is stored as a delta of, nil if it is stored whole.
	Base []byte
	// BaseClean says that a visitor called the base clean.
	BaseClean bool
	// Changed are the ranges of Data that are not copied from Base, in order. Where two copies
	// that were not neighbors in Base meet, the range is empty. A string that touches no changed
	// range is therefore a string of Base.
	Changed []Span

	kept   []Span // of Base: what was copied from it; see ranges
	pack   *pack
	entry  int
	number uint32 // among all objects of the store
	id     ID     // as stored: set for loose objects; packed ones have it in the index
	real   ID     // of the content, once computed
}

// ID returns the ID under which the object is stored, empty when it has none or its pack index
// cannot be read.
func (o *Object) ID() ID {
	if o.id != "" || o.pack == nil {
		return o.id
	}
	return o.pack.oid(o.entry)
}

// Loose reports whether the object is in a file of its own, for which no index and no checksum
// vouches.
func (o *Object) Loose() bool { return o.pack == nil }

// File names the pack that holds the object, empty for loose ones.
func (o *Object) File() string {
	if o.pack == nil {
		return ""
	}
	return o.pack.name
}

// RealID returns the ID of the content, computed once. Where it differs from ID, what belongs to
// that ID is not there.
func (o *Object) RealID(idSize int) ID {
	if o.real == "" {
		o.real = Hash(o.Kind, o.Data, idSize)
	}
	return o.real
}

// New returns an object that was not met on a walk but read by its ID.
func New(k Kind, id ID) *Object { return &Object{Kind: k, id: id, real: id, number: noNumber} }

// Reason says why something could not be read.
type Reason string

// The reasons that concern objects and the files that hold them.
const (
	PartialClone  Reason = "partial-clone"
	MissingObject Reason = "missing-object"
	CorruptObject Reason = "corrupt-object"
	CorruptPack   Reason = "corrupt-pack"
	CorruptFile   Reason = "corrupt-file" // an unfinished object, an index, a ref, an alternates file
	Unreadable    Reason = "unreadable"
	TooLarge      Reason = "too-large" // beyond Limits
)

// Problem is something that could not be read.
type Problem struct {
	Reason Reason
	Path   string // of the file, as Config.Short gives it
	Object ID     // empty where none is known
	Detail string
}
