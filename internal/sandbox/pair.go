package sandbox

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Hosts of a pair. None of them is looked up anywhere: the configuration says where they are.
const (
	TestHost       = "hooks-test.acme.example"
	ProductionHost = "hooks.acme.example"
	TestPages      = "test.acme.example"
	ProductionPage = "www.acme.example"
	APIHost        = "api.acme.example"
)

// PairOptions describe a deployment of two receivers with all that an audit looks at. The zero value, with a Dir, is right in every way.
type PairOptions struct {
	Dir        string // an existing, empty directory for the configuration and what it refers to
	Now        func() time.Time
	Test       []Behavior // of the Test receiver
	Production []Behavior
	Flaws      []DeploymentFlaw  // around the receivers
	Probing    map[string]string // environment → audit.Full, Careful or Passive; default: full
	KeyFiles   bool              // the configuration refers to files of keys, not to environment variables
	Profile    *provider.Profile // whose events the receivers take; nil: those of the demo
	Provider   *ProviderBehavior // with provider_checks, against a stand-in of that behavior; nil: without
}

// Pair is a running deployment with its configuration file. Close ends it and leaves the files.
type Pair struct {
	Dir        string
	File       string // the configuration
	Test       *Receiver
	Production *Receiver
	Provider   *Provider // nil without provider checks
	Keys       map[string]secret.Key
	Authority  *certs.Authority

	env    []string
	args   []string
	pages  *http.Server
	listen net.Listener
	logs   []*os.File
	once   sync.Once
	ended  sync.WaitGroup
}

// StartPair starts the receivers and writes the configuration.
func StartPair(o PairOptions) (*Pair, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Pair{Dir: o.Dir, File: filepath.Join(o.Dir, "prelaunch.yaml"), Authority: certs.New(o.Now())}
	d := rightDeployment(o)
	p.Keys = d.Keys
	if err := p.start(o, d); err != nil {
		return nil, errors.Join(fmt.Errorf("start sandbox pair: %w", err), p.Close())
	}
	return p, nil
}

func (p *Pair) start(o PairOptions, d *Deployment) error {
	for _, flaw := range o.Flaws {
		flaw.Plant(d)
	}
	for _, dir := range []string{"evidence", "logs", "dist", "deploy", "keys", "effects/test", "effects/production"} {
		if err := os.MkdirAll(filepath.Join(p.Dir, dir), 0o700); err != nil {
			return err
		}
	}
	var err error
	if p.Test, err = p.receiver(o, d, &d.Test, o.Test, d.Production.Secret); err != nil {
		return err
	}
	if p.Production, err = p.receiver(o, d, &d.Production, o.Production, d.Test.Secret); err != nil {
		return err
	}
	if err := p.servePages(d); err != nil {
		return err
	}
	if o.Provider != nil {
		if err := p.provider(*o.Provider, d); err != nil {
			return err
		}
	}
	return p.write(d)
}

// receiver starts the receiver of an environment and notes in the deployment what its behaviors need.
func (p *Pair) receiver(o PairOptions, d *Deployment, e *environment, behaviors []Behavior, otherKey secret.Key) (*Receiver, error) {
	file, err := os.OpenFile(filepath.Join(p.Dir, "logs", e.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p.logs = append(p.logs, file)
	options := Options{
		Authority: p.Authority, Host: e.host, Path: d.path, Key: e.Secret, Profile: o.Profile, IntegrationID: e.IntegrationID, Behaviors: behaviors,
		OtherKey: otherKey, RetiredKey: e.retired, KnownUIDs: e.users, EffectsDir: filepath.Join(p.Dir, "effects", e.Name), Log: file, Now: o.Now,
	}
	for _, b := range behaviors {
		e.Queued = e.Queued || b.Setup.Queued
		if b.Setup.Hangs {
			d.Timeout = "2s"
		}
		d.ClientCertificate = d.ClientCertificate || b.Setup.ClientCertificate
		if b.Setup.Effects {
			e.Effects = []string{"test", "-e", "effects/" + e.Name + "/{uid}"}
			if !slices.Contains(p.args, "--allow-commands") {
				p.args = append(p.args, "--allow-commands")
			}
		}
		if b.Setup.KnownUIDs {
			e.ProbeUIDs = e.users
		}
		if b.Setup.RetiredKey {
			old := retiredKey{Key: d.reference(e.Name+"_OLD", e.retired), Environment: e.Name}
			if b.Setup.RotationWindow {
				old.Until = d.Day(14)
			}
			d.Retired = append(d.Retired, old)
		}
	}
	r, err := Start(options)
	if err != nil {
		return nil, err
	}
	d.Resolve = append(d.Resolve, Resolved{e.host + ":443", r.Addresses()})
	if plain := r.PlainAddress(); plain != "" {
		d.Resolve = append(d.Resolve, Resolved{e.host + ":80", []string{plain}})
	}
	return r, nil
}

// servePages serves the redirect pages of both environments.
func (p *Pair) servePages(d *Deployment) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.listen = l
	mux := http.NewServeMux()
	for path, title := range map[string]string{"/done": "Thank you", "/cancelled": "Cancelled", "/expired": "Time is up"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<!doctype html><html lang=en><title>"+title+"</title><h1>"+title+"</h1></html>") // the client may have gone
		})
	}
	for path, target := range d.Redirects {
		mux.Handle("GET "+path, http.RedirectHandler(target, http.StatusFound))
	}
	p.pages = &http.Server{
		Handler: mux, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{p.Authority.Server(TestPages, ProductionPage)}},
	}
	p.ended.Go(func() { _ = p.pages.ServeTLS(l, "", "") }) // ends with ErrServerClosed
	for _, host := range append([]string{TestPages, ProductionPage}, d.Misnamed...) {
		d.Resolve = append(d.Resolve, Resolved{host + ":443", []string{l.Addr().String()}})
	}
	return nil
}

// provider starts the stand-in of the provider's API and turns the provider checks on.
func (p *Pair) provider(behavior ProviderBehavior, d *Deployment) error {
	resolve := map[string]string{}
	for _, r := range d.Resolve {
		resolve[r.Host] = r.Addresses[0]
	}
	options := ProviderOptions{Authority: p.Authority, Host: APIHost, Resolve: resolve, Behavior: behavior}
	if behavior.Unreachable {
		free, err := closedPort()
		if err != nil {
			return err
		}
		resolve[TestHost+":443"], resolve[ProductionHost+":443"] = free, free
	}
	for _, e := range []*environment{&d.Test, &d.Production} {
		registered := Registration{IntegrationID: e.IntegrationID, Key: e.Secret, WebhookURL: e.WebhookURL}
		if behavior.Unregistered {
			registered.WebhookURL = ""
		}
		options.Registrations = append(options.Registrations, registered)
		e.APIBase = "https://" + APIHost
	}
	var err error
	if p.Provider, err = StartProvider(options); err != nil {
		return err
	}
	d.ProviderChecks = true
	d.Attestations = slices.DeleteFunc(d.Attestations, func(a attestation) bool { return a.Check == "deployment-centre.webhook-registered" })
	d.Resolve = append(d.Resolve, Resolved{APIHost + ":443", []string{p.Provider.Address()}})
	p.args = append(p.args, "--allow-api-host", APIHost)
	return nil
}

// closedPort is an address at which nothing listens.
func closedPort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Env is what the audit's environment must have: NAME=value of each key that the configuration refers to by a variable.
func (p *Pair) Env() []string { return slices.Clone(p.env) }

// Args are the flags that the configuration needs on the audit's command line.
func (p *Pair) Args() []string { return slices.Clone(p.args) }

// Close ends everything that runs. A second call does nothing.
func (p *Pair) Close() error {
	var err error
	p.once.Do(func() {
		for _, r := range []*Receiver{p.Test, p.Production} {
			if r != nil {
				err = errors.Join(err, r.Close(), r.Events.Err())
			}
		}
		if p.Provider != nil {
			err = errors.Join(err, p.Provider.Close())
		}
		if p.pages != nil {
			err = errors.Join(err, p.pages.Close())
		}
		p.ended.Wait()
		for _, file := range p.logs {
			err = errors.Join(err, file.Close())
		}
	})
	if err != nil {
		return fmt.Errorf("close sandbox pair: %w", err)
	}
	return nil
}
