//go:build !unix

package gitscan

import "io/fs"

// errNotDir: other systems say that the file does not exist.
var errNotDir = fs.ErrNotExist
