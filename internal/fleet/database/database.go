// Package database keeps what the fleet knows: integrations, runs, findings, documents, leases and messages, in one SQLite file on
// one machine or in Postgres for many. River keeps its jobs in the same database, so that a job and what it is about are written in
// one transaction.
//
// Rules: nothing secret is ever written; keys, signatures and what a receiver responded with are not handed to this package. All SQL
// is written once for both databases, with ? for its values. Times are Unix milliseconds. What is read by a page goes through Read,
// which on SQLite never waits for a writer; everything that belongs together is written in one Write.
package database

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Bounds of the pools of connections.
const (
	postgresConnections = 12
	sqliteReaders       = 4
)

// idleInTransaction is how long a process may say nothing in the middle of a transaction: then it is frozen or gone, and others wait for
// what it holds.
const idleInTransaction = "30s"

// DB is the database of a fleet. It is safe for concurrent use.
type DB struct {
	postgres bool
	write    *sql.DB // on SQLite one connection, which River shares
	read     *sql.DB
	driver   riverdriver.Driver[*sql.Tx]
	lock     string // file that is locked while SQLite's schema changes
	now      func() time.Time
}

// Open opens the database at an address, sqlite:PATH or postgres://…, without changing its schema. The clock is now, or the
// machine's where now is nil.
func Open(ctx context.Context, address string, now func() time.Time) (*DB, error) {
	if now == nil {
		now = time.Now
	}
	scheme, rest, _ := strings.Cut(address, ":")
	var db *DB
	var err error
	switch scheme {
	case "sqlite":
		db, err = openSQLite(ctx, rest)
	case "postgres", "postgresql":
		db, err = openPostgres(address)
	default:
		return nil, errors.New("the database's address begins with sqlite: or postgres:, such as sqlite:/var/lib/prelaunch/fleet.db")
	}
	if err != nil {
		return nil, err
	}
	db.now = now
	if err := db.write.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", withoutAddress(err)), db.Close())
	}
	return db, nil
}

// withoutAddress is an error of a connection without the address, in which a password may be.
func withoutAddress(err error) error {
	if text, cause, found := strings.Cut(err.Error(), "failed to connect to"); found {
		if _, after, found := strings.Cut(cause, "`: "); found {
			return errors.New(text + "connect: " + after)
		}
	}
	return err
}

func openPostgres(address string) (*DB, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errors.New("open the database: its address cannot be read (it is not repeated here, since a password may be in it)")
	}
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		// Whatever the server's default is: a UID that was sent must not be forgotten when the database stops.
		_, err := conn.Exec(ctx, "SET idle_in_transaction_session_timeout = '"+idleInTransaction+"'; SET synchronous_commit = on")
		return err
	}))
	pool.SetMaxOpenConns(postgresConnections)
	pool.SetMaxIdleConns(postgresConnections)
	pool.SetConnMaxIdleTime(time.Minute)
	return &DB{postgres: true, write: pool, read: pool, driver: riverdatabasesql.New(pool)}, nil
}

// openSQLite opens a file that only its owner can read. Writers take the lock when they begin, so none fails halfway; every commit is on
// disk before it returns, since a UID that was sent must not be forgotten when the machine stops.
func openSQLite(ctx context.Context, file string) (*DB, error) {
	file, err := filepath.Abs(strings.TrimPrefix(file, "//"))
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	made, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := made.Close(); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	at := (&url.URL{Scheme: "file", Path: file}).String()
	open := func(options string, most int) (*sql.DB, error) {
		pool, err := sql.Open("sqlite", at+"?_pragma=busy_timeout(10000)"+options)
		if err == nil {
			pool.SetMaxOpenConns(most)
			pool.SetMaxIdleConns(most)
		}
		return pool, err
	}
	writer, err := open("&_txlock=immediate&_pragma=synchronous(FULL)", 1)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	reader, err := open("&_pragma=query_only(1)", sqliteReaders)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), writer.Close())
	}
	db := &DB{write: writer, read: reader, driver: riversqlite.New(writer), lock: file + ".lock"}
	unlock, err := db.lockFile(ctx)
	if err == nil { // whoever changes the journal does not wait for others, who would get an error
		_, err = writer.ExecContext(ctx, "PRAGMA journal_mode(WAL)")
		err = errors.Join(err, unlock())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), db.Close())
	}
	return db, nil
}

// lockFile waits until no other process changes how the file is laid out.
func (d *DB) lockFile(ctx context.Context) (unlock func() error, err error) {
	lock := flock.New(d.lock)
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return nil, fmt.Errorf("wait for another process: %w", err)
	}
	return lock.Close, nil
}

// Close closes the connections.
func (d *DB) Close() error {
	err := d.write.Close()
	if d.read != d.write {
		err = errors.Join(err, d.read.Close())
	}
	return err
}

// Driver is River's way into this database.
func (d *DB) Driver() riverdriver.Driver[*sql.Tx] { return d.driver }

// IsPostgres reports which of the two databases it is.
func (d *DB) IsPostgres() bool { return d.postgres }

// Now is the clock of the fleet, in UTC and in milliseconds as the database keeps times.
func (d *DB) Now() time.Time { return d.now().UTC().Truncate(time.Millisecond) }

// advisoryLock is the number under which processes that migrate the same Postgres database wait for each other: "prelaunc" in ASCII.
const advisoryLock = 0x7072656c61756e63

// Migrate brings the schema up to this version. Processes that start together wait for each other.
func (d *DB) Migrate(ctx context.Context) error {
	if d.postgres {
		conn, err := d.write.Conn(ctx)
		if err != nil {
			return fmt.Errorf("migrate the database: %w", withoutAddress(err))
		}
		defer func() { _ = conn.Close() }() // which gives the lock back where unlocking failed
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(advisoryLock)); err != nil {
			return fmt.Errorf("wait for another migration: %w", err)
		}
		defer func() {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(advisoryLock))
		}()
	} else {
		unlock, err := d.lockFile(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = unlock() }() // the lock goes with the process at the latest
	}
	migrator, err := rivermigrate.New(d.driver, nil)
	if err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	return d.migrate(ctx)
}

// CheckSchema reports an error unless the schema is exactly that of this version, for whoever migrates by hand.
func (d *DB) CheckSchema(ctx context.Context) error {
	version, err := d.version(ctx)
	if err != nil {
		return err
	}
	newest := len(migrationFiles())
	switch {
	case version < newest:
		return fmt.Errorf("the database has version %d of the schema, this program needs %d: run `prelaunch-server migrate`", version, newest)
	case version > newest:
		return fmt.Errorf("the database has version %d of the schema, which a newer program made; this one knows %d", version, newest)
	}
	return nil
}

func migrationFiles() []string {
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		panic(err) // it is embedded
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names
}

// version is how many migrations were applied.
func (d *DB) version(ctx context.Context) (version int, err error) {
	exists := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'"
	if d.postgres {
		exists = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_version'"
	}
	if err := d.write.QueryRowContext(ctx, exists).Scan(&version); err != nil || version == 0 {
		return 0, wrap("read the version of the schema", err)
	}
	err = d.write.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM schema_version").Scan(&version)
	return version, wrap("read the version of the schema", err)
}

func (d *DB) migrate(ctx context.Context) error {
	version, err := d.version(ctx)
	if err != nil {
		return err
	}
	types := strings.NewReplacer("{blob}", "BLOB", "{id}", "INTEGER PRIMARY KEY AUTOINCREMENT")
	if d.postgres {
		types = strings.NewReplacer("{blob}", "BYTEA", "{id}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
	}
	for i, name := range migrationFiles() {
		if i < version {
			continue
		}
		text, err := migrations.ReadFile(path.Join("migrations", name))
		if err != nil {
			return fmt.Errorf("read migration %s: %w", name, err)
		}
		err = d.Write(ctx, func(tx *Tx) error {
			if i == 0 {
				if _, err := tx.exec(ctx, "CREATE TABLE schema_version (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)"); err != nil {
					return err
				}
			}
			if _, err := tx.SQL.ExecContext(ctx, types.Replace(string(text))); err != nil {
				return err
			}
			_, err := tx.exec(ctx, "INSERT INTO schema_version (version, applied_at) VALUES (?, ?)", i+1, millis(d.Now()))
			return err
		})
		if err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return nil
}

// Tx is one transaction. SQL is for River, whose jobs are written in it.
type Tx struct {
	SQL *sql.Tx
	db  *DB
}

// Write runs what do does in one transaction, which is rolled back where do returns an error or panics. On SQLite it holds the only
// connection that writes: do must not begin another one, and does nothing slow.
func (d *DB) Write(ctx context.Context, do func(*Tx) error) (err error) {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing once it is committed
	if err := do(&Tx{SQL: tx, db: d}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Now is the clock of the fleet.
func (tx *Tx) Now() time.Time { return tx.db.Now() }

func (tx *Tx) exec(ctx context.Context, query string, values ...any) (int64, error) {
	result, err := tx.SQL.ExecContext(ctx, tx.db.placeholders(query), values...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (tx *Tx) row(ctx context.Context, query string, values ...any) *sql.Row {
	return tx.SQL.QueryRowContext(ctx, tx.db.placeholders(query), values...)
}

// queryer is a transaction or the pool of readers.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// all reads every row of a query.
func all[T any](ctx context.Context, d *DB, from queryer, scan func(scanner) (T, error), query string, values ...any) ([]T, error) {
	rows, err := from.QueryContext(ctx, d.placeholders(query), values...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err says what went wrong
	list := []T{}
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// one reads the first row of a query; ErrNotFound where there is none.
func one[T any](ctx context.Context, d *DB, from queryer, scan func(scanner) (T, error), query string, values ...any) (T, error) {
	list, err := all(ctx, d, from, scan, query, values...)
	if err != nil {
		var none T
		return none, err
	}
	if len(list) == 0 {
		var none T
		return none, ErrNotFound
	}
	return list[0], nil
}

type scanner interface{ Scan(into ...any) error }

// ErrNotFound is returned where there is no such row.
var ErrNotFound = errors.New("it does not exist")

// placeholders writes each ? as the database wants it. No literal in a query has one.
func (d *DB) placeholders(query string) string {
	if !d.postgres {
		return query
	}
	var b strings.Builder
	n := 0
	for _, c := range query {
		if c != '?' {
			b.WriteRune(c)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}

// millis is a time as the database keeps it, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// moment scans what millis wrote.
type moment struct{ into *time.Time }

// Scan implements sql.Scanner.
func (m moment) Scan(value any) error {
	number, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a time is kept as %T", value)
	}
	*m.into = time.Time{}
	if number != 0 {
		*m.into = time.UnixMilli(number).UTC()
	}
	return nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
