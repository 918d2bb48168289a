// Package login says who makes a request of the fleet's server and what they may do: nothing to prove on loopback, otherwise a
// password, a trusted proxy's header, OpenID Connect, or an API token.
//
// Rules of this package:
//   - whoever is not logged in gets the login page and what the caller lists as public, nothing else;
//   - a session is 256 random bits in a cookie that scripts cannot read, made anew at each login; the store has only its hash, and what
//     somebody may do is read from the configuration at each request;
//   - a request of a browser that changes something must come from a page of the server itself (http.CrossOriginProtection);
//   - a wrong name costs as much time as a wrong password, and tries are bounded by address and by name;
//   - logins, failed logins and logouts are in the audit log, without what was typed as a password.
package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
)

// Session is a login that a browser holds the cookie of.
type Session struct {
	Hash    string // SHA-256 of the cookie's value, in hex
	Login   string
	Via     string
	Groups  []string
	Created time.Time
	Expires time.Time
}

// Token is an API token.
type Token struct {
	Name    string
	Hash    string // SHA-256 of the token, in hex
	Grants  []Grant
	Expires time.Time
}

// ErrNotFound is what a Store returns for a session or token that it does not have.
var ErrNotFound = errors.New("not found")

// Store keeps sessions and tokens for all servers of a fleet. What has expired may still be in it.
type Store interface {
	PutSession(ctx context.Context, session Session) error
	Session(ctx context.Context, hash string) (Session, error)
	DropSession(ctx context.Context, hash string) error
	Token(ctx context.Context, hash string) (Token, error)
	// Record adds to the audit log.
	Record(ctx context.Context, who, via, action, object string) error
}

// Options are what a Guard needs next to its configuration.
type Options struct {
	Config Config
	Store  Store
	Public []string // paths that need no login, such as /healthz, and with all below them where they end in a slash
	// Form shows the form of a login by password, with a message where the last try failed.
	Form func(w http.ResponseWriter, r *http.Request, status int, message, next string)
	Log  *slog.Logger
	Now  func() time.Time // nil: the machine's clock
	HTTP *http.Client     // to the OpenID Connect provider; nil: one that waits ten seconds
}

// Paths of a Guard.
const (
	LoginPath    = "/login"
	callbackPath = "/login/callback"
	LogoutPath   = "/logout"
)

// Guard lets requests through to a handler with the identity of who makes them.
type Guard struct {
	Options
	secure bool
	cross  *http.CrossOriginProtection
	tries  *tries
	oidc   *oidcLogin
	hashes chan struct{} // one slot for each password that may be compared at a time
}

// New makes a guard of a configuration that was checked.
func New(o Options) (*Guard, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Config.Session == 0 {
		o.Config.Session = defaultSession
	}
	g := &Guard{Options: o, cross: http.NewCrossOriginProtection(), tries: newTries(o.Now), hashes: make(chan struct{}, maxHashes)}
	if o.Config.PublicURL != "" {
		public, err := url.Parse(o.Config.PublicURL)
		if err != nil {
			return nil, fmt.Errorf("public_url: %w", err)
		}
		g.secure = public.Scheme == "https"
		if err := g.cross.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil { // a proxy may have changed Host
			return nil, fmt.Errorf("public_url: %w", err)
		}
	}
	if g.HTTP == nil {
		g.HTTP = &http.Client{Timeout: issuerTimeout}
	}
	if o.Config.OIDC != nil {
		g.oidc = newOIDC(*o.Config.OIDC, g)
	}
	return g, nil
}

// needed reports whether anybody has to log in.
func (g *Guard) needed() bool {
	return len(g.Config.Basic) > 0 || g.Config.Proxy != nil || g.Config.OIDC != nil
}

// Handler is next behind the guard.
func (g *Guard) Handler(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	if g.oidc != nil {
		mux.HandleFunc("GET "+LoginPath, g.oidc.begin)
		mux.HandleFunc("GET "+callbackPath, g.oidc.finish)
	}
	if len(g.Config.Basic) > 0 {
		mux.HandleFunc("GET "+LoginPath, g.showForm)
		mux.HandleFunc("POST "+LoginPath, g.takePassword)
	}
	mux.HandleFunc("POST "+LogoutPath, g.logOut)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if slices.ContainsFunc(g.Public, func(path string) bool {
			return r.URL.Path == path || strings.HasSuffix(path, "/") && strings.HasPrefix(r.URL.Path, path)
		}) {
			next.ServeHTTP(w, r)
			return
		}
		identity, err := g.identify(r)
		if err != nil {
			g.Log.ErrorContext(r.Context(), "a request could not be identified", "error", err)
			http.Error(w, "who you are could not be checked; try again later", http.StatusServiceUnavailable)
			return
		}
		if identity == nil {
			g.turnAway(w, r)
			return
		}
		next.ServeHTTP(w, r.WithContext(With(r.Context(), *identity)))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.needed() && !loopbackHost(r.Host) {
			http.Error(w, "without a login only localhost is served", http.StatusForbidden) // a name that was rebound to 127.0.0.1
			return
		}
		if err := g.cross.Check(r); err != nil {
			http.Error(w, "this request came from a page of another site", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return netprobe.Loopback(strings.Trim(host, "[]"))
}

// identify says who makes a request; nil is somebody unknown.
func (g *Guard) identify(r *http.Request) (*Identity, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		return g.byToken(r.Context(), header)
	}
	switch {
	case g.Config.Proxy != nil:
		return g.byProxy(r), nil
	case !g.needed():
		return &Identity{Login: "local", Via: ViaNothing, Grants: everything}, nil
	}
	cookie, err := r.Cookie(g.cookieName())
	if err != nil {
		return nil, nil
	}
	session, err := g.Store.Session(r.Context(), Hash(cookie.Value))
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read a session: %w", err)
	case !g.Now().Before(session.Expires) || session.Via != g.way():
		return nil, nil
	}
	groups := session.Groups
	if session.Via == ViaBasic { // a user who was removed, or whose groups changed, is so at once
		at := slices.IndexFunc(g.Config.Basic, func(user User) bool { return user.Name == session.Login })
		if at < 0 {
			return nil, nil
		}
		groups = g.Config.Basic[at].Groups
	}
	return &Identity{Login: session.Login, Via: session.Via, Grants: grants(g.Config.Access, groups)}, nil
}

func (g *Guard) way() string {
	if g.oidc != nil {
		return ViaOIDC
	}
	return ViaBasic
}

// tokenPrefix begins every API token, so that scanners of repositories can recognize one.
const tokenPrefix = "prelaunch_"

// NewToken makes an API token. Whoever makes it is shown the text once; the hash is kept.
func NewToken() (text, hash string) {
	text = tokenPrefix + random()
	return text, Hash(text)
}

// Hash is what is kept of a session or token. A hash without salt is enough for 256 random bits, and looking it up tells nothing by the
// time it takes.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func random() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (g *Guard) byToken(ctx context.Context, header string) (*Identity, error) {
	scheme, text, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(text, tokenPrefix) {
		return nil, nil
	}
	token, err := g.Store.Token(ctx, Hash(text))
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read a token: %w", err)
	case !token.Expires.IsZero() && !g.Now().Before(token.Expires):
		return nil, nil
	}
	return &Identity{Login: token.Name, Via: ViaToken, Grants: token.Grants}, nil
}

func (g *Guard) byProxy(r *http.Request) *Identity {
	proxy := g.Config.Proxy
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !slices.ContainsFunc(proxy.Networks, func(network netip.Prefix) bool { return network.Contains(peer.Addr().Unmap()) }) {
		return nil
	}
	users := r.Header.Values(proxy.UserHeader)
	if len(users) != 1 || strings.TrimSpace(users[0]) == "" { // two would be the proxy's and the client's own
		return nil
	}
	var groups []string
	if proxy.GroupsHeader != "" {
		lines := r.Header.Values(proxy.GroupsHeader)
		if len(lines) > 1 {
			return nil
		}
		for _, line := range lines {
			for group := range strings.SplitSeq(line, ",") {
				groups = append(groups, strings.TrimSpace(group))
			}
		}
	}
	return &Identity{Login: strings.TrimSpace(users[0]), Via: ViaProxy, Grants: grants(g.Config.Access, groups)}
}

// turnAway sends a browser to the login page, and tells others that they are unknown.
func (g *Guard) turnAway(w http.ResponseWriter, r *http.Request) {
	canLogIn := len(g.Config.Basic) > 0 || g.oidc != nil
	if canLogIn && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, LoginPath+"?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="prelaunch"`)
	http.Error(w, "log in, or send an API token", http.StatusUnauthorized)
}

// cookieName has a prefix by which a browser takes the cookie from this host over TLS only.
func (g *Guard) cookieName() string {
	if g.secure {
		return "__Host-prelaunch"
	}
	return "prelaunch"
}

func (g *Guard) cookie(name, value string, age time.Duration) *http.Cookie {
	// Lax, not Strict: a link in a notice is to open the page. What changes something is a POST and needs a page of this origin.
	cookie := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: g.secure, SameSite: http.SameSiteLaxMode, MaxAge: int(age.Seconds())}
	if value == "" {
		cookie.MaxAge = -1
	}
	return cookie
}

// logIn starts a session. Its cookie is always a new one: one that somebody planted in the browser before is worth nothing.
func (g *Guard) logIn(w http.ResponseWriter, r *http.Request, session Session, next string) {
	g.dropSession(r)
	value := random()
	session.Hash, session.Created = Hash(value), g.Now().UTC()
	session.Expires = session.Created.Add(g.Config.Session)
	err := g.Store.PutSession(r.Context(), session)
	if err == nil {
		err = g.Store.Record(r.Context(), session.Login, session.Via, "login", "")
	}
	if err != nil {
		g.Log.ErrorContext(r.Context(), "a session could not be kept", "error", err)
		http.Error(w, "the session could not be kept; try again later", http.StatusServiceUnavailable)
		return
	}
	http.SetCookie(w, g.cookie(g.cookieName(), value, g.Config.Session))
	http.Redirect(w, r, local(next), http.StatusSeeOther)
}

func (g *Guard) dropSession(r *http.Request) {
	if old, err := r.Cookie(g.cookieName()); err == nil {
		if err := g.Store.DropSession(r.Context(), Hash(old.Value)); err != nil && !errors.Is(err, ErrNotFound) {
			g.Log.ErrorContext(r.Context(), "a session could not be ended", "error", err)
		}
	}
}

func (g *Guard) logOut(w http.ResponseWriter, r *http.Request) {
	if identity, err := g.identify(r); err == nil && identity != nil && identity.Via != ViaNothing {
		if err := g.Store.Record(r.Context(), identity.Login, identity.Via, "logout", ""); err != nil {
			g.Log.ErrorContext(r.Context(), "a logout could not be recorded", "error", err)
		}
	}
	g.dropSession(r)
	http.SetCookie(w, g.cookie(g.cookieName(), "", 0))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// local is a path of this server, never a way to another one.
func local(next string) string {
	parsed, err := url.Parse(next)
	if err != nil || parsed.Host != "" || parsed.Scheme != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(next, LoginPath) {
		return "/"
	}
	return next
}
