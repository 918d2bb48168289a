// Package web serves the fleet: pages for people, a JSON API for programs, metrics and health.
//
// Rules of this package:
//   - one table of routes says what each is about and which role it needs; the check is made in one place before a handler runs. What
//     belongs to a team that somebody does not see does not exist for them (404);
//   - each change of state is written with its entry of the audit log in one transaction;
//   - pages need no script: the content security policy allows none, and only the style that is in the page;
//   - every text from outside goes through report.Plain, which shows what cannot be seen, and through html/template, which escapes it;
//   - the server holds no reviewer's key: a decision is signed on the reviewer's machine and verified here. What somebody approves by a
//     click is signed with the server's own key, as a statement of another type.
package web

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
)

// Options are what the pages work with.
type Options struct {
	DB           *database.DB
	Login        login.Config
	Version      string
	PolicyDigest string             // of the policies that audits are judged by; "": a decision is not held against it
	Signer       ed25519.PrivateKey // the server's own, for decisions by click; nil: there are none
	Reviewers    []Reviewer
	Pushes       []Push
	// AuditNow has an integration audited at once, and writes the audit log.
	AuditNow func(ctx context.Context, actor, integration, reason string) error
	// Reload has the configurations read at once, and writes the audit log.
	Reload func(ctx context.Context, actor string) error
	Log    *slog.Logger
}

// Reviewer is somebody whose signature on a decision counts.
type Reviewer struct {
	Name string
	Key  ed25519.PublicKey
	// Teams are those whose reports they decide on; empty: every team's.
	Teams []string
}

type server struct {
	Options
	pushing chan struct{} // one for each push whose body may be held at a time
}

// New makes the handler of the pages. The login must have been checked.
func New(o Options) (http.Handler, error) {
	s := &server{Options: o, pushing: make(chan struct{}, maxPushes)}
	mux := http.NewServeMux()
	public := []string{}
	for _, route := range s.routes() {
		mux.HandleFunc(route.method+" "+route.path, s.serve(route))
		if route.about == nothing {
			path, _, _ := strings.Cut(route.path, "{")
			public = append(public, path)
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(&request{Request: r, w: w, who: login.From(r.Context())}, missing)
	})
	guard, err := login.New(login.Options{Config: o.Login, Store: store{o.DB}, Public: public, Form: s.loginForm, Log: o.Log, Now: o.DB.Now})
	if err != nil {
		return nil, err
	}
	return s.outermost(guard.Handler(mux)), nil
}

// outermost sets the headers of every response and writes a line of log for each.
func (s *server) outermost(next http.Handler) http.Handler {
	tls := strings.HasPrefix(s.Login.PublicURL, "https:")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; style-src "+styleHash)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "same-origin") // no-referrer would take the origin from forms
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		if tls {
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		begun := time.Now()
		counted := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(counted, r)
		s.Log.InfoContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "status", counted.status, "ms", time.Since(begun).Milliseconds())
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what is below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// about is what a route is about, which decides whose it is.
type about int

const (
	nothing     about = iota // anybody may know it
	reader                   // whoever has any role; the handler shows what is theirs
	fleet                    // whoever has the role for every team
	integration              // whoever has the role for the integration's team; {name} in the path
	run                      // the same, for a run's integration; {run} in the path
)

// route is one thing that the server does.
type route struct {
	method, path string
	about        about
	role         login.Role
	handle       func(*server, *request) error
	doc          *operation // of the API; nil: a page
}

// request is a request whose sender may make it.
type request struct {
	*http.Request
	w           http.ResponseWriter
	who         login.Identity
	integration database.Integration // of routes about one, or about a run
	run         database.Run
}

// problem is why a request is not done, for whoever made it.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

var (
	missing   = &problem{http.StatusNotFound, "There is no such page, or you may not see it."}
	forbidden = &problem{http.StatusForbidden, "Your role does not allow this."}
)

func bad(format string, values ...any) error {
	return &problem{http.StatusBadRequest, fmt.Sprintf(format, values...)}
}

// serve is a route with the check of who may use it.
func (s *server) serve(route route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := &request{Request: r, w: w, who: login.From(r.Context())}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		err := isText(r.URL.RequestURI())
		if err == nil {
			err = s.permit(route, q)
		}
		if err == nil {
			err = route.handle(s, q)
		}
		if err != nil {
			s.fail(q, err)
		}
	}
}

// isText rejects an address that holds what Postgres, and no name, can have.
func isText(address string) error {
	text, err := url.QueryUnescape(address)
	if err != nil || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return bad("The address holds what is no text.")
	}
	return nil
}

func (s *server) permit(route route, q *request) (err error) {
	if route.about == nothing {
		return nil
	}
	if teams, all := q.who.Teams(login.Viewer); !all && len(teams) == 0 {
		return forbidden
	}
	switch route.about {
	case fleet:
		if !q.who.May(route.role, login.EveryTeam) {
			return forbidden
		}
		return nil
	case run:
		if q.run, err = s.DB.Run(q.Context(), q.PathValue("run")); err != nil {
			return err
		}
		q.integration, err = s.DB.Integration(q.Context(), q.run.Integration)
	case integration:
		q.integration, err = s.DB.Integration(q.Context(), q.PathValue("name"))
	default:
		return nil
	}
	switch {
	case err != nil:
		return err
	case !q.who.May(login.Viewer, q.integration.Team):
		return missing
	case !q.who.May(route.role, q.integration.Team):
		return forbidden
	}
	return nil
}

// fail responds to what went wrong: a program gets JSON. What is no fault of the request is in the log, and only there.
func (s *server) fail(q *request, err error) {
	var p *problem
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &p):
	case errors.As(err, &large):
		p = &problem{http.StatusRequestEntityTooLarge, "The request is too large."}
	case errors.Is(err, database.ErrNotFound):
		p = missing
	default:
		p = &problem{http.StatusInternalServerError, "Something went wrong on the server. Its log says what."}
		s.Log.ErrorContext(q.Context(), "a request failed", "method", q.Method, "path", q.URL.Path, "run", q.run.ID, "error", err)
	}
	if strings.HasPrefix(q.URL.Path, apiPrefix) {
		_ = respond(q.w, p.status, map[string]string{"error": p.text}) // whoever asked is gone
		return
	}
	if err := s.page(q, p.status, "error", "Not done", p.text); err != nil {
		s.Log.ErrorContext(q.Context(), "a page could not be written", "error", err)
	}
}

// respond writes JSON.
func respond(w http.ResponseWriter, status int, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write the response: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(append(raw, '\n'))
	return err
}

// change does something in one transaction with its entry in the audit log.
func (s *server) change(q *request, action, object, detail string, do func(*database.Tx) error) error {
	return s.DB.Write(q.Context(), func(tx *database.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return tx.Log(q.Context(), actor(q.who.Login, q.who.Via), action, object, detail)
	})
}

// actor is who did something, as the audit log has it.
func actor(login, via string) string { return login + " (" + via + ")" }

// maxBody bounds what is sent to the server, in bytes: a signed statement is a few kilobytes.
const maxBody = 5 << 20

func (s *server) health(q *request) error {
	_, err := io.WriteString(q.w, "ok\n")
	return err
}

// readyTimeout bounds how long a check of readiness waits for the database.
const readyTimeout = 3 * time.Second

func (s *server) readiness(q *request) error {
	ctx, cancel := context.WithTimeout(q.Context(), readyTimeout)
	defer cancel()
	if _, err := s.DB.Overview(ctx, []string{}); err != nil {
		s.Log.ErrorContext(q.Context(), "the server is not ready", "error", err)
		http.Error(q.w, "the database does not respond", http.StatusServiceUnavailable)
		return nil
	}
	_, err := io.WriteString(q.w, "ready\n")
	return err
}

// document reads a run's document. One that is not kept anymore is missing.
func (s *server) document(ctx context.Context, digest string) ([]byte, error) {
	if digest == "" {
		return nil, database.ErrNotFound
	}
	return s.DB.Document(ctx, digest)
}
