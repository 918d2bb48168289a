package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/store"
)

// storeFlags say where a store is and how it is opened.
type storeFlags struct {
	directory, key string
	wait           time.Duration
}

func (f *storeFlags) flags(cmd *cobra.Command, directory string) {
	cmd.Flags().StringVar(&f.directory, "store", directory, "directory of the reports")
	cmd.Flags().StringVar(&f.key, "store-key", "", "the key that authenticates the store, env:NAME or file:PATH (default one of your own, made once in your state directory)")
	cmd.Flags().DurationVar(&f.wait, "wait", time.Minute, "how long to wait for another run that uses the store")
}

func (a *app) openStore(ctx context.Context, f storeFlags, keep int) (*store.Store, error) {
	key, err := a.storeKey(ctx, f.key)
	if err != nil {
		return nil, err
	}
	if key.IsZero() {
		a.notice("The store is not authenticated: whoever can write there can change what this audit is compared with. " +
			"Give --store-key, or set XDG_STATE_HOME or HOME.")
	}
	waiting, cancel := context.WithTimeout(ctx, f.wait)
	defer cancel()
	kept, err := store.Open(waiting, f.directory, keep, key)
	if err != nil {
		return nil, err
	}
	if err := a.missNewest(kept); err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	return kept, nil
}

// storeKey is the key that --store-key refers to, or the user's own, which is made if need be; the zero Key where there is no state
// directory.
func (a *app) storeKey(ctx context.Context, reference string) (store.Key, error) {
	fail := func(err error) (store.Key, error) {
		return store.Key{}, fmt.Errorf("--store-key %s: %w", reference, err)
	}
	kind, name, _ := strings.Cut(strings.Trim(reference, "{} "), ":")
	switch name = strings.TrimSpace(name); {
	case reference == "":
		return a.ownStoreKey(ctx)
	case kind == "env" && name != "":
		text, set := a.LookupEnv(name)
		if !set {
			return fail(errors.New("the variable is not set"))
		}
		key, err := store.NewKey(text)
		if err != nil {
			return fail(err)
		}
		return key, nil
	case kind == "file" && name != "":
		text, err := a.readBounded(ctx, name, 1<<16)
		if err != nil {
			return fail(err)
		}
		key, err := store.NewKey(string(text))
		if err != nil {
			return fail(err)
		}
		return key, nil
	}
	return store.Key{}, errors.New("--store-key takes env:NAME or file:PATH")
}

func (a *app) ownStoreKey(ctx context.Context) (store.Key, error) {
	path, ok := a.stateFile("store.key")
	if !ok {
		return store.Key{}, nil
	}
	err := makeSecret(path)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		a.notice("The key of the store cannot be kept in %s: %v", filepath.Dir(path), err)
		return store.Key{}, nil
	}
	if err != nil {
		return store.Key{}, fmt.Errorf("make the key of the store: %w", err)
	}
	text, err := a.readBounded(ctx, path, 1<<16)
	if err != nil {
		return store.Key{}, fmt.Errorf("the key of the store: %w", err)
	}
	key, err := store.NewKey(string(text))
	if err != nil {
		return store.Key{}, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// makeSecret makes a file with a random text that only its owner can read, where there is none. A file of that name is whole: it is
// written under another and linked.
func makeSecret(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = temporary.WriteString(rand.Text() + rand.Text() + "\n")
	if err = errors.Join(err, temporary.Close()); err == nil {
		if err = os.Link(temporary.Name(), path); errors.Is(err, fs.ErrExist) { // another run was first
			err = nil
		}
	}
	return errors.Join(err, os.Remove(temporary.Name()))
}

// The MAC of an entry does not show that newer ones were deleted. The name of the newest is therefore kept in the user's state
// directory as well, which whoever can write to the store cannot reach. Where there is none, that is not noticed.

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
