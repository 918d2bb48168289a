//go:build unix

package store

import "syscall"

// dontFollow opens neither what a link leads to nor waits for the other end of a pipe.
const dontFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
