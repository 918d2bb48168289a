package https

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/tlsinspect"
)

func TestDigests(t *testing.T) {
	t.Parallel()
	at := func(address string, leaves ...string) tlsinspect.Address {
		seen := tlsinspect.Address{Address: address}
		for _, leaf := range leaves {
			seen.Certificates = append(seen.Certificates, tlsinspect.Certificate{Chain: []tlsinspect.Link{{SHA256: leaf}, {SHA256: "issuer"}}})
		}
		return seen
	}
	of := func(addresses ...tlsinspect.Address) map[string]string {
		return digests(tlsinspect.Endpoint{Name: "hooks.acme.example:443", Host: "hooks.acme.example", Addresses: addresses})
	}
	both := of(at("192.0.2.1:443", "b", "a"), at("192.0.2.2:443", "a"))
	want := map[string]string{
		"certificate hooks.acme.example:443": audit.Digest([]byte("a\nb")),
		"dns hooks.acme.example":             audit.Digest([]byte("192.0.2.1\n192.0.2.2")),
	}
	if diff := cmp.Diff(want, both); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(both, of(at("192.0.2.2:443", "a"), at("192.0.2.1:443", "a", "b"))); diff != "" {
		t.Error("the order matters: ", diff)
	}
	if got := of(); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
