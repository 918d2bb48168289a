package database

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// maxDocument bounds a document that is unpacked, in bytes: four times the largest report.
const maxDocument = 64 << 20

// The coders are made once: each takes some megabytes.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err) // the options are constants
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxDocument))
		if err != nil {
			panic(err) // the options are constants
		}
		return d
	})
)

// PackedDocument is a document as it is kept, packed outside the transaction that writes it.
type PackedDocument struct {
	Digest  string // "sha256:…" of the content
	size    int
	content []byte
}

// Pack compresses a document.
func Pack(content []byte) PackedDocument {
	return PackedDocument{Digest: audit.Digest(content), size: len(content), content: encoder().EncodeAll(content, nil)}
}

// PutDocument writes a document under its digest. One that is there already is the same.
func (tx *Tx) PutDocument(ctx context.Context, p PackedDocument) error {
	_, err := tx.exec(ctx, "INSERT INTO document (digest, size, content, stored_at) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING", p.Digest, p.size, p.content, millis(tx.Now()))
	return wrap("write a document", err)
}

// Document returns the document of a digest, which it is held against.
func (d *DB) Document(ctx context.Context, digest string) ([]byte, error) {
	packed, err := one(ctx, d, d.read, func(row scanner) ([]byte, error) {
		var content []byte
		err := row.Scan(&content)
		return content, err
	}, "SELECT content FROM document WHERE digest = ?", digest)
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", digest, err)
	}
	content, err := decoder().DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("document %s: unpack it: %w", digest, err)
	}
	if sum := sha256.Sum256(content); "sha256:"+hex.EncodeToString(sum[:]) != digest {
		return nil, fmt.Errorf("document %s: %w", digest, errChanged)
	}
	return content, nil
}

var errChanged = errors.New("its content is not what was written: the database was changed")

// Retention says how long what is kept.
type Retention struct {
	Runs   time.Duration // runs with their reports; the newest and the newest ready one of each integration stay
	Facts  time.Duration // facts of runs; those of the newest and the newest ready run stay
	Events time.Duration // events, sent messages and entries of the audit log
}

// Retain removes what is older than is kept, at most limit rows of a kind, and reports whether there may be more.
func (tx *Tx) Retain(ctx context.Context, r Retention, limit int) (more bool, err error) {
	now := tx.Now()
	kept := `id NOT IN (SELECT last_run FROM integration) AND id NOT IN (SELECT last_passed FROM integration)`
	steps := []struct {
		query string
		older time.Duration
	}{
		{`UPDATE run SET facts = '' WHERE id IN (SELECT id FROM run WHERE facts <> '' AND started_at < ? AND state <> 'running' AND ` + kept + ` ORDER BY started_at LIMIT ?)`, r.Facts},
		{`DELETE FROM run WHERE id IN (SELECT id FROM run WHERE started_at < ? AND state <> 'running' AND ` + kept + `
			AND NOT EXISTS (SELECT 1 FROM decision d WHERE d.run = run.id) ORDER BY started_at LIMIT ?)`, r.Runs},
		{`DELETE FROM finding WHERE id IN (SELECT id FROM finding WHERE closed_at > 0 AND closed_at < ? ORDER BY closed_at LIMIT ?)`, r.Runs},
		{`DELETE FROM outbox WHERE id IN (SELECT o.id FROM outbox o JOIN event e ON e.id = o.event WHERE e.at < ? ORDER BY o.id LIMIT ?)`, r.Events},
		{`DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < ? AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.event = event.id) ORDER BY id LIMIT ?)`, r.Events},
		{`DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE at < ? ORDER BY id LIMIT ?)`, r.Events},
		{`DELETE FROM sent WHERE purged_at > 0 AND run IN (SELECT run FROM sent WHERE purged_at > 0 AND purged_at < ? LIMIT ?)`, r.Runs},
	}
	for _, step := range steps {
		if step.older <= 0 {
			continue
		}
		n, err := tx.exec(ctx, step.query, millis(now.Add(-step.older)), limit)
		if err != nil {
			return false, wrap("remove what is no longer kept", err)
		}
		more = more || n >= int64(limit)
	}
	n, err := tx.exec(ctx, `DELETE FROM document WHERE digest IN (SELECT digest FROM document WHERE stored_at < ?
		AND NOT EXISTS (SELECT 1 FROM run WHERE run.report = document.digest) AND NOT EXISTS (SELECT 1 FROM run WHERE run.facts = document.digest)
		AND NOT EXISTS (SELECT 1 FROM decision WHERE decision.report = document.digest) LIMIT ?)`, millis(now.Add(-time.Hour)), limit)
	return more || n >= int64(limit), wrap("remove documents that nothing names", err)
}
