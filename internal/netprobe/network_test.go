package netprobe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

type names map[string][]string

func (n names) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, text := range n[host] {
		address, err := netip.ParseAddr(text)
		if err != nil { // "ip6 fails"
			if strings.HasPrefix(text, network) {
				return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
			}
			continue
		}
		if address.Unmap().Is4() == (network == "ip4") {
			out = append(out, address)
		}
	}
	if out == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return out, nil
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	network := New(&audit.Integration{Network: audit.NetworkOptions{Resolve: map[string][]string{
		"Hooks.acme.example:443": {"127.0.0.1:8443", "[::1]:8443"},
	}}}, names{"other.acme.example": {"192.0.2.2", "::ffff:192.0.2.1", "192.0.2.1"}, "hooks.acme.example": {"192.0.2.9"}})
	tests := []struct {
		host, port string
		want       []string
		refused    bool
		fails      bool
	}{
		{host: "hooks.ACME.example", port: "443", want: []string{"127.0.0.1:8443", "[::1]:8443"}},
		{host: "hooks.acme.example", port: "80", refused: true},
		{host: "other.acme.example", port: "80", want: []string{"192.0.2.1:80", "192.0.2.2:80"}},
		{host: "::1", port: "443", want: []string{"[::1]:443"}},
		{host: "none.acme.example", port: "443", fails: true},
	}
	for _, test := range tests {
		got, err := network.Addresses(t.Context(), test.host, test.port)
		if errors.Is(err, syscall.ECONNREFUSED) != test.refused || (err != nil) != (test.refused || test.fails) {
			t.Errorf("%s:%s: error %v", test.host, test.port, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:%s: %s", test.host, test.port, diff)
		}
	}
}

// TestResolvedAddressIsNotResolvedAgain: an entry for an IP literal, "127.0.0.1:PORT", does not
// apply to the address that another name was mapped to.
func TestResolvedAddressIsNotResolvedAgain(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	network := New(&audit.Integration{Network: audit.NetworkOptions{Resolve: map[string][]string{
		"127.0.0.1:8443":         {"127.0.0.1:1"},
		"hooks.acme.example:443": {listener.Addr().String()},
	}}}, names{})
	addresses, err := network.Addresses(t.Context(), "hooks.acme.example", "443")
	if err != nil {
		t.Fatal(err)
	}
	for what, dial := range map[string]func() (net.Conn, error){
		"the address": func() (net.Conn, error) { return network.DialAddress(t.Context(), "tcp", addresses[0]) },
		"the name":    func() (net.Conn, error) { return network.DialContext(t.Context(), "tcp", "hooks.acme.example:443") },
	} {
		conn, err := dial()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		_ = conn.Close()
	}
	if _, err := network.DialContext(t.Context(), "tcp", "127.0.0.1:9999"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("another port of the literal: %v", err)
	}
}

// TestLookupIsSharedAndEndsWithItsCaller: one slow name holds up neither connections to other hosts
// nor a caller that was interrupted.
func TestLookupIsSharedAndEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	slow := make(slowNames)
	network := New(&audit.Integration{}, slow)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := network.Addresses(ctx, "slow.acme.example", "443")
		first <- err
	}()
	<-slow // the query is under way
	if _, err := network.Addresses(t.Context(), "192.0.2.1", "443"); err != nil {
		t.Error(err)
	}
	second := make(chan error, 1)
	go func() {
		_, err := network.Addresses(t.Context(), "slow.acme.example", "443")
		second <- err
	}()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the interrupted caller got %v", err)
	}
	<-slow // the other caller asks for itself
	slow <- struct{}{}
	if err := <-second; err != nil {
		t.Errorf("the other caller got %v", err)
	}
}

// slowNames says when it is asked, and answers when it is told to.
type slowNames chan struct{}

func (s slowNames) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if network == "ip6" {
		return nil, errNoAddress(host)
	}
	s <- struct{}{}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s:
		return []netip.Addr{netip.MustParseAddr("192.0.2.7")}, nil
	}
}

// TestLookupOfOneFamilyFails: where the AAAA records of a name that has A records cannot be looked up, or
// the other way round, there may be more addresses; where it is known that there are none, there are not.
func TestLookupOfOneFamilyFails(t *testing.T) {
	t.Parallel()
	network := New(&audit.Integration{}, names{
		"both.acme.example": {"192.0.2.1", "2001:db8::1"}, "four.acme.example": {"192.0.2.1"},
		"half.acme.example": {"192.0.2.1", "ip6 fails"}, "other.acme.example": {"2001:db8::1", "ip4 fails"},
		"none.acme.example": {"ip6 fails"},
	})
	for _, test := range []struct {
		host       string
		addresses  int
		unresolved []string
		class      string
	}{
		{"both.acme.example", 2, nil, ""}, {"four.acme.example", 1, nil, ""},
		{"half.acme.example", 1, []string{"AAAA"}, ""}, {"other.acme.example", 1, []string{"A"}, ""},
		{"none.acme.example", 0, nil, LookupFailed}, {"unknown.acme.example", 0, nil, NoAddress},
	} {
		got, err := network.Addresses(t.Context(), test.host, "443")
		if class := Classify(t.Context(), err); len(got) != test.addresses || class != test.class {
			t.Errorf("%s: %v, %s", test.host, got, class)
		}
		if diff := cmp.Diff(test.unresolved, network.Unresolved(test.host)); diff != "" {
			t.Errorf("%s: %s", test.host, diff)
		}
	}
}

// TestAPIHostIsNotLedElsewhere: keys go to the API, and only the command line may say where that
// is.
func TestAPIHostIsNotLedElsewhere(t *testing.T) {
	t.Parallel()
	integration := &audit.Integration{
		Environments: []audit.Environment{{Name: audit.Test, APIBaseURL: "https://api.acme.example"}},
		Network:      audit.NetworkOptions{Resolve: map[string][]string{"api.acme.example:443": {"127.0.0.1:1"}}},
	}
	names := names{"api.acme.example": {"192.0.2.1"}}
	got, err := New(integration, names).Addresses(t.Context(), "api.acme.example", "443")
	if err != nil || len(got) != 1 || got[0] != "192.0.2.1:443" {
		t.Errorf("got %v, %v", got, err)
	}
	integration.AllowedAPIHosts = []string{"API.acme.example"}
	got, err = New(integration, names).Addresses(t.Context(), "api.acme.example", "443")
	if err != nil || len(got) != 1 || got[0] != "127.0.0.1:1" {
		t.Errorf("allowed: got %v, %v", got, err)
	}
}

func TestConnectionsToOneAddressAreBounded(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	network := New(&audit.Integration{AllowedAddresses: prefixes("127.0.0.0/8")}, names{})
	var open []net.Conn
	for range MaxConnections {
		conn, err := network.DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() {
		conn, err := network.DialContext(ctx, "tcp", listener.Addr().String())
		if err == nil {
			err = conn.Close()
		}
		waiting <- err
	}()
	select {
	case err := <-waiting:
		t.Fatalf("one connection too many: %v", err)
	default:
	}
	for range 2 { // closing twice gives back one slot
		_ = open[0].Close()
	}
	if err := <-waiting; err != nil {
		t.Fatal(err)
	}
	cancel()
	for _, conn := range open[1:] {
		_ = conn.Close()
	}
}

func TestPaceKeepsTheRate(t *testing.T) {
	t.Parallel()
	network := New(&audit.Integration{Network: audit.NetworkOptions{RequestsPerSec: map[string]float64{audit.Test: 100}}}, names{})
	begin := time.Now()
	for range 30 {
		if err := network.Pace(t.Context(), audit.Test); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took < 150*time.Millisecond {
		t.Errorf("30 requests at 100 a second with a burst of 10 took only %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := network.Pace(ctx, audit.Test); err == nil {
		t.Error("a cancelled wait is no error")
	}
}
