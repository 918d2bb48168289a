package login

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Bounds of a login at the provider.
const (
	begunFor      = 10 * time.Minute // that somebody has for it
	issuerTimeout = 10 * time.Second // of a request to the provider
)

// oidcLogin is the authorization code flow with PKCE, a state and a nonce. The three are in a cookie until the provider sends the
// browser back, so that a response that somebody else began is of no use in it.
type oidcLogin struct {
	config OIDC
	guard  *Guard

	mu       sync.Mutex
	provider *oidc.Provider // nil until the issuer was first reached
}

func newOIDC(config OIDC, guard *Guard) *oidcLogin {
	if len(config.Scopes) == 0 {
		config.Scopes = []string{"profile", "email", "groups"}
	}
	if config.LoginClaim == "" {
		config.LoginClaim = "email"
	}
	if config.GroupsClaim == "" {
		config.GroupsClaim = "groups"
	}
	return &oidcLogin{config: config, guard: guard}
}

// context carries the HTTP client that the provider is reached with.
func (l *oidcLogin) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, l.guard.HTTP)
}

// discover reads the provider's metadata, once: a server is to start while its provider is down.
func (l *oidcLogin) discover(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.provider == nil {
		// The keys are read later, when this request is over, so its context must not end with it.
		provider, err := oidc.NewProvider(l.context(context.WithoutCancel(ctx)), l.config.Issuer)
		if err != nil {
			return nil, nil, fmt.Errorf("read the metadata of the OpenID Connect provider: %w", err)
		}
		l.provider = provider
	}
	return l.provider, &oauth2.Config{
		ClientID: l.config.ClientID, ClientSecret: string(l.config.ClientSecret.Expose()), Endpoint: l.provider.Endpoint(),
		RedirectURL: strings.TrimRight(l.guard.Config.PublicURL, "/") + callbackPath, Scopes: append([]string{oidc.ScopeOpenID}, l.config.Scopes...),
	}, nil
}

func (l *oidcLogin) cookieName() string { return l.guard.cookieName() + "-begun" }

func (l *oidcLogin) begin(w http.ResponseWriter, r *http.Request) {
	_, config, err := l.discover(r.Context())
	if err != nil {
		l.fail(w, r, err)
		return
	}
	state, nonce, verifier := random(), random(), oauth2.GenerateVerifier()
	begun := url.Values{"state": {state}, "nonce": {nonce}, "verifier": {verifier}, "next": {local(r.URL.Query().Get("next"))}}
	http.SetCookie(w, l.guard.cookie(l.cookieName(), url.QueryEscape(begun.Encode()), begunFor))
	http.Redirect(w, r, config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), http.StatusSeeOther)
}

func (l *oidcLogin) finish(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, l.guard.cookie(l.cookieName(), "", 0)) // it is good for one try
	session, next, err := l.exchange(r)
	if err != nil {
		if err := l.guard.Store.Record(r.Context(), "", ViaOIDC, "login failed", ""); err != nil {
			l.guard.Log.ErrorContext(r.Context(), "a failed login could not be recorded", "error", err)
		}
		l.fail(w, r, err)
		return
	}
	l.guard.logIn(w, r, session, next)
}

func (l *oidcLogin) exchange(r *http.Request) (session Session, next string, err error) {
	cookie, err := r.Cookie(l.cookieName())
	if err != nil {
		return session, "", errors.New("no login was begun in this browser")
	}
	text, err := url.QueryUnescape(cookie.Value)
	if err != nil {
		return session, "", errors.New("the cookie of the login is not readable")
	}
	begun, err := url.ParseQuery(text)
	if err != nil || begun.Get("state") == "" {
		return session, "", errors.New("the cookie of the login is not readable")
	}
	if subtle.ConstantTimeCompare([]byte(begun.Get("state")), []byte(r.URL.Query().Get("state"))) != 1 {
		return session, "", errors.New("the response belongs to another login")
	}
	provider, config, err := l.discover(r.Context())
	if err != nil {
		return session, "", err
	}
	ctx := l.context(r.Context())
	answer, err := config.Exchange(ctx, r.URL.Query().Get("code"), oauth2.VerifierOption(begun.Get("verifier")))
	if err != nil {
		return session, "", errors.New("the provider did not exchange the code for a token")
	}
	raw, _ := answer.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: l.config.ClientID, Now: l.guard.Now}).Verify(ctx, raw)
	if err != nil {
		return session, "", fmt.Errorf("verify the ID token: %w", err)
	}
	if begun.Get("nonce") == "" || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(begun.Get("nonce"))) != 1 {
		return session, "", errors.New("the ID token belongs to another login")
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return session, "", fmt.Errorf("read the ID token's claims: %w", err)
	}
	session.Via = ViaOIDC
	session.Login, _ = claims[l.config.LoginClaim].(string)
	if session.Login == "" {
		return session, "", fmt.Errorf("the ID token has no claim %s", l.config.LoginClaim)
	}
	if verified, _ := claims["email_verified"].(bool); l.config.LoginClaim == "email" && !verified {
		return session, "", errors.New("the provider has not verified the email address")
	}
	list, _ := claims[l.config.GroupsClaim].([]any)
	for _, one := range list {
		if group, is := one.(string); is {
			session.Groups = append(session.Groups, group)
		}
	}
	return session, begun.Get("next"), nil
}

// fail says only that it failed: the reason, which may quote the provider, is for the log.
func (l *oidcLogin) fail(w http.ResponseWriter, r *http.Request, err error) {
	l.guard.Log.WarnContext(r.Context(), "a login failed", "via", ViaOIDC, "error", err)
	http.Error(w, "The login failed. Begin again at "+LoginPath+", or ask who runs this server.", http.StatusForbidden)
}
