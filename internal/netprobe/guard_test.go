package netprobe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

func TestAddressKind(t *testing.T) {
	t.Parallel()
	for kind, addresses := range map[string][]string{
		AddressMetadata: {
			"169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1",
			"::169.254.169.254", "::ffff:0:169.254.169.254", "fe80::a9fe:a9fe", "fe80::1%eth0", "fd00:ec2::254", "fd20:ce::254",
			"100.100.100.200", "192.0.0.192", "168.63.129.16", "::ffff:168.63.129.16", "224.0.0.1",
		},
		AddressPrivate: {
			"127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "0.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "198.18.0.1",
			"fd12:3456::1", "fec0::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:0a00:0001::", "240.0.0.1", "255.255.255.255", "239.1.1.1", "ff05::1",
		},
		AddressPublic: {"1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "172.32.0.1", "100.128.0.1", "::ffff:1.1.1.1"},
	} {
		for _, text := range addresses {
			if got := AddressKind(netip.MustParseAddr(text)); got != kind {
				t.Errorf("%s is %s address, expected %s", text, got, kind)
			}
		}
	}
}

func TestParseAllowed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"169.254.169.254": "169.254.169.254/32", "10.1.2.3/8": "10.0.0.0/8", "fd00::/8": "fd00::/8", "::ffff:10.0.0.1": "10.0.0.1/32",
	} {
		if got, err := ParseAllowed(text); err != nil || got.String() != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "localhost", "10.0.0.0/33", "fe80::1%eth0"} {
		if _, err := ParseAllowed(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// rebinding resolves a name to another address each time, as a hostile DNS server does.
type rebinding struct{ answers []string }

func (r *rebinding) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	if network == "ip6" {
		return nil, errNoAddress(host)
	}
	next := r.answers[0]
	r.answers = r.answers[1:]
	return []netip.Addr{netip.MustParseAddr(next)}, nil
}

// TestGuard connects to a listener on loopback on behalf of hosts that the configuration does or
// does not name.
func TestGuard(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	loopback := listener.Addr().String()
	integration := func() *audit.Integration {
		return &audit.Integration{
			Environments: []audit.Environment{{
				Name: audit.Test, WebhookURL: "https://Named.acme.example.:" + port, APIBaseURL: "https://api.acme.example",
				Redirects: audit.Redirects{Expiry: "https://expiry.acme.example/"},
			}},
			Clients: []audit.Client{{URL: "https://app.acme.example/"}},
			Network: audit.NetworkOptions{Resolve: map[string][]string{"resolved.acme.example:443": {loopback}}},
		}
	}
	everywhere := names{"metadata.acme.example": {"169.254.169.254"}}
	for _, host := range []string{"named", "api", "expiry", "app", "other"} {
		everywhere[host+".acme.example"] = []string{"127.0.0.1"}
	}
	tests := []struct {
		name, address string
		allowed       []netip.Prefix
		named         string // a webhook URL to use in place of the usual one
		publicOnly    bool
		blocked       bool
	}{
		{name: "webhook", address: "named.acme.example:" + port},
		{name: "API", address: "api.acme.example:" + port},
		{name: "redirect", address: "expiry.acme.example:" + port},
		{name: "page", address: "app.acme.example:" + port},
		{name: "resolve", address: "resolved.acme.example:443"},
		{name: "named by content", address: "other.acme.example:" + port, blocked: true},
		{name: "literal in content", address: loopback, blocked: true},
		{name: "IPv4-mapped literal in content", address: "[::ffff:127.0.0.1]:" + port, blocked: true},
		{name: "literal of the configuration", address: loopback, named: "https://" + loopback},
		{name: "allowed", address: "other.acme.example:" + port, allowed: prefixes("127.0.0.0/8")},
		{name: "another range allowed", address: "other.acme.example:" + port, allowed: prefixes("10.0.0.0/8"), blocked: true},
		{name: "only public addresses", address: "named.acme.example:" + port, publicOnly: true, blocked: true},
		{name: "resolve to other than public ones", address: "resolved.acme.example:443", publicOnly: true, blocked: true},
		{name: "only public addresses and a range", address: "named.acme.example:" + port, publicOnly: true, allowed: prefixes("127.0.0.0/8")},
		{name: "metadata", address: "metadata.acme.example:80", blocked: true},
		{name: "metadata that the configuration names", address: "metadata.acme.example:80", named: "https://metadata.acme.example", blocked: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			integration := integration()
			integration.AllowedAddresses, integration.PublicOnly = test.allowed, test.publicOnly
			if test.named != "" {
				integration.Environments[0].WebhookURL = test.named
			}
			conn, err := New(integration, everywhere).DialContext(t.Context(), "tcp", test.address)
			if err == nil {
				_ = conn.Close()
			}
			var blocked *BlockedError
			if errors.As(err, &blocked) != test.blocked || !test.blocked && err != nil {
				t.Errorf("got %v", err)
			}
			if test.blocked && Classify(t.Context(), err) != Blocked {
				t.Errorf("its class is %s", Classify(t.Context(), err))
			}
		})
	}
}

// TestGuardHoldsForTheConnectedAddress: a name that resolves to a public address first and to a
// forbidden one later is looked up once, and an address is only connected to as far as the name
// that it was found for permits it.
func TestGuardHoldsForTheConnectedAddress(t *testing.T) {
	t.Parallel()
	network := New(&audit.Integration{}, &rebinding{answers: []string{"192.0.2.1", "127.0.0.1"}})
	first, err := network.Addresses(t.Context(), "rebinding.acme.example", "1")
	if err != nil || first[0] != "192.0.2.1:1" {
		t.Fatalf("got %v, %v", first, err)
	}
	again, err := network.Addresses(t.Context(), "rebinding.acme.example", "1")
	if err != nil || again[0] != first[0] {
		t.Errorf("the second lookup is %v, %v", again, err)
	}
	network = New(&audit.Integration{}, &rebinding{answers: []string{"127.0.0.1"}})
	addresses, err := network.Addresses(t.Context(), "rebinding.acme.example", "1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := network.DialAddress(t.Context(), "tcp", addresses[0]); Classify(t.Context(), err) != Blocked {
		t.Errorf("a forbidden address that a name resolved to: %v", err)
	}
}

// TestBlockedErrorIsNoPortScanner: what is said of an open and of a closed port is the same.
func TestBlockedErrorIsNoPortScanner(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	open := listener.Addr().String()
	said := func() string {
		_, err := New(&audit.Integration{}, names{}).DialContext(t.Context(), "tcp", open)
		if err == nil {
			t.Fatal("it connected")
		}
		return err.Error()
	}
	before := said()
	_ = listener.Close()
	if after := said(); after != before || strings.Contains(before, "refused") {
		t.Errorf("open: %s\nclosed: %s", before, after)
	}
}
