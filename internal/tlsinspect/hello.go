package tlsinspect

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
)

// clientHello is a hand-written hello, for what crypto/tls cannot offer. No handshake is completed
// with it: the server's first flight shows what it would have agreed to.
type clientHello struct {
	version uint16 // the newest version offered, and with TLS 1.3 the only one
	suites  []uint16
	host    string // sent as SNI unless it is an IP address (RFC 6066 allows names only)
	schemes []uint16
}

// signature schemes, the usual ones first; SHA-1 and MD5 last, so that old servers respond too.
var (
	schemesRSA   = []uint16{0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0201, 0x0101}
	schemesECDSA = []uint16{0x0403, 0x0503, 0x0603, 0x0807, 0x0203}
	schemesAll   = append(append([]uint16{}, schemesECDSA...), append(schemesRSA, 0x0809, 0x080a, 0x080b, 0x0301, 0x0402, 0x0202)...)
)

// groups are the curves: the usual ones (x25519, P-256, P-384, P-521), then x448, brainpool,
// secp256k1 and the small ones, since nothing has to be computed on them.
var groups = []byte{0, 29, 0, 23, 0, 24, 0, 25, 0, 30, 0, 26, 0, 27, 0, 28, 0, 22, 0, 21, 0, 19}

const (
	extServerName          = 0
	extStatusRequest       = 5
	extSupportedGroups     = 10
	extPointFormats        = 11
	extSignatureAlgorithms = 13
	extALPN                = 16
	extPadding             = 21
	extExtendedMaster      = 23
	extSupportedVersions   = 43
	extKeyShare            = 51
	renegotiationSCSV      = 0x00ff
)

// record writes the hello as one TLS record.
func (h clientHello) record() ([]byte, error) {
	var random [32 + 32 + 32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("draw random bytes for a hello: %w", err)
	}
	legacy := min(h.version, tls.VersionTLS12)
	body := binary.BigEndian.AppendUint16(nil, legacy)
	body = append(body, random[:32]...)
	if h.version == tls.VersionTLS13 {
		body = append(append(body, 32), random[32:64]...) // middlebox compatibility, RFC 8446 appendix D.4
	} else {
		body = append(body, 0)
	}
	var ids []byte
	for _, id := range h.suites {
		ids = binary.BigEndian.AppendUint16(ids, id)
	}
	if h.version < tls.VersionTLS13 {
		ids = binary.BigEndian.AppendUint16(ids, renegotiationSCSV)
	}
	body = append(vector16(body, ids), 1, 0)

	var ext []byte
	if h.host != "" && net.ParseIP(h.host) == nil {
		ext = extension(ext, extServerName, vector16(nil, vector16([]byte{0}, []byte(h.host))))
	}
	if h.version > versionSSL3 {
		ext = h.modern(ext, random[64:])
	}
	if n := 4 + len(body) + 2 + len(ext); n > 255 && n < 512 {
		// Some load balancers hang on hellos of 256 to 511 bytes (RFC 7685).
		ext = extension(ext, extPadding, make([]byte, max(0, 512-n-4)))
	}
	if len(ext) > 0 {
		body = vector16(body, ext)
	}
	message := append([]byte{1, 0, byte(len(body) >> 8), byte(len(body))}, body...)
	recordVersion := min(h.version, uint16(tls.VersionTLS10)) // what every stack puts on its first record
	return vector16([]byte{22, byte(recordVersion >> 8), byte(recordVersion)}, message), nil
}

// modern appends the extensions that TLS 1.0 and later know.
func (h clientHello) modern(ext, share []byte) []byte {
	schemes := h.schemes
	if schemes == nil {
		schemes = schemesAll
	}
	var list []byte
	for _, s := range schemes {
		list = binary.BigEndian.AppendUint16(list, s)
	}
	// No finite-field groups (RFC 7919) are named: a server then sends the group it is configured
	// with, which is the one whose size matters.
	ext = extension(ext, extSupportedGroups, vector16(nil, groups))
	ext = extension(ext, extPointFormats, []byte{1, 0})
	ext = extension(ext, extSignatureAlgorithms, vector16(nil, list))
	ext = extension(ext, extALPN, vector16(nil, []byte("\x02h2\x08http/1.1")))
	ext = extension(ext, extStatusRequest, []byte{1, 0, 0, 0, 0})
	ext = extension(ext, extExtendedMaster, nil)
	if h.version == tls.VersionTLS13 {
		ext = extension(ext, extSupportedVersions, []byte{2, 3, 4})
		ext = extension(ext, extKeyShare, vector16(nil, vector16([]byte{0, 29}, share[:32])))
	}
	return ext
}

func extension(to []byte, kind uint16, data []byte) []byte {
	return vector16(binary.BigEndian.AppendUint16(to, kind), data)
}

// vector16 appends data behind its length in two bytes.
func vector16(to, data []byte) []byte {
	return append(binary.BigEndian.AppendUint16(to, uint16(len(data))), data...)
}
