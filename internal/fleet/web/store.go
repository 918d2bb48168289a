package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
)

// store keeps logins in the fleet's database.
type store struct{ db *database.DB }

func (s store) PutSession(ctx context.Context, session login.Session) error {
	return s.db.Write(ctx, func(tx *database.Tx) error {
		return tx.PutSession(ctx, database.Session{Hash: session.Hash, Login: session.Login, Via: session.Via, Groups: session.Groups, Created: session.Created, Expires: session.Expires})
	})
}

func (s store) Session(ctx context.Context, hash string) (login.Session, error) {
	found, err := s.db.Session(ctx, hash)
	if errors.Is(err, database.ErrNotFound) {
		return login.Session{}, login.ErrNotFound
	}
	return login.Session{Hash: found.Hash, Login: found.Login, Via: found.Via, Groups: found.Groups, Created: found.Created, Expires: found.Expires}, err
}

func (s store) DropSession(ctx context.Context, hash string) error {
	return s.db.Write(ctx, func(tx *database.Tx) error { return tx.DropSession(ctx, hash) })
}

func (s store) Token(ctx context.Context, hash string) (login.Token, error) {
	found, err := s.db.Token(ctx, hash)
	if errors.Is(err, database.ErrNotFound) {
		return login.Token{}, login.ErrNotFound
	}
	if err != nil {
		return login.Token{}, err
	}
	token := login.Token{Name: found.Name, Hash: found.Hash, Expires: found.Expires}
	if err := json.Unmarshal([]byte(found.Grants), &token.Grants); err != nil {
		return login.Token{}, fmt.Errorf("read the grants of a token: %w", err)
	}
	return token, nil
}

func (s store) Record(ctx context.Context, who, via, action, object string) error {
	return s.db.Write(ctx, func(tx *database.Tx) error { return tx.Log(ctx, actor(who, via), action, object, "") })
}
