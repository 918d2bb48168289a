package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

//go:embed pages/*.html
var templates embed.FS

//go:embed pages/style.css
var style string

// styleHash is what the content security policy allows: the style of the pages, and nothing else.
var styleHash = hashOf(style)

func hashOf(style string) string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// words and glyphs of a status: nothing depends on telling colors apart.
var words = map[string][2]string{
	database.Ready: {"✓", "Ready"}, database.NotReady: {"✕", "Not ready"}, database.NotProven: {"?", "Not proven"}, database.Expired: {"!", "Expired"},
	database.Unknown: {"–", "Not audited"}, notReady: {"", "Anything but ready"},
	database.Running: {"…", "Running"}, database.Failed: {"–", "No report"}, database.Lost: {"–", "Lost"},
}

// status is what a run came to, as words has it.
func status(r database.Run) string {
	if r.State == database.Finished {
		return r.Status
	}
	return r.State
}

var pages = template.Must(template.New("pages").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(style) },
	"plain": report.Plain,
	"glyph": func(status string) string { return words[status][0] },
	"word": func(status string) string {
		if word := words[status][1]; word != "" {
			return word
		}
		return report.Plain(status)
	},
	"tone": func(status string) string { // a class, so only those that the style knows
		if _, known := words[status]; !known {
			return database.Unknown
		}
		return status
	},
	"status":   status,
	"statuses": func() []string { return statuses },
	"stamp":    stamp,
	"minute":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
	"day":      func(t time.Time) string { return t.UTC().Format("2006-01-02") },
	"path":     pathOf,
	"short": func(digest string) string {
		return strings.TrimPrefix(digest, "sha256:")[:min(12, len(strings.TrimPrefix(digest, "sha256:")))]
	},
	"lasted":  func(r database.Run) string { return r.Finished.Sub(r.Started).Round(time.Second).String() },
	"outcome": func(outcome string) string { return strings.ReplaceAll(outcome, "_", " ") },
	"query":   url.QueryEscape,
	"link":    func(address string) bool { return strings.HasPrefix(address, "https://") },
	"plural": func(n int, one string) string {
		if n == 1 {
			return "1 " + one
		}
		return fmt.Sprintf("%d %ss", n, one)
	},
}).ParseFS(templates, "pages/*.html"))

// view is what every page is made of.
type view struct {
	Title string
	Who   login.Identity
	Data  any
	// Parts of the navigation that somebody may see.
	Queue, Log, CanLogOut bool
	Version               string
}

// page writes a page as a whole, or not at all.
func (s *server) page(q *request, status int, name, title string, data any) error {
	v := view{
		Title: title, Who: q.who, Data: data, Version: s.Version, CanLogOut: q.who.Via == login.ViaBasic || q.who.Via == login.ViaOIDC,
		Queue: q.who.May(login.Operator, login.EveryTeam), Log: q.who.May(login.Reviewer, login.EveryTeam),
	}
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name+".html", v); err != nil {
		return fmt.Errorf("write the page %s: %w", name, err)
	}
	q.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	q.w.WriteHeader(status)
	_, err := b.WriteTo(q.w)
	return err
}

// loginForm is the page of a login by password.
func (s *server) loginForm(w http.ResponseWriter, r *http.Request, status int, message, next string) {
	q := &request{Request: r, w: w}
	if err := s.page(q, status, "login", "Log in", struct{ Message, Next string }{message, next}); err != nil {
		s.Log.ErrorContext(r.Context(), "a page could not be written", "error", err)
	}
}
