package tlsinspect

import (
	"fmt"
	"slices"
	"strings"
)

// differences lists the facts in which addresses differ. Only addresses that speak TLS are compared
// on what TLS brings; how far one gets is compared for all.
func differences(addresses []Address) []Difference {
	out := []Difference{}
	add := func(fact string, of func(Address) string) {
		values, distinct := map[string]string{}, map[string]bool{}
		for _, a := range addresses {
			if fact != "reach" && len(a.Certificates) == 0 || !a.Reach.LocalRoute {
				continue // an address that could not be tested differs from none
			}
			v := of(a)
			values[a.Address], distinct[v] = v, true
		}
		if len(distinct) > 1 {
			out = append(out, Difference{Fact: fact, Values: values})
		}
	}
	add("reach", func(a Address) string { return a.Reach.Kind })
	add("versions", func(a Address) string { return strings.Join(a.Versions.Accepted, " ") })
	common := func(class string) bool { return class == "cbc" || class == "dhe" }
	add("cipher_classes", func(a Address) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(a.CipherClasses.Accepted), common), " ")
	})
	add("common_cipher_classes", func(a Address) string { // cbc and dhe, which good servers differ in too
		return strings.Join(slices.DeleteFunc(slices.Clone(a.CipherClasses.Accepted), func(c string) bool { return !common(c) }), " ")
	})
	add("dh_bits", func(a Address) string { return fmt.Sprint(smallest(a.DHGroups)) })
	add("trust", func(a Address) string { return a.Certificates[0].Trust.Roots + " " + a.Certificates[0].Trust.Kind })
	add("name", func(a Address) string { return fmt.Sprint(a.Certificates[0].Name.Matches) })
	add("revocation", func(a Address) string { return a.Certificates[0].Revocation.Status })
	add("key", func(a Address) string {
		if len(a.Certificates[0].Chain) == 0 {
			return ""
		}
		leaf := a.Certificates[0].Chain[0]
		return fmt.Sprint(leaf.KeyType, " ", leaf.KeyBits, " ", leaf.SignatureHash)
	})
	add("certificate", func(a Address) string {
		if len(a.Certificates[0].Chain) == 0 {
			return ""
		}
		return a.Certificates[0].Chain[0].Serial
	})
	add("client_certificate", func(a Address) string { return a.ClientCertificate.Required })
	return out
}

func smallest(groups []DHGroup) int {
	bits := 0
	for _, g := range groups {
		if bits == 0 || g.Bits < bits {
			bits = g.Bits
		}
	}
	return bits
}
