package database

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Session is a login that a browser holds the cookie of.
type Session struct {
	Hash, Login, Via string
	Groups           []string
	Created, Expires time.Time
}

// PutSession writes a session, and drops those that have expired.
func (tx *Tx) PutSession(ctx context.Context, s Session) error {
	if _, err := tx.exec(ctx, "DELETE FROM session WHERE expires_at <= ?", millis(tx.Now())); err != nil {
		return wrap("drop sessions that have expired", err)
	}
	groups, err := json.Marshal(s.Groups)
	if err != nil {
		return fmt.Errorf("write a session: %w", err)
	}
	_, err = tx.exec(ctx, "INSERT INTO session (hash, login, via, groups, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
		s.Hash, s.Login, s.Via, string(groups), millis(s.Created), millis(s.Expires))
	return wrap("write a session", err)
}

// Session returns the session with a hash, expired or not.
func (d *DB) Session(ctx context.Context, hash string) (Session, error) {
	s, err := one(ctx, d, d.read, func(row scanner) (Session, error) {
		var s Session
		var groups string
		if err := row.Scan(&s.Hash, &s.Login, &s.Via, &groups, moment{&s.Created}, moment{&s.Expires}); err != nil {
			return s, err
		}
		return s, json.Unmarshal([]byte(groups), &s.Groups)
	}, "SELECT hash, login, via, groups, created_at, expires_at FROM session WHERE hash = ?", hash)
	return s, wrap("read a session", err)
}

// DropSession ends a session, if there is one.
func (tx *Tx) DropSession(ctx context.Context, hash string) error {
	_, err := tx.exec(ctx, "DELETE FROM session WHERE hash = ?", hash)
	return wrap("end a session", err)
}

// Token is an API token. Grants is JSON of whoever gives them.
type Token struct {
	Name, Hash, Grants, CreatedBy string
	Created, Expires              time.Time // the zero Expires: never
}

const tokenColumns = "name, hash, grants, created_by, created_at, expires_at"

func scanToken(row scanner) (Token, error) {
	var t Token
	err := row.Scan(&t.Name, &t.Hash, &t.Grants, &t.CreatedBy, moment{&t.Created}, moment{&t.Expires})
	return t, err
}

// AddToken writes a token. It reports false where there is one of the name.
func (tx *Tx) AddToken(ctx context.Context, t Token) (bool, error) {
	n, err := tx.exec(ctx, "INSERT INTO api_token ("+tokenColumns+") VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
		t.Name, t.Hash, t.Grants, t.CreatedBy, millis(t.Created), millis(t.Expires))
	return n == 1, wrap("write a token", err)
}

// Token returns the token with a hash, expired or not.
func (d *DB) Token(ctx context.Context, hash string) (Token, error) {
	t, err := one(ctx, d, d.read, scanToken, "SELECT "+tokenColumns+" FROM api_token WHERE hash = ?", hash)
	return t, wrap("read a token", err)
}

// Tokens returns every token, by name.
func (d *DB) Tokens(ctx context.Context) ([]Token, error) {
	list, err := all(ctx, d, d.read, scanToken, "SELECT "+tokenColumns+" FROM api_token ORDER BY name")
	return list, wrap("list the tokens", err)
}

// DropToken revokes a token.
func (tx *Tx) DropToken(ctx context.Context, name string) error {
	n, err := tx.exec(ctx, "DELETE FROM api_token WHERE name = ?", name)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return wrap("revoke the token "+name, err)
}
