// Package databasetest runs tests against both databases of a fleet: SQLite in a file of its own, and a real Postgres, one server for a
// test binary, with a database of its own for each test. Postgres is found in PATH or where Debian installs it.
package databasetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
)

// Main runs the tests of a package and stops the Postgres that they started. It is for TestMain.
func Main(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		if err := shared.server.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// Each runs a test against an empty database of each kind, its schema in place. Both run side by side.
func Each(t *testing.T, test func(t *testing.T, db *database.DB)) {
	t.Helper()
	EachAddress(t, func(t *testing.T, address string) { test(t, Open(t, address)) })
}

// EachAddress is Each for tests that open the database themselves, or in processes of their own.
func EachAddress(t *testing.T, test func(t *testing.T, address string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, SQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, Postgres(t))
	})
}

// Open opens a database and brings its schema up to date.
func Open(t testing.TB, address string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// SQLite is the address of a file that does not exist yet.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "fleet.db")
}

// Postgres is the address of an empty database of the shared server. The test is skipped where there is no Postgres, except in CI.
func Postgres(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = Start() })
	if errors.Is(shared.err, errNone) && os.Getenv("CI") == "" {
		t.Skip("there is no Postgres on this machine: install Debian's postgresql")
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server.Database(t)
}

// Own is a server for a test that stops and starts it. It is skipped as Postgres says.
func Own(t testing.TB) *Server {
	t.Helper()
	Postgres(t)
	server, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Remove(); err != nil {
			t.Error(err)
		}
	})
	return server
}

var shared struct {
	once   sync.Once
	server *Server
	err    error
}

var errNone = errors.New("there is no Postgres on this machine")

// Server is a Postgres on a Unix socket in a directory of its own. It writes nothing to disk for sure, which tests do not need.
type Server struct {
	directory, binaries string
	process             *exec.Cmd
	making              sync.Mutex
	made                int
}

// nobody is who Postgres runs as where the tests run as root, which it refuses to.
const nobody = 65534

// Start makes a server and starts it.
func Start() (*Server, error) {
	binaries, err := find()
	if err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp("", "pg") // short: the path of a socket has at most 107 bytes
	if err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	s := &Server{directory: directory, binaries: binaries}
	if os.Geteuid() == 0 {
		if err := os.Chown(directory, nobody, nobody); err != nil {
			return nil, fmt.Errorf("start Postgres: %w", err)
		}
	}
	initdb := s.command("initdb", "-D", s.data(), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
	if output, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w\n%s", err, output), os.RemoveAll(directory))
	}
	if err := s.Up(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	return s, nil
}

// find is the directory of the newest Postgres.
func find() (string, error) {
	if at, err := exec.LookPath("postgres"); err == nil {
		if at, err = filepath.EvalSymlinks(at); err == nil {
			return filepath.Dir(at), nil
		}
	}
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(installed) == 0 {
		return "", errNone
	}
	return filepath.Dir(slices.Max(installed)), nil
}

func (s *Server) data() string { return filepath.Join(s.directory, "data") }

func (s *Server) command(program string, arguments ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.binaries, program), arguments...)
	cmd.Dir = s.directory
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=" + s.directory}
	confine(cmd)
	return cmd
}

// Up starts the server and waits until it can be connected to.
func (s *Server) Up() error {
	s.process = s.command("postgres", "-D", s.data(), "-k", s.directory, "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=200", "-c", "shared_buffers=64MB")
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the server is ended when the thread that started it ends
		started <- s.process.Start()
		select {}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start Postgres: %w", err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		err := s.run("SELECT 1")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("Postgres does not start: %w", err)
		}
		time.Sleep(20 * time.Millisecond) // nothing tells when a server is ready but trying
	}
}

// Down stops the server at once, as a crash would, except that it ends its processes.
func (s *Server) Down() error {
	err := s.process.Process.Signal(syscall.SIGQUIT)
	_ = s.process.Wait() // its exit status says that it was stopped
	return err
}

// Remove stops the server and removes its directory.
func (s *Server) Remove() error { return errors.Join(s.Down(), os.RemoveAll(s.directory)) }

// Database makes an empty database and returns its address.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	s.making.Lock() // two that are made at the same time would wait for each other's template
	defer s.making.Unlock()
	s.made++
	name := fmt.Sprintf("test%d", s.made)
	if err := s.run("CREATE DATABASE " + name); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	return s.address(name)
}

func (s *Server) address(name string) string {
	return "postgres:///" + name + "?" + url.Values{"host": {s.directory}, "user": {"postgres"}}.Encode()
}

func (s *Server) run(statement string) error {
	pool, err := sql.Open("pgx", s.address("postgres"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = pool.ExecContext(ctx, statement)
	return errors.Join(err, pool.Close())
}
