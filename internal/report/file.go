package report

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// WriteFile shows the report in a file, as Save writes it.
func WriteFile(path, format string, r *audit.Report, o Options) error {
	var out bytes.Buffer
	if err := Write(&out, format, r, o); err != nil {
		return err
	}
	return Save(path, out.Bytes())
}

// Save writes a file that only its owner can read (mode 0600), whole or not at all: a reader never sees half of it, and what was
// there before is lost only once the new content is on the disk. A pipe or a device is written to as it is.
func Save(path string, content []byte) (err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("write %s: %w", path, err)
	case info.IsDir():
		return fmt.Errorf("write %s: it is a folder; name a file in it", path)
	case !info.Mode().IsRegular():
		return writeDevice(path, content)
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".prelaunch-*.tmp") // made with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(temporary.Name()))
		}
	}()
	_, err = temporary.Write(content)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

func writeDevice(path string, content []byte) error {
	device, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = device.Write(content)
	if err = errors.Join(err, device.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
