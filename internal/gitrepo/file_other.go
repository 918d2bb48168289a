//go:build !unix

package gitrepo

import "io/fs"

// errNotDir: other systems report that the file does not exist.
var errNotDir = fs.ErrNotExist

const openFlags = 0

func isVirtual(fs.FileInfo) bool { return false }
