package config

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// Defaults that the documentation of the settings states: a receiver in production gets half of the load.
const (
	defaultTimeout          = 10 * time.Second
	defaultTestRate         = 20 // requests per second
	defaultProductionRate   = 10
	defaultFreshConnections = 30
)

func (r *reader) network(v *shape.Value) {
	network := &r.integration.Network
	*network = audit.NetworkOptions{
		CAFile:           v.Field("ca_file").String(),
		ProviderTrustsCA: v.Field("provider_trusts_ca").IsTrue(),
		ClientCert:       v.Field("client_certificate").Field("cert").String(),
		ClientKey:        v.Field("client_certificate").Field("key").String(),
		Resolve:          map[string][]string{},
		Vantage:          v.Field("vantage").Or(audit.Public),
		Timeout:          defaultTimeout,
		RequestsPerSec:   map[string]float64{},
		FreshConnections: int(v.Field("fresh_connections").NumberOr(defaultFreshConnections)),
	}
	for _, environment := range r.integration.Environments {
		rate := float64(defaultProductionRate)
		if rehearses(environment.Name) {
			rate = defaultTestRate
		}
		network.RequestsPerSec[environment.Name] = v.Field("max_requests_per_second").NumberOr(rate)
	}
	if timeout := v.Field("timeout"); timeout != nil {
		network.Timeout, _ = time.ParseDuration(timeout.Text) // the walk has parsed it
	}
	if file := v.Field("ca_file"); file != nil {
		resolved := r.otherFile(file)
		content, err := readBounded(resolved, maxCertificate)
		switch {
		case resolved == "": // reported
		case err != nil:
			r.problem(file, file.Path+" cannot be read: "+err.Error(), "correct the path, which starts at the configuration's directory")
		case !x509.NewCertPool().AppendCertsFromPEM(content):
			r.problem(file, file.Path+" holds no certificate", "name a PEM file with the roots that are trusted")
		}
		network.ExtraRootsPEM = content
	}
	r.clientCertificate(v.Field("client_certificate"))
	if resolve := v.Field("resolve"); resolve != nil {
		r.resolve(resolve)
	}
}

func (r *reader) clientCertificate(v *shape.Value) {
	content := map[string][]byte{}
	for _, name := range []string{"cert", "key"} {
		file := v.Field(name)
		if file == nil {
			return
		}
		resolved := r.keyFile(file)
		if resolved == "" {
			continue
		}
		read, err := readBounded(resolved, maxCertificate)
		if err != nil {
			r.problem(file, file.Path+" cannot be read: "+err.Error(), "correct the path, which starts at the configuration's directory")
			continue
		}
		content[name] = read
	}
	if len(content) < 2 {
		return
	}
	pair, err := tls.X509KeyPair(content["cert"], content["key"])
	if err != nil {
		r.problem(v, v.Path+" is no certificate with its private key", "name the PEM files of a certificate and of the unencrypted key that belongs to it")
		return
	}
	r.integration.Network.ClientCertificate = &pair
}

// resolve reads network.resolve: names become lower case in their ASCII form without a final dot, and an address alone gets the port of its name.
func (r *reader) resolve(v *shape.Value) {
	for _, written := range v.Names {
		entry := v.Fields[written]
		host, port, _ := cutPort(written)
		host, _ = asciiHost(host)
		name := net.JoinHostPort(strings.TrimSuffix(strings.ToLower(host), "."), port)
		if _, twice := r.integration.Network.Resolve[name]; twice {
			r.problem(entry, v.Path+" has the same name and port twice", "write one entry with a list of addresses")
			continue
		}
		addresses := entry.Strings()
		for i, text := range addresses {
			if ip, err := netip.ParseAddr(text); err == nil {
				addresses[i] = net.JoinHostPort(ip.String(), port)
			}
		}
		r.integration.Network.Resolve[name] = addresses
	}
}
