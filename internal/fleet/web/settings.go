package web

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/signoff"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

var (
	network  = shape.Form{Is: "an address or a range", Next: "write it like 10.1.0.0/16", Check: func(s string) bool { _, err := netprobe.ParseAllowed(s); return err == nil }}
	pushName = shape.Form{Is: "a word", Next: "write lower-case letters, digits and hyphens", Pattern: lazy.Regexp(`^[a-z0-9][a-z0-9-]*$`), Longest: 50}
	period   = shape.Form{Is: "a time", Next: "write it like 30m or 8h", Check: func(s string) bool {
		d, err := time.ParseDuration(s)
		return err == nil && d >= time.Minute && d <= 7*24*time.Hour
	}}
)

func texts() *shape.Shape {
	return &shape.Shape{Kind: shape.List, Item: shape.Texts(shape.Prose), Distinct: true}
}

// Field are the settings of the pages in fleet.yaml.
func Field() shape.Field {
	text := shape.Texts(shape.Prose)
	object := func(fields ...shape.Field) *shape.Shape { return &shape.Shape{Kind: shape.Object, Fields: fields} }
	return shape.Field{Name: "web", About: "pages and API", Shape: object(
		shape.Field{Name: "public_url", Shape: text, About: "scheme and host that browsers see, such as https://prelaunch.acme.example; required with a login"},
		shape.Field{Name: "login", About: "how people log in; without it only loopback is served", Shape: &shape.Shape{Kind: shape.Object, ExactlyOne: []string{"basic", "proxy", "oidc"}, Fields: []shape.Field{
			{Name: "basic", About: "names and passwords", Shape: &shape.Shape{Kind: shape.List, Fewest: 1, Item: object(
				shape.Field{Name: "name", Required: true, Shape: text, About: "name"},
				shape.Field{Name: "bcrypt", Required: true, Shape: text, About: "hash of the password, as `htpasswd -nBC 12 NAME` writes it"},
				shape.Field{Name: "groups", Shape: texts(), About: "groups"},
			)}},
			{Name: "proxy", About: "a reverse proxy that authenticates", Shape: object(
				shape.Field{Name: "user_header", Required: true, Shape: text, About: "header with the user's name"},
				shape.Field{Name: "groups_header", Shape: text, About: "header with the user's groups, with commas"},
				shape.Field{Name: "networks", Required: true, Shape: &shape.Shape{Kind: shape.List, Fewest: 1, Item: shape.Texts(network)}, About: "addresses of the proxy, from which alone the headers are believed; no worker may be among them, since its audits send what teams configure"},
			)},
			{Name: "oidc", About: "OpenID Connect; the redirect URL is public_url and /login/callback", Shape: object(
				shape.Field{Name: "issuer", Required: true, Shape: text, About: "URL of the provider"},
				shape.Field{Name: "client_id", Required: true, Shape: text, About: "client's id"},
				shape.Field{Name: "client_secret", Required: true, Shape: settings.Secret(), About: "client's secret"},
				shape.Field{Name: "scopes", Shape: texts(), About: "next to openid; default: profile, email, groups"},
				shape.Field{Name: "login_claim", Shape: text, About: "claim that names the user; default: email, which must be verified"},
				shape.Field{Name: "groups_claim", Shape: text, About: "claim that lists the groups; default: groups"},
			)},
		}}},
		shape.Field{Name: "proxies", Shape: &shape.Shape{Kind: shape.List, Item: shape.Texts(network)}, About: "reverse proxies, next to those on this machine, whose X-Forwarded-For tells whose attempts to log in are bounded together"},
		shape.Field{Name: "session", Shape: shape.Texts(period), About: "how long a login is valid; default: 8h"},
		shape.Field{Name: "access", About: "roles of groups", Shape: &shape.Shape{Kind: shape.List, Item: object(
			shape.Field{Name: "group", Required: true, Shape: text, About: "group"},
			shape.Field{Name: "role", Required: true, Shape: shape.OneOf(string(login.Viewer), string(login.Operator), string(login.Reviewer)), About: "viewers see, operators also start audits and pause, reviewers also decide"},
			shape.Field{Name: "teams", Required: true, Shape: texts(), About: `teams whose integrations it is about; "*" is every one`},
		)}},
		shape.Field{Name: "reviewers", About: "whose signed decisions count", Shape: &shape.Shape{Kind: shape.List, Item: object(
			shape.Field{Name: "name", Required: true, Shape: text, About: "name"},
			shape.Field{Name: "key", Required: true, Shape: text, About: "file of the public ed25519 key, PEM or OpenSSH"},
			shape.Field{Name: "teams", Shape: texts(), About: "default: every one"},
		)}},
		shape.Field{Name: "pushes", About: "forges that tell of a push to POST /api/v1/pushes/NAME, which has the configurations read at once", Shape: &shape.Shape{Kind: shape.List, Item: object(
			shape.Field{Name: "name", Required: true, Shape: shape.Texts(pushName), About: "last part of the URL"},
			shape.Field{Name: "provider", Required: true, Shape: shape.OneOf(Forges...), About: "how requests are signed; Gitea and Forgejo sign like github"},
			shape.Field{Name: "secrets", Required: true, Shape: &shape.Shape{Kind: shape.List, Fewest: 1, Item: settings.Secret()}, About: "of the webhook at the forge, at least 16 characters; with several each is accepted, so that it can be changed"},
		)}},
		shape.Field{Name: "signing_key", Shape: text, About: "file of the server's own ed25519 key, which signs decisions by click; default: there are none"},
	)}
}

// From puts the settings into the options. Its error lists all that cannot be used.
func From(v *shape.Value, lookupEnv func(name string) (value string, set bool), o *Options) error {
	var faults []error
	o.Login = login.Config{PublicURL: v.Field("public_url").String(), Proxies: networks(v.Field("proxies"))}
	if text := v.Field("session").String(); text != "" {
		o.Login.Session, _ = time.ParseDuration(text) // its form was checked
	}
	way := v.Field("login")
	for _, user := range way.Field("basic").List() {
		o.Login.Basic = append(o.Login.Basic, login.User{Name: user.Field("name").String(), Bcrypt: user.Field("bcrypt").String(), Groups: user.Field("groups").Strings()})
	}
	if proxy := way.Field("proxy"); proxy != nil {
		o.Login.Proxy = &login.Proxy{UserHeader: proxy.Field("user_header").String(), GroupsHeader: proxy.Field("groups_header").String(), Networks: networks(proxy.Field("networks"))}
	}
	if oidc := way.Field("oidc"); oidc != nil {
		client, err := settings.ReadSecret(oidc.Field("client_secret"), lookupEnv)
		if err != nil {
			faults = append(faults, err)
		}
		o.Login.OIDC = &login.OIDC{Issuer: oidc.Field("issuer").String(), ClientID: oidc.Field("client_id").String(), ClientSecret: client,
			Scopes: oidc.Field("scopes").Strings(), LoginClaim: oidc.Field("login_claim").String(), GroupsClaim: oidc.Field("groups_claim").String()}
	}
	for _, one := range v.Field("access").List() {
		o.Login.Access = append(o.Login.Access, login.Access{Group: one.Field("group").String(), Role: login.Role(one.Field("role").String()), Teams: one.Field("teams").Strings()})
	}
	for _, one := range v.Field("reviewers").List() {
		key, err := signoff.ReadPublicKey(one.Field("key").String())
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", one.Path, err))
		}
		o.Reviewers = append(o.Reviewers, Reviewer{Name: one.Field("name").String(), Key: key, Teams: one.Field("teams").Strings()})
	}
	for _, one := range v.Field("pushes").List() {
		push, err := pushOf(one, lookupEnv)
		if slices.ContainsFunc(o.Pushes, func(other Push) bool { return other.Name == push.Name }) {
			err = fmt.Errorf("%s has the name of another push", one.Path)
		}
		if err != nil {
			faults = append(faults, err)
		}
		o.Pushes = append(o.Pushes, push)
	}
	if file := v.Field("signing_key").String(); file != "" {
		key, err := signoff.ReadPrivateKey(file)
		if err != nil {
			faults = append(faults, fmt.Errorf("web.signing_key: %w", err))
		}
		o.Signer = key
	}
	return errors.Join(faults...)
}

func pushOf(v *shape.Value, lookupEnv func(name string) (value string, set bool)) (Push, error) {
	push := Push{Name: v.Field("name").String()}
	profile, err := provider.ByName(v.Field("provider").String())
	if err != nil {
		return push, fmt.Errorf("%s: %w", v.Path, err)
	}
	push.Forge = profile.Signature
	for _, reference := range v.Field("secrets").List() {
		key, err := settings.ReadSecret(reference, lookupEnv)
		if err != nil {
			return push, err
		}
		bytes, err := push.Forge.Key(key.Expose())
		if err != nil {
			return push, fmt.Errorf("%s is not of the form that secrets of %s have", reference.Path, profile.Title)
		}
		if len(bytes) < minSecret {
			return push, fmt.Errorf("%s is shorter than %d bytes: it could be guessed", reference.Path, minSecret)
		}
		push.Secrets = append(push.Secrets, key)
	}
	return push, nil
}

// networks are those of a list whose form was checked.
func networks(v *shape.Value) (list []netip.Prefix) {
	for _, text := range v.Strings() {
		if prefix, err := netprobe.ParseAllowed(text); err == nil {
			list = append(list, prefix)
		}
	}
	return list
}
