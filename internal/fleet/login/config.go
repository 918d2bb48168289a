package login

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Config says how people log in, and what they may do. At most one of Basic, Proxy and OIDC is set.
type Config struct {
	PublicURL string // scheme and host that browsers see; required with a login
	Basic     []User
	Proxy     *Proxy
	OIDC      *OIDC
	Access    []Access
	Session   time.Duration // how long a login is valid; 0: eight hours
	// Proxies are reverse proxies whose X-Forwarded-For is believed, next to those on this machine. It only tells whose attempts to log
	// in are bounded together.
	Proxies []netip.Prefix
}

// User is one of a list of users in the configuration.
type User struct {
	Name   string
	Bcrypt string // hash of the password
	Groups []string
}

// Proxy is a reverse proxy that authenticates, such as oauth2-proxy, and says in headers who it let through. The headers are believed
// from its networks only; what comes from elsewhere needs an API token.
type Proxy struct {
	UserHeader   string
	GroupsHeader string // optional; a list with commas
	Networks     []netip.Prefix
}

// OIDC is an OpenID Connect provider.
type OIDC struct {
	Issuer       string
	ClientID     string
	ClientSecret secret.Key
	Scopes       []string // in addition to openid; default: profile, email, groups
	LoginClaim   string   // default: email, which must be verified
	GroupsClaim  string   // default: groups
}

const defaultSession = 8 * time.Hour

// Check returns what is wrong with the configuration for a server that listens on an address, such as 127.0.0.1:8080. Without a login
// only loopback is served.
func (c Config) Check(listen string) error {
	var faults []error
	ways := 0
	for _, set := range []bool{len(c.Basic) > 0, c.Proxy != nil, c.OIDC != nil} {
		if set {
			ways++
		}
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("the address to listen on: %w", err)
	}
	switch {
	case ways > 1:
		faults = append(faults, errors.New("login: only one of basic, proxy and oidc can be used"))
	case ways == 0 && !netprobe.Loopback(host):
		return fmt.Errorf("%s is not loopback, so a login is required: set login.basic, login.proxy or login.oidc, or listen on 127.0.0.1", listen)
	case ways == 0:
		return nil
	}
	if public, err := url.Parse(c.PublicURL); err != nil || public.Host == "" || public.Scheme != "https" && public.Scheme != "http" || strings.Trim(public.Path, "/") != "" || public.RawQuery != "" || public.User != nil {
		faults = append(faults, errors.New("public_url must be the scheme and host that browsers see, such as https://prelaunch.acme.example"))
	} else if public.Scheme == "http" && !netprobe.Loopback(public.Hostname()) {
		faults = append(faults, errors.New("public_url must be https: over plain HTTP anybody on the way could use a session"))
	}
	faults = append(faults, c.checkUsers()...)
	if c.Proxy != nil {
		faults = append(faults, c.Proxy.check()...)
	}
	if c.OIDC != nil {
		faults = append(faults, c.OIDC.check()...)
	}
	if len(c.Access) == 0 {
		faults = append(faults, errors.New("access is empty: nobody could see anything"))
	}
	for _, access := range c.Access {
		if err := access.check(); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func (c Config) checkUsers() (faults []error) {
	names := []string{}
	for _, user := range c.Basic {
		if user.Name == "" || slices.Contains(names, user.Name) {
			faults = append(faults, fmt.Errorf("login.basic: the name %q is empty or used twice", user.Name))
		}
		names = append(names, user.Name)
		if cost, err := bcrypt.Cost([]byte(user.Bcrypt)); err != nil || cost < bcrypt.DefaultCost {
			faults = append(faults, fmt.Errorf("login.basic: the password of %q must be a bcrypt hash of cost %d or more, as `htpasswd -nBC %d NAME` writes it",
				user.Name, bcrypt.DefaultCost, bcrypt.DefaultCost))
		}
	}
	return faults
}

func (p *Proxy) check() (faults []error) {
	if p.UserHeader == "" {
		faults = append(faults, errors.New("login.proxy names no header with the user"))
	}
	if len(p.Networks) == 0 {
		faults = append(faults, errors.New("login.proxy names no networks: list the addresses of the proxy, because whoever else could connect could claim any name"))
	}
	for _, network := range p.Networks {
		if network.Bits() == 0 {
			faults = append(faults, fmt.Errorf("login.proxy: %s is everybody, not the proxy", network))
		}
	}
	if p.UserHeader != "" && http.CanonicalHeaderKey(p.UserHeader) == http.CanonicalHeaderKey(p.GroupsHeader) {
		faults = append(faults, errors.New("login.proxy: user and groups are the same header"))
	}
	return faults
}

func (o *OIDC) check() (faults []error) {
	issuer, err := url.Parse(o.Issuer)
	if err != nil || issuer.Host == "" || issuer.Scheme != "https" && !(issuer.Scheme == "http" && netprobe.Loopback(issuer.Hostname())) {
		faults = append(faults, errors.New("login.oidc: the issuer must be an https URL"))
	}
	if o.ClientID == "" || !o.ClientSecret.Held() {
		faults = append(faults, errors.New("login.oidc: client_id and client_secret are required"))
	}
	return faults
}
