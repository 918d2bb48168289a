// Package store keeps the reports of one integration in a folder, for the job that audits again and again.
//
// Rules: an entry is a folder with the report and the facts behind it; it is written beside the others under another name and renamed
// when it is whole and on disk, so a crash or a full disk leaves the earlier ones as they were. One process at a time holds the store.
// Everything is for its owner only (0700, 0600).
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// Names of the files of an entry.
const (
	ReportFile = "report.json"
	FactsFile  = "facts.json"
)

// DefaultKeep is how many entries are kept: a month of daily audits.
const DefaultKeep = 31

// maxFile bounds a file that is read back, in bytes.
const maxFile = 64 << 20

// Latest is the name of the link to the newest entry.
const Latest = "latest"

var (
	// ErrEmpty tells that there is no entry yet.
	ErrEmpty = errors.New("the store holds no report yet")
	// ErrBusy tells that another process holds the store.
	ErrBusy = errors.New("another run is using the store")

	entryName = regexp.MustCompile(`^\d{8}T\d{9}Z-[a-z0-9]+$`)
)

// Store is a folder of reports that this process holds.
type Store struct {
	dir  string
	keep int
	lock *os.File
}

// Entry is one report with the facts behind it, as stored.
type Entry struct {
	Name          string
	Report, Facts []byte
}

// Open makes the folder if need be and waits until no other process holds it, at most as long as ctx lasts.
func Open(ctx context.Context, dir string, keep int) (*Store, error) {
	if keep < 1 {
		return nil, errors.New("a store keeps at least one report")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock the store %s: %w", dir, err), lock.Close())
		}
		select { // the kernel has no lock with a deadline
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("open the store %s: %w", dir, ErrBusy), lock.Close())
		case <-time.After(wait):
		}
	}
	s := &Store{dir: dir, keep: keep, lock: lock}
	s.sweep()
	if err := s.keepOutOfGit(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// keepOutOfGit makes git ignore the store, which may lie in an audited repository: a report that counted as a new file there would
// be a change to audit.
func (s *Store) keepOutOfGit() error {
	file, err := os.OpenFile(filepath.Join(s.dir, ".gitignore"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	_, err = file.WriteString("*\n")
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(fmt.Errorf("open the store: %w", err), os.Remove(file.Name()))
	}
	return nil
}

// Close lets the next process in.
func (s *Store) Close() error { return s.lock.Close() }

// sweep removes what a crash left half-written.
func (s *Store) sweep() {
	left, err := filepath.Glob(filepath.Join(s.dir, ".new-*"))
	if err != nil {
		return
	}
	for _, path := range left {
		_ = os.RemoveAll(path) // tried again at the next opening
	}
}

// Names lists the entries, oldest first.
func (s *Store) Names() ([]string, error) {
	found, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("read the store: %w", err)
	}
	var names []string
	for _, entry := range found {
		if entry.IsDir() && entryName.MatchString(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Read reads an entry.
func (s *Store) Read(name string) (*Entry, error) {
	entry := &Entry{Name: name}
	for file, into := range map[string]*[]byte{ReportFile: &entry.Report, FactsFile: &entry.Facts} {
		path := filepath.Join(s.dir, name, file)
		info, err := os.Stat(path)
		if err == nil && info.Size() > maxFile {
			err = fmt.Errorf("larger than %d MB", maxFile>>20)
		}
		if err == nil {
			*into, err = os.ReadFile(path)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s of the store: %w", filepath.Join(name, file), err)
		}
	}
	return entry, nil
}

// Newest reads the newest entry; ErrEmpty without one.
func (s *Store) Newest() (*Entry, error) {
	names, err := s.Names()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, ErrEmpty
	}
	return s.Read(names[len(names)-1])
}

// Add stores a report and its facts and drops the oldest entries beyond what is kept. runID is lower-case letters and digits.
func (s *Store) Add(at time.Time, runID string, report, facts []byte) (name string, err error) {
	name = at.UTC().Format("20060102T150405.000Z")
	name = name[:15] + name[16:] + "-" + runID
	if !entryName.MatchString(name) {
		return "", fmt.Errorf("store the report: %q is no name of a run", runID)
	}
	temporary, err := os.MkdirTemp(s.dir, ".new-*")
	if err != nil {
		return "", fmt.Errorf("store the report: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temporary))
		}
	}()
	for file, content := range map[string][]byte{ReportFile: report, FactsFile: facts} {
		if err := writeDurably(filepath.Join(temporary, file), content); err != nil {
			return "", fmt.Errorf("store the report; the earlier ones are untouched: %w", err)
		}
	}
	if err := os.Rename(temporary, filepath.Join(s.dir, name)); err != nil {
		return "", fmt.Errorf("store the report; the earlier ones are untouched: %w", err)
	}
	return name, errors.Join(s.pointTo(name), s.prune())
}

func writeDurably(path string, content []byte) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.Sync()
}

// pointTo makes the link to the newest entry.
func (s *Store) pointTo(name string) error {
	temporary := filepath.Join(s.dir, ".new-link")
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("link the newest report: %w", err)
	}
	if err := os.Symlink(name, temporary); err != nil {
		return fmt.Errorf("link the newest report: %w", err)
	}
	if err := os.Rename(temporary, filepath.Join(s.dir, Latest)); err != nil {
		return fmt.Errorf("link the newest report: %w", err)
	}
	return nil
}

func (s *Store) prune() error {
	names, err := s.Names()
	if err != nil {
		return err
	}
	for len(names) > s.keep {
		if err := os.RemoveAll(filepath.Join(s.dir, names[0])); err != nil {
			return fmt.Errorf("drop an old report: %w", err)
		}
		names = names[1:]
	}
	return nil
}
