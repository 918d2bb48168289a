//go:build unix

package gitrepo

import (
	"io/fs"
	"os"
	"sync"
	"syscall"
)

// errNotDir: a directory of the path is now a file.
var errNotDir error = syscall.ENOTDIR

// openFlags keep a named pipe without a writer from stopping its reader.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

// virtualDevices are the file systems whose files are made up by the kernel as they are read.
var virtualDevices = sync.OnceValue(func() map[uint64]bool {
	devices := map[uint64]bool{}
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		if info, err := os.Stat(dir); err == nil {
			devices[deviceOf(info)] = true
		}
	}
	if info, err := os.Stat("/"); err == nil {
		delete(devices, deviceOf(info)) // not mounted: plain directories
	}
	return devices
})

func deviceOf(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Dev) //nolint:unconvert // its type differs between systems
	}
	return 0
}

func isVirtual(info fs.FileInfo) bool { return virtualDevices()[deviceOf(info)] }
