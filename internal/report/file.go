package report

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// WriteFile writes the report to a file, as Save does.
func WriteFile(path, format string, r *audit.Report, o Options) error {
	var out bytes.Buffer
	if err := Write(&out, format, r, o); err != nil {
		return err
	}
	return Save(path, out.Bytes())
}

// Writable reports early why a file could not be saved: its directory does not exist, or it is a
// directory itself.
func Writable(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("write %s: it is a directory; name a file in it", path)
	}
	directory := filepath.Dir(path)
	switch info, err := os.Stat(directory); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("write %s: the directory %s does not exist; create it first", path, directory)
	case err != nil:
		return fmt.Errorf("write %s: %w", path, withoutPath(err))
	case !info.IsDir():
		return fmt.Errorf("write %s: %s is not a directory", path, directory)
	}
	return nil
}

// withoutPath is an error of the file system without the path, which may be that of a file of which
// the user knows nothing.
func withoutPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// Save writes a file that only its owner can read (mode 0600), whole or not at all: a reader never
// sees half of it, and what was there before is lost only once the new content is on the disk. A
// symbolic link is followed. A pipe, a device and what the system shows as a file, such as
// /dev/stderr, are written to as they are.
func Save(path string, content []byte) (err error) {
	if err := Writable(path); err != nil {
		return err
	}
	into := path
	if target, err := filepath.EvalSymlinks(path); err == nil { // else there is no file yet
		into = target
	}
	if info, err := os.Stat(into); err == nil && !info.Mode().IsRegular() || ofTheSystem(path) {
		return writeDevice(path, content)
	}
	temporary, err := os.CreateTemp(filepath.Dir(into), ".prelaunch-*.tmp") // made with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, withoutPath(err))
	}
	unfinished.Store(temporary.Name(), true)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, withoutPath(err)), os.Remove(temporary.Name()))
		}
		unfinished.Delete(temporary.Name())
	}()
	_, err = temporary.Write(content)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), into)
}

// unfinished are the temporary files that Save is writing.
var unfinished sync.Map

// Abandon removes the files that are half written, before the program ends without waiting.
func Abandon() {
	unfinished.Range(func(name, _ any) bool {
		_ = os.Remove(name.(string)) // it may have been finished meanwhile
		return true
	})
}

// ofTheSystem reports whether a path, or the link that it is, lies among the files of devices and
// processes, which must not be replaced: /dev/stderr is a link that ends at whatever standard error
// was redirected to.
func ofTheSystem(path string) bool {
	for range 40 { // as many links as the kernel follows
		absolute, err := filepath.Abs(path)
		if err != nil {
			return false
		}
		if strings.HasPrefix(absolute, "/dev/") && !strings.HasPrefix(absolute, "/dev/shm/") || strings.HasPrefix(absolute, "/proc/") {
			return true
		}
		target, err := os.Readlink(absolute)
		if err != nil {
			return false
		}
		if path = target; !filepath.IsAbs(target) {
			path = filepath.Join(filepath.Dir(absolute), target)
		}
	}
	return false
}

func writeDevice(path string, content []byte) error {
	device, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, withoutPath(err))
	}
	_, err = device.Write(content)
	if err = errors.Join(err, device.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, withoutPath(err))
	}
	return nil
}
