package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Rules of this file: a developer's own receiver is described by flags instead of a configuration.
// It is reached over https, or over plain HTTP on loopback alone. Its key is a throw-away one, made
// once a machine, which may be printed; one that --key-env names may not.

// receiver is what the flags say about a developer's receiver.
type receiver struct {
	url, provider, keyEnv, integrationID, caFile string
	uids                                         []string
}

// arguments are the flags that describe this receiver again, for a command to copy.
func (r *receiver) arguments() string {
	words := []string{"--url", r.url}
	for _, flag := range [][3]string{
		{"--key-env", r.keyEnv}, {"--integration-id", r.integrationID, defaultIntegrationID}, {"--ca-file", r.caFile}, {"--provider", r.provider, provider.Default},
	} {
		if flag[1] != flag[2] {
			words = append(words, flag[0], flag[1])
		}
	}
	for _, uid := range r.uids {
		words = append(words, "--uid", uid)
	}
	for i, word := range words {
		if strings.ContainsFunc(word, func(c rune) bool {
			return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_./:@%+,=", c)
		}) {
			words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

const defaultIntegrationID = "1234567890987654321"

func (r *receiver) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.url, "url", "", "`URL` of the receiver: https, or http on this machine, such as http://localhost:8080/webhook")
	cmd.Flags().StringVar(&r.keyEnv, "key-env", "", "the variable `NAME` that holds the receiver's key (default a throw-away key of this machine's)")
	cmd.Flags().StringVar(&r.integrationID, "integration-id", defaultIntegrationID, "the integration `ID` of the events")
	cmd.Flags().StringArrayVar(&r.uids, "uid", nil, "send events of `UID`, which the receiver knows, and not of synthetic ones (repeatable)")
	cmd.Flags().StringVar(&r.caFile, "ca-file", "", "PEM `FILE` of extra trusted roots, for an https receiver with a private CA")
	providerFlag(cmd, &r.provider)
}

// local is a developer's receiver, ready to be sent requests.
type local struct {
	integration *audit.Integration
	variable    string // that holds its key
	throwAway   string // its key, where that is no secret
}

// local makes the integration of which the flags tell.
func (a *app) local(ctx context.Context, r receiver) (*local, error) {
	profile, err := profileNamed(r.provider)
	if err != nil {
		return nil, err
	}
	target, err := localURL(r.url)
	if err != nil {
		return nil, err
	}
	l := &local{variable: r.keyEnv}
	key := secret.Key{}
	if r.keyEnv != "" {
		value, set := a.LookupEnv(r.keyEnv)
		if !set || value == "" {
			return nil, fmt.Errorf("--key-env %s: the variable is not set", r.keyEnv)
		}
		key = secret.New([]byte(value))
	} else {
		l.variable = profile.Variable()
		text, err := a.throwAwayKey(ctx)
		if err != nil {
			return nil, err
		}
		l.throwAway = profile.SecretOf(text)
		key = secret.New([]byte(l.throwAway))
	}
	for _, text := range append(slices.Clone(r.uids), r.integrationID) {
		if text == "" || strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
			return nil, fmt.Errorf("%.40q is no identifier: --uid and --integration-id take letters, digits and punctuation", text)
		}
	}
	var roots []byte
	if r.caFile != "" {
		if roots, err = a.readBounded(ctx, r.caFile, 1<<20); err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(roots) {
			return nil, fmt.Errorf("--ca-file %s holds no certificate: name a PEM file with the roots that are trusted", r.caFile)
		}
	}
	directory, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the current directory: %w", err)
	}
	l.integration = &audit.Integration{
		Name: "local", Provider: profile.Name, ProviderProfile: profile.Source, EventTypes: profile.EventTypes(),
		Declared: []string{}, RetiredKeys: []audit.RetiredKey{}, Repositories: []audit.Repository{}, Workloads: []audit.Workload{},
		Clients: []audit.Client{}, Logs: []audit.LogSource{}, Attestations: []audit.Attestation{}, Waivers: []audit.Waiver{},
		Environments: []audit.Environment{{
			Name: audit.Test, IntegrationID: r.integrationID, Key: audit.KeyReference{Source: audit.FromEnv, Variable: l.variable, Key: key},
			WebhookURL: target.String(), APIBaseURL: profile.API.BaseURL, Probing: audit.Full,
			ProbeUIDs: append([]string{}, r.uids...), Receiver: audit.Inline,
		}},
		Network: audit.NetworkOptions{
			Vantage: audit.Public, Timeout: 10 * time.Second, RequestsPerSec: map[string]float64{audit.Test: fullSpeed},
			FreshConnections: 30, Resolve: map[string][]string{}, CAFile: r.caFile, ExtraRootsPEM: roots,
		},
		PlainLoopback: true, Directory: directory, Positions: map[string]audit.Position{},
	}
	if strings.EqualFold(target.Hostname(), "localhost") {
		port := portOf(target)
		l.integration.Network.Resolve[net.JoinHostPort("localhost", port)] = []string{listening(ctx, port)}
	}
	a.redactor = l.integration.Redactor()
	if l.throwAway != "" {
		a.redactor = secret.NewRedactor()
	}
	a.logs.redactor.Store(a.redactor)
	return l, nil
}

// fullSpeed is the rate towards a developer's own receiver, in requests a second.
const fullSpeed = 1000

func portOf(target *url.URL) string {
	if port := target.Port(); port != "" {
		return port
	}
	if target.Scheme == "http" {
		return "80"
	}
	return "443"
}

// localURL checks the URL of a developer's receiver.
func localURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, errors.New("--url is missing: name your receiver, such as --url http://localhost:8080/webhook")
	}
	target, err := url.Parse(text)
	switch {
	case err != nil || target.Hostname() == "" || target.Opaque != "":
		return nil, fmt.Errorf("--url %.200q is no URL: it looks like http://localhost:8080/webhook", text)
	case target.User != nil || target.Fragment != "":
		return nil, errors.New("--url takes no user name, password or fragment")
	case target.Scheme == "https", target.Scheme == "http" && netprobe.Loopback(target.Hostname()):
		return target, nil
	}
	return nil, fmt.Errorf("--url %.200q: plain http is for this machine alone (localhost, 127.0.0.1, [::1]); use https", text)
}

// listening is the loopback address at which a port takes connections: a receiver may listen at one
// of the two alone. Where neither does, it is the first.
func listening(ctx context.Context, port string) string {
	addresses := []string{net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("::1", port)}
	for _, address := range addresses {
		if takesConnections(ctx, address) {
			return address
		}
	}
	return addresses[0]
}

func takesConnections(ctx context.Context, address string) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// throwAwayKey is this machine's own, made at its first use. It protects nothing.
func (a *app) throwAwayKey(ctx context.Context) (string, error) {
	file, ok := a.stateFile("dev.key")
	if !ok {
		return "", errors.New("there is no state directory to keep a throw-away key in: set HOME or XDG_STATE_HOME, or name your own key with --key-env")
	}
	if err := makeSecret(file); err != nil {
		return "", fmt.Errorf("make the throw-away key (--key-env names your own instead): %w", err)
	}
	text, err := a.readBounded(ctx, file, 1<<10)
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(text))
	if len(key) < 16 || strings.ContainsFunc(key, func(c rune) bool { return (c < 'A' || c > 'Z') && (c < '0' || c > '9') }) {
		return "", fmt.Errorf("%s is no throw-away key: remove it to have a new one made", file)
	}
	return key, nil
}

// stateFile is a file in the user's state directory; false where there is none.
func (a *app) stateFile(name string) (string, bool) {
	state, _ := a.LookupEnv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, _ := a.LookupEnv("HOME")
		if !filepath.IsAbs(home) {
			return "", false
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "prelaunch", name), true
}
