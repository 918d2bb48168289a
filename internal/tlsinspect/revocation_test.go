package tlsinspect

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"
)

// TestCovers: not being on a list means something only if the list is about such certificates.
func TestCovers(t *testing.T) {
	t.Parallel()
	const url = "http://crl.acme.example/1.crl"
	tagged := func(tag int, constructed bool, parts ...[]byte) []byte {
		return must(asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: constructed, Bytes: slices.Concat(parts...)}))
	}
	sequence := func(parts ...[]byte) []byte {
		return must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: slices.Concat(parts...)}))
	}
	named := func(u string) []byte { return tagged(0, true, tagged(0, true, tagged(6, false, []byte(u)))) }
	yes := []byte{0xff}
	for name, c := range map[string]struct {
		id    asn1.ObjectIdentifier
		value []byte
		want  bool
	}{
		"nothing said":            {asn1.ObjectIdentifier{2, 5, 29, 20}, []byte{2, 1, 1}, true},
		"this distribution point": {oidDistributionPoint, sequence(named(url)), true},
		"server certificates of this distribution point": {oidDistributionPoint, sequence(named(url), tagged(1, false, yes)), true},
		"another distribution point":                     {oidDistributionPoint, sequence(named(url + "x")), false},
		"authorities only":                               {oidDistributionPoint, sequence(tagged(2, false, yes)), false},
		"some reasons only":                              {oidDistributionPoint, sequence(tagged(3, false, []byte{1, 0x40})), false},
		"other authorities' too":                         {oidDistributionPoint, sequence(tagged(4, false, yes)), false},
		"attribute certificates only":                    {oidDistributionPoint, sequence(tagged(5, false, yes)), false},
		"nonsense":                                       {oidDistributionPoint, []byte{1, 2, 3}, false},
		"changes only":                                   {oidDeltaListIndicator, []byte{2, 1, 1}, false},
	} {
		list := &x509.RevocationList{Extensions: []pkix.Extension{{Id: c.id, Value: c.value}}}
		if got := covers(list, []string{url}, false); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
