package netprobe

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// Rules of this file, the guard of addresses. What is audited names the addresses that this machine
// connects to: the configuration by its URLs and network.resolve, and content by redirects, pages,
// certificates. An audit runs where more can be reached than from the internet, so:
//   - link-local and metadata addresses of clouds are never connected to;
//   - loopback, private and other addresses that are not public only for hosts that the
//     configuration itself names;
//   - not even for those where the integration is confined to public addresses;
//   - what --allow-address lists is exempt from all of it.
// The address that is connected to is what counts, not what a name resolved to some time before.

// BlockedError reports that an address was not connected to. Its text is the same whatever there is
// at the address.
type BlockedError struct {
	Host string // as it was asked for
	Kind string // AddressMetadata or AddressPrivate
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("%s is not contacted: it has %s address (--allow-address permits one)", e.Host, e.Kind)
}

// Kinds of addresses that the guard knows.
const (
	AddressPublic   = "a public"
	AddressPrivate  = "a loopback or private"
	AddressMetadata = "a link-local or cloud metadata"
)

// metadata are the addresses at which clouds serve credentials, beyond the link-local ranges, most
// of which hold one.
var metadata = prefixes(
	"fd00:ec2::/32",      // AWS: instance metadata, pod identity, DNS, time
	"fd20:ce::254/128",   // Google Cloud
	"100.100.100.200/32", // Alibaba Cloud
	"192.0.0.192/32",     // Oracle Cloud
	"168.63.129.16/32",   // Azure
)

// private are the ranges that are not public, beyond what net/netip knows.
var private = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4",
	"fec0::/10", // site-local, deprecated and still routed in places
)

// carriers are the prefixes of IPv6 addresses that stand for an IPv4 address, and where in them it
// is.
var carriers = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64, RFC 6052
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},        // 6to4
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12}, // SIIT
	{netip.MustParsePrefix("::/96"), 12},           // IPv4-compatible, deprecated
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// AddressKind tells public addresses from those that an audit may only connect to where it was told
// to.
func AddressKind(address netip.Addr) string {
	address = address.Unmap().WithZone("")
	switch {
	case address.IsLoopback(), address.IsUnspecified():
		return AddressPrivate
	case address.IsLinkLocalUnicast(), address.IsLinkLocalMulticast(), contains(metadata, address):
		return AddressMetadata
	}
	if inner, ok := embedded(address); ok {
		return AddressKind(inner)
	}
	if address.IsPrivate() || address.IsMulticast() || contains(private, address) {
		return AddressPrivate
	}
	return AddressPublic
}

// Loopback reports whether a host is this machine whatever DNS says.
func Loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.Unmap().IsLoopback()
}

func contains(list []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(list, func(prefix netip.Prefix) bool { return prefix.Contains(address) })
}

// embedded is the IPv4 address that an IPv6 address stands for.
func embedded(address netip.Addr) (netip.Addr, bool) {
	if address.Is4() {
		return netip.Addr{}, false
	}
	for _, carrier := range carriers {
		if carrier.prefix.Contains(address) {
			raw := address.As16()
			return netip.AddrFrom4([4]byte(raw[carrier.at : carrier.at+4])), true
		}
	}
	return netip.Addr{}, false
}

// guard decides which addresses are connected to.
type guard struct {
	allowed    []netip.Prefix
	publicOnly bool
	named      map[string]bool // hosts that the configuration names
}

func newGuard(integration *audit.Integration) guard {
	g := guard{allowed: integration.AllowedAddresses, publicOnly: integration.PublicOnly, named: map[string]bool{}}
	for _, environment := range integration.Environments {
		g.name(environment.WebhookURL)
		g.name(environment.APIBaseURL)
		for _, redirect := range environment.Redirects.ByName() {
			g.name(redirect.URL)
		}
	}
	for _, client := range integration.Clients {
		g.name(client.URL)
	}
	return g
}

func (g guard) name(raw string) {
	if u, err := url.Parse(raw); err == nil && u.Hostname() != "" {
		g.named[canonical(u.Hostname())] = true
	}
}

// canonical is the one way in which a host is written here.
func canonical(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// check returns an error unless address may be connected to on behalf of host.
func (g guard) check(host string, address netip.Addr) error {
	kind := AddressKind(address)
	if kind == AddressPublic || kind == AddressPrivate && !g.publicOnly && g.named[canonical(host)] || g.isAllowed(address) {
		return nil
	}
	return &BlockedError{Host: host, Kind: kind}
}

func (g guard) isAllowed(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	inner, ok := embedded(address)
	return contains(g.allowed, address) || ok && contains(g.allowed, inner)
}

// ParseAllowed reads the value of --allow-address: a range such as 10.1.0.0/16, or one address.
func ParseAllowed(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("--allow-address takes an address or a range such as 10.1.0.0/16, not %.60q", text)
	}
	return prefix.Masked(), nil
}
