//go:build !unix

package store

// dontFollow is nothing where opening a file has no such flags; that it is a regular file is checked all the same.
const dontFollow = 0
