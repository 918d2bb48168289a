package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/prelaunch-audit/prelaunch/internal/store"
)

// Rules of this file: the MAC of an entry does not show that newer ones were deleted. The name of the newest is therefore kept in the
// user's state directory as well, which whoever can write to the store cannot reach. Where there is none, that is not noticed.

// newestFile is where the newest entry of a store is remembered; false where there is no state directory.
func (a *app) newestFile(kept *store.Store) (string, bool) {
	directory, err := filepath.Abs(kept.Dir())
	if err != nil {
		return "", false
	}
	if real, err := filepath.EvalSymlinks(directory); err == nil {
		directory = real
	}
	sum := sha256.Sum256([]byte(directory))
	return a.stateFile(filepath.Join("stores", hex.EncodeToString(sum[:8])))
}

// missNewest says that entries were deleted from the end of a store.
func (a *app) missNewest(kept *store.Store) error {
	names, err := kept.Names()
	file, ok := a.newestFile(kept)
	if err != nil || !ok {
		return err
	}
	newest, err := os.ReadFile(file)
	if err != nil || len(newest) > maxNewest || slices.Contains(names, string(newest)) {
		return nil // a name that cannot be read is as good as none
	}
	a.notice("The newest report that was kept in %s, %q, is gone: what it and others said, exposed keys too, is not known.", kept.Dir(), newest)
	return nil
}

// maxNewest is more than the longest name of an entry.
const maxNewest = 200

// rememberNewest keeps the name of the newest entry.
func (a *app) rememberNewest(kept *store.Store, name string) error {
	file, ok := a.newestFile(kept)
	if !ok {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		err = os.WriteFile(file, []byte(name), 0o600)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return nil // as the store's own key is not kept then
	}
	return err
}
