package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// token is an API token as it is shown.
type token struct {
	Name      string        `json:"name"`
	Grants    []login.Grant `json:"grants"`
	CreatedBy string        `json:"created_by"`
	Created   time.Time     `json:"created"`
	Expires   time.Time     `json:"expires"`
}

// tokens are those that somebody made, or could have made.
func (s *server) tokens(q *request) (list []token, err error) {
	kept, err := s.DB.Tokens(q.Context())
	if err != nil {
		return nil, err
	}
	list = []token{}
	for _, one := range kept {
		t := token{Name: one.Name, CreatedBy: one.CreatedBy, Created: one.Created, Expires: one.Expires}
		if err := json.Unmarshal([]byte(one.Grants), &t.Grants); err != nil {
			return nil, fmt.Errorf("read the grants of a token: %w", err)
		}
		if holds(q.who, t.Grants) {
			list = append(list, t)
		}
	}
	return list, nil
}

// holds reports whether somebody has all the grants themselves.
func holds(who login.Identity, grants []login.Grant) bool {
	return !slices.ContainsFunc(grants, func(grant login.Grant) bool { return !who.May(grant.Role, grant.Team) })
}

// Bounds of a token.
const (
	maxTokenName = 100
	maxTokenDays = 365
)

// addToken makes a token with no more than its maker may do, and returns its text, which is shown once. A token makes no tokens.
func (s *server) addToken(q *request, name string, grants []login.Grant, days int) (text string, err error) {
	switch {
	case q.who.Via == login.ViaToken:
		return "", &problem{http.StatusForbidden, "A token cannot make or revoke tokens."}
	case strings.TrimSpace(name) == "" || len(name) > maxTokenName || report.Plain(name) != name:
		return "", bad("A token needs a name of at most %d visible characters.", maxTokenName)
	case days < 1 || days > maxTokenDays:
		return "", bad("A token is valid for 1 to %d days.", maxTokenDays)
	case len(grants) == 0:
		return "", bad("A token needs at least one role for a team.")
	case slices.ContainsFunc(grants, func(grant login.Grant) bool {
		return grant.Role != login.Viewer && grant.Role != login.Operator && grant.Role != login.Reviewer || grant.Team == ""
	}):
		return "", bad("A role is viewer, operator or reviewer, of a named team.")
	case !holds(q.who, grants):
		return "", &problem{http.StatusForbidden, "A token cannot do more than whoever makes it."}
	}
	text, hash := login.NewToken()
	raw, err := json.Marshal(grants)
	if err != nil {
		return "", fmt.Errorf("write the token: %w", err)
	}
	now := s.DB.Now()
	err = s.change(q, "token", name, string(raw), func(tx *database.Tx) error {
		added, err := tx.AddToken(q.Context(), database.Token{Name: name, Hash: hash, Grants: string(raw), CreatedBy: actor(q.who.Login, q.who.Via), Created: now, Expires: now.AddDate(0, 0, days)})
		if err == nil && !added {
			err = &problem{http.StatusConflict, "There is a token of this name."}
		}
		return err
	})
	return text, err
}

func (s *server) dropToken(q *request, name string) error {
	if q.who.Via == login.ViaToken {
		return &problem{http.StatusForbidden, "A token cannot make or revoke tokens."}
	}
	list, err := s.tokens(q)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(t token) bool { return t.Name == name }) {
		return missing
	}
	return s.change(q, "revoke", name, "", func(tx *database.Tx) error { return tx.DropToken(q.Context(), name) })
}

// tokenPage lists tokens; New is the text of one that was made just now.
type tokenPage struct {
	Tokens  []token
	New     string
	NewName string
	Roles   []login.Role
	Done    string
}

func (s *server) tokenPage(q *request) error { return s.showTokens(q, tokenPage{}) }

func (s *server) showTokens(q *request, page tokenPage) (err error) {
	if page.Tokens, err = s.tokens(q); err != nil {
		return err
	}
	page.Roles, page.Done = []login.Role{login.Viewer, login.Operator, login.Reviewer}, done[q.URL.Query().Get("done")]
	return s.page(q, http.StatusOK, "tokens", "API tokens", page)
}

func (s *server) postToken(q *request) error {
	days, err := strconv.Atoi(q.PostFormValue("days"))
	if err != nil {
		return bad("The days must be a number.")
	}
	name := q.PostFormValue("name")
	text, err := s.addToken(q, name, []login.Grant{{Role: login.Role(q.PostFormValue("role")), Team: q.PostFormValue("team")}}, days)
	if err != nil {
		return err
	}
	return s.showTokens(q, tokenPage{New: text, NewName: name})
}

func (s *server) postRevoke(q *request) error {
	if err := s.dropToken(q, q.PostFormValue("name")); err != nil {
		return err
	}
	return back(q, "/tokens", "revoke")
}
