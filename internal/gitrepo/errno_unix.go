//go:build unix

package gitscan

import "syscall"

// errNotDir: a folder of the path is now a file.
var errNotDir error = syscall.ENOTDIR
