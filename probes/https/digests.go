package https

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/tlsinspect"
)

// digests names what was seen of an endpoint, so that reports can be compared: the certificates
// over all its addresses, and the addresses of its name. It is checked in every run, whatever
// they say.
func digests(endpoint tlsinspect.Endpoint) map[string]string {
	var certificates, addresses []string
	for _, address := range endpoint.Addresses {
		if ip, _, err := net.SplitHostPort(address.Address); err == nil {
			addresses = append(addresses, ip)
		}
		for _, certificate := range address.Certificates {
			if len(certificate.Chain) > 0 {
				certificates = append(certificates, certificate.Chain[0].SHA256)
			}
		}
	}
	named := map[string]string{}
	if len(certificates) > 0 {
		named["certificate "+endpoint.Name] = sum(certificates)
	}
	if len(addresses) > 0 {
		if endpoint.Resolution.Skipped > 0 {
			addresses = append(addresses, fmt.Sprintf("and %d more", endpoint.Resolution.Skipped))
		}
		named["dns "+endpoint.Host] = sum(addresses)
	}
	return named
}

// sum is the digest of a set of texts.
func sum(texts []string) string {
	slices.Sort(texts)
	return audit.Digest([]byte(strings.Join(slices.Compact(texts), "\n")))
}
