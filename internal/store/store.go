// Package store keeps the reports of one integration in a directory, for the job that audits again and again.
//
// Rules: an entry is a directory with the report, the facts behind it, the state of the tickets before it and a MAC over all of them. It is
// written under another name and renamed when it is complete and on disk, so a crash or a full disk leaves the earlier ones as they
// were. Entries are in the order in which they were added, also when the clock is set back. One process at a time holds the store.
// Everything is for its owner only (0700, 0600). Whatever is in the directory may have been put there by somebody else: only regular
// files of a bounded size are read, and what the MAC does not vouch for is reported as such.
package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Names of the files of an entry.
const (
	ReportFile  = "report.json"
	FactsFile   = "facts.json"
	TicketsFile = "tickets.json"
	macFile     = "mac"
)

// DefaultKeep is how many entries are kept: a month of daily audits.
const DefaultKeep = 31

// maxFile bounds a file that is read back, in bytes.
const maxFile = 64 << 20

// Latest is the name of the link to the newest entry.
const Latest = "latest"

var (
	// ErrBusy says that another process holds the store.
	ErrBusy = errors.New("another run is using the store")

	entryName = regexp.MustCompile(`^\d{8}T\d{9}Z-[a-z0-9]+$`)
)

// lastYear is the last one that the name of an entry can hold.
const lastYear = 9999

const stampLength = len("20060102T150405000Z")

// Store is a directory of reports that this process holds.
type Store struct {
	dir  string
	keep int
	key  Key
	lock *flock.Flock
}

// Entry is one report with what was kept next to it. What could not be read is nil.
type Entry struct {
	Name                   string
	Report, Facts, Tickets []byte
	// Doubt says why the entry cannot be relied on: it was changed since it was kept, or not authenticated. Empty: it is as it was
	// kept, or the store has no key to tell.
	Doubt string
}

// Key authenticates entries. The zero Key does not.
type Key struct{ secret []byte }

// MinKey is how long a key must be at least, in bytes.
const MinKey = 16

// NewKey takes a key from text; white space around it is not part of it.
func NewKey(text string) (Key, error) {
	text = strings.TrimSpace(text)
	if len(text) < MinKey {
		return Key{}, fmt.Errorf("the key of the store must have at least %d characters", MinKey)
	}
	return Key{[]byte(text)}, nil
}

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.secret == nil }

// name identifies the key without revealing it.
func (k Key) name() string { return "key " + hex.EncodeToString(k.sum("name")[:4]) }

func (k Key) sum(parts ...string) []byte {
	mac := hmac.New(sha256.New, k.secret)
	for _, part := range append([]string{"prelaunch.store/v1"}, parts...) {
		fmt.Fprintf(mac, "%d:%s", len(part), part)
	}
	return mac.Sum(nil)
}

// mac is the content of an entry's MAC file.
func (k Key) mac(e *Entry) string {
	return k.name() + " " + hex.EncodeToString(k.sum("entry", e.Name, string(e.Report), string(e.Facts), string(e.Tickets))) + "\n"
}

// Open makes the directory if need be and waits until no other process holds it, at most as long as ctx lasts.
func Open(ctx context.Context, dir string, keep int, key Key) (*Store, error) {
	if keep < 1 {
		return nil, errors.New("a store keeps at least one report")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetFlag(os.O_CREATE|os.O_RDWR|dontFollow), flock.SetPermissions(0o600))
	if locked, err := lock.TryLockContext(ctx, 20*time.Millisecond); !locked {
		if ctx.Err() != nil {
			err = ErrBusy
		}
		return nil, fmt.Errorf("lock the store %s: %w", dir, err)
	}
	s := &Store{dir: dir, keep: keep, key: key, lock: lock}
	s.sweep()
	if err := s.keepOutOfGit(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// Dir is the store's directory.
func (s *Store) Dir() string { return s.dir }

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
		if !entry.IsDir() || !entryName.MatchString(entry.Name()) {
			continue
		}
		if at, err := timeOf(entry.Name()); err != nil || at.Year() == lastYear {
			continue // of no run: nothing could be added after it
		}
		names = append(names, entry.Name())
	}
	slices.Sort(names)
	return names, nil
}

// Read reads an entry. With an error it returns what could be read.
func (s *Store) Read(name string) (*Entry, error) {
	entry := &Entry{Name: name}
	var problems []error
	read := func(file string) []byte {
		content, err := readRegular(filepath.Join(s.dir, name, file))
		if err != nil {
			problems = append(problems, fmt.Errorf("read %s of the store: %w", filepath.Join(name, file), err))
		}
		return content
	}
	entry.Report, entry.Facts = read(ReportFile), read(FactsFile)
	if _, err := os.Lstat(filepath.Join(s.dir, name, TicketsFile)); !errors.Is(err, fs.ErrNotExist) { // an earlier version kept none
		entry.Tickets = read(TicketsFile)
	}
	if s.key.IsZero() {
		return entry, errors.Join(problems...)
	}
	mac, err := readRegular(filepath.Join(s.dir, name, macFile))
	by, _, _ := strings.Cut(string(mac), " ") // for a name of the key other than ours
	switch {
	case errors.Is(err, fs.ErrNotExist):
		entry.Doubt = "was kept without authentication"
	case err != nil:
		problems = append(problems, fmt.Errorf("read %s of the store: %w", filepath.Join(name, macFile), err))
	case hmac.Equal(mac, []byte(s.key.mac(entry))):
	case by == "key" && !strings.HasPrefix(string(mac), s.key.name()+" "):
		entry.Doubt = "was authenticated with another key"
	default:
		entry.Doubt = "was changed since it was kept"
	}
	return entry, errors.Join(problems...)
}

// readRegular reads a regular file of a bounded size. It does not follow a link, and does not wait for the other end of a pipe.
func readRegular(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|dontFollow, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	case info.Size() > maxFile:
		return nil, fmt.Errorf("larger than %d MB", maxFile>>20)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if len(content) > maxFile {
		return nil, fmt.Errorf("larger than %d MB", maxFile>>20)
	}
	return content, err
}

// Add stores an entry and drops the oldest entries beyond those that are kept. runID is lower-case letters and digits.
func (s *Store) Add(at time.Time, runID string, entry Entry) (name string, err error) {
	names, err := s.Names()
	if err != nil {
		return "", fmt.Errorf("store the report: %w", err)
	}
	stamp := stampOf(at)
	if len(names) > 0 && stamp <= names[len(names)-1][:stampLength] { // the clock was set back
		last, err := timeOf(names[len(names)-1])
		if err != nil {
			return "", fmt.Errorf("store the report after %s: %w", names[len(names)-1], err)
		}
		stamp = stampOf(last.Add(time.Millisecond))
	}
	entry.Name = stamp + "-" + runID
	if !entryName.MatchString(entry.Name) {
		return "", fmt.Errorf("store the report: %q is not the name of an entry", entry.Name)
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
	files := map[string][]byte{ReportFile: entry.Report, FactsFile: entry.Facts, TicketsFile: entry.Tickets}
	if !s.key.IsZero() {
		files[macFile] = []byte(s.key.mac(&entry))
	}
	for file, content := range files {
		if err := writeDurably(filepath.Join(temporary, file), content); err != nil {
			return "", fmt.Errorf("store the report; the earlier ones are untouched: %w", err)
		}
	}
	if err := os.Rename(temporary, filepath.Join(s.dir, entry.Name)); err != nil {
		return "", fmt.Errorf("store the report; the earlier ones are untouched: %w", err)
	}
	return entry.Name, errors.Join(s.pointTo(entry.Name), s.prune(append(names, entry.Name)))
}

func stampOf(at time.Time) string {
	return strings.Replace(at.UTC().Format("20060102T150405.000Z"), ".", "", 1)
}

// timeOf is the time in the name of an entry.
func timeOf(name string) (time.Time, error) {
	return time.Parse("20060102T150405.000Z", name[:15]+"."+name[15:stampLength])
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
	err := os.Rename(temporary, filepath.Join(s.dir, Latest))
	if info, lstatErr := os.Lstat(filepath.Join(s.dir, Latest)); err != nil && lstatErr == nil && info.IsDir() {
		// a copy of the store in which links were followed: a second copy of an entry
		if err = os.RemoveAll(filepath.Join(s.dir, Latest)); err == nil {
			err = os.Rename(temporary, filepath.Join(s.dir, Latest))
		}
	}
	if err != nil {
		return fmt.Errorf("link the newest report: %w", err)
	}
	return nil
}

func (s *Store) prune(names []string) error {
	for len(names) > s.keep {
		if err := os.RemoveAll(filepath.Join(s.dir, names[0])); err != nil {
			return fmt.Errorf("drop an old report: %w", err)
		}
		names = names[1:]
	}
	return nil
}
