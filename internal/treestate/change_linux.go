package treestate

import (
	"io/fs"
	"syscall"
	"time"
)

// changeOf is when the file's content or status last changed, and its inode.
func changeOf(info fs.FileInfo) (changed time.Time, inode uint64, known bool) {
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return time.Time{}, 0, false
	}
	return time.Unix(status.Ctim.Unix()), status.Ino, true
}
