package tlsinspect

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// AllVersions are the protocol versions asked for, oldest first.
var AllVersions = []string{"ssl3", "1.0", "1.1", "1.2", "1.3"}

// AllClasses are the classes of cipher suites asked for. A suite can be in several.
var AllClasses = []string{"null", "anonymous", "export", "rc4", "des", "3des", "static_rsa", "static_dh", "dhe", "cbc"}

// brokenClasses are looked for with one hello: a server that is right rejects them all at once.
var brokenClasses = []string{"null", "anonymous", "export", "rc4", "des", "3des"}

const versionSSL3 = 0x0300

func versionName(v uint16) string {
	switch v {
	case versionSSL3:
		return "ssl3"
	case tls.VersionTLS10:
		return "1.0"
	case tls.VersionTLS11:
		return "1.1"
	case tls.VersionTLS12:
		return "1.2"
	case tls.VersionTLS13:
		return "1.3"
	}
	return fmt.Sprintf("0x%04x", v)
}

// suite is a row of IANA's registry; its classes follow from its name.
type suite struct {
	id   uint16
	name string
}

func suiteName(id uint16) string {
	for _, s := range suites {
		if s.id == id {
			return s.name
		}
	}
	return tls.CipherSuiteName(id)
}

func (s suite) classes() []string { return classesOf(s.name) }

func classesOf(name string) []string {
	exchange, cipher, ok := strings.Cut(strings.TrimPrefix(name, "TLS_"), "_WITH_")
	out := []string{}
	if !ok {
		return out // TLS 1.3 suites have none of the classes
	}
	add := func(class string, in bool) {
		if in {
			out = append(out, class)
		}
	}
	anonymous := strings.Contains(exchange, "anon")
	add("null", strings.HasPrefix(cipher, "NULL"))
	add("anonymous", anonymous)
	add("export", strings.Contains(exchange, "EXPORT"))
	add("rc4", strings.Contains(cipher, "RC4"))
	add("des", strings.HasPrefix(cipher, "DES_") || strings.HasPrefix(cipher, "DES40"))
	add("3des", strings.HasPrefix(cipher, "3DES"))
	add("static_rsa", exchange == "RSA" || strings.HasPrefix(exchange, "RSA_EXPORT"))
	add("static_dh", !anonymous && (strings.HasPrefix(exchange, "DH_") || strings.HasPrefix(exchange, "ECDH_")))
	add("dhe", strings.HasPrefix(exchange, "DHE_"))
	add("cbc", strings.Contains(cipher, "CBC"))
	return out
}

// finiteField reports whether the server's key exchange message starts with a Diffie-Hellman prime.
func (s suite) finiteField() bool {
	return strings.HasPrefix(s.name, "TLS_DHE_") || strings.HasPrefix(s.name, "TLS_DH_anon_")
}

func suiteByID(id uint16) (suite, bool) {
	i := slices.IndexFunc(suites, func(s suite) bool { return s.id == id })
	if i < 0 {
		return suite{}, false
	}
	return suites[i], true
}

// suitesIn are the ids of the suites in any of the classes, and in none of those not wanted.
func suitesIn(wanted []string, unwanted ...string) []uint16 {
	var out []uint16
	for _, s := range suites {
		has := func(class string) bool { return slices.Contains(s.classes(), class) }
		if slices.ContainsFunc(wanted, has) && !slices.ContainsFunc(unwanted, has) {
			out = append(out, s.id)
		}
	}
	return out
}

// allSuites are all ids up to TLS 1.2, the strongest first.
func allSuites() []uint16 {
	var out []uint16
	for _, s := range suites {
		out = append(out, s.id)
	}
	return out
}

// modernSuites are the ids in no class at all, by the kind of certificate they need.
func ephemeralSuites(certificate string) []uint16 {
	var out []uint16
	for _, s := range suites {
		if strings.HasPrefix(s.name, "TLS_ECDHE_"+certificate+"_WITH_") || certificate == "RSA" && strings.HasPrefix(s.name, "TLS_DHE_RSA_WITH_") {
			out = append(out, s.id)
		}
	}
	return out
}

// suites are offered in this order.
var suites = []suite{
	{0xC02B, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"}, {0xC02F, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
	{0xC02C, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}, {0xC030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
	{0xCCA9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"}, {0xCCA8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
	{0xC0AC, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"}, {0xC0AD, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"},
	{0xC05C, "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256"}, {0xC060, "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256"},
	{0x009E, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"}, {0x009F, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"},
	{0xCCAA, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"}, {0x00A2, "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256"},
	{0x00A3, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384"}, {0xC09E, "TLS_DHE_RSA_WITH_AES_128_CCM"}, {0xC09F, "TLS_DHE_RSA_WITH_AES_256_CCM"},
	{0xC023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"}, {0xC027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"},
	{0xC024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"}, {0xC028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"},
	{0xC009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"}, {0xC013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
	{0xC00A, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"}, {0xC014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"},
	{0xC072, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256"}, {0xC076, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256"},
	{0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"}, {0x006B, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"},
	{0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"}, {0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"},
	{0x0040, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256"}, {0x006A, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA256"},
	{0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA"}, {0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA"},
	{0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA"}, {0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"},
	{0x009A, "TLS_DHE_RSA_WITH_SEED_CBC_SHA"},
	{0x009C, "TLS_RSA_WITH_AES_128_GCM_SHA256"}, {0x009D, "TLS_RSA_WITH_AES_256_GCM_SHA384"},
	{0xC09C, "TLS_RSA_WITH_AES_128_CCM"}, {0xC09D, "TLS_RSA_WITH_AES_256_CCM"},
	{0xC0A0, "TLS_RSA_WITH_AES_128_CCM_8"}, {0xC0A1, "TLS_RSA_WITH_AES_256_CCM_8"},
	{0xC050, "TLS_RSA_WITH_ARIA_128_GCM_SHA256"}, {0xC051, "TLS_RSA_WITH_ARIA_256_GCM_SHA384"},
	{0x003C, "TLS_RSA_WITH_AES_128_CBC_SHA256"}, {0x003D, "TLS_RSA_WITH_AES_256_CBC_SHA256"},
	{0x002F, "TLS_RSA_WITH_AES_128_CBC_SHA"}, {0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"},
	{0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"}, {0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"},
	{0x0096, "TLS_RSA_WITH_SEED_CBC_SHA"}, {0x0007, "TLS_RSA_WITH_IDEA_CBC_SHA"},
	{0xC02D, "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256"}, {0xC031, "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256"},
	{0xC004, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA"}, {0xC00E, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA"},
	{0xC005, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA"}, {0xC00F, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA"},
	{0x0031, "TLS_DH_RSA_WITH_AES_128_CBC_SHA"}, {0x0037, "TLS_DH_RSA_WITH_AES_256_CBC_SHA"},
	{0x0030, "TLS_DH_DSS_WITH_AES_128_CBC_SHA"}, {0x0036, "TLS_DH_DSS_WITH_AES_256_CBC_SHA"},
	{0xC008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"}, {0xC012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"},
	{0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"}, {0x0013, "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA"},
	{0x000A, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"}, {0xC003, "TLS_ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA"},
	{0xC00D, "TLS_ECDH_RSA_WITH_3DES_EDE_CBC_SHA"}, {0x0010, "TLS_DH_RSA_WITH_3DES_EDE_CBC_SHA"}, {0x000D, "TLS_DH_DSS_WITH_3DES_EDE_CBC_SHA"},
	{0xC007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"}, {0xC011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"},
	{0x0005, "TLS_RSA_WITH_RC4_128_SHA"}, {0x0004, "TLS_RSA_WITH_RC4_128_MD5"}, {0x0066, "TLS_DHE_DSS_WITH_RC4_128_SHA"},
	{0xC002, "TLS_ECDH_ECDSA_WITH_RC4_128_SHA"}, {0xC00C, "TLS_ECDH_RSA_WITH_RC4_128_SHA"},
	{0x0015, "TLS_DHE_RSA_WITH_DES_CBC_SHA"}, {0x0012, "TLS_DHE_DSS_WITH_DES_CBC_SHA"}, {0x0009, "TLS_RSA_WITH_DES_CBC_SHA"},
	{0x000F, "TLS_DH_RSA_WITH_DES_CBC_SHA"}, {0x000C, "TLS_DH_DSS_WITH_DES_CBC_SHA"},
	{0x0014, "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA"}, {0x0011, "TLS_DHE_DSS_EXPORT_WITH_DES40_CBC_SHA"},
	{0x0008, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA"}, {0x0006, "TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5"}, {0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5"},
	{0x0062, "TLS_RSA_EXPORT1024_WITH_DES_CBC_SHA"}, {0x0064, "TLS_RSA_EXPORT1024_WITH_RC4_56_SHA"}, {0x0060, "TLS_RSA_EXPORT1024_WITH_RC4_56_MD5"},
	{0x0063, "TLS_DHE_DSS_EXPORT1024_WITH_DES_CBC_SHA"}, {0x0065, "TLS_DHE_DSS_EXPORT1024_WITH_RC4_56_SHA"},
	{0x000E, "TLS_DH_RSA_EXPORT_WITH_DES40_CBC_SHA"}, {0x000B, "TLS_DH_DSS_EXPORT_WITH_DES40_CBC_SHA"},
	{0x00A6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256"}, {0x00A7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384"},
	{0x006C, "TLS_DH_anon_WITH_AES_128_CBC_SHA256"}, {0x006D, "TLS_DH_anon_WITH_AES_256_CBC_SHA256"},
	{0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA"}, {0x003A, "TLS_DH_anon_WITH_AES_256_CBC_SHA"},
	{0xC018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"}, {0xC019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA"},
	{0x0046, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA"}, {0x0089, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA"}, {0x009B, "TLS_DH_anon_WITH_SEED_CBC_SHA"},
	{0x001B, "TLS_DH_anon_WITH_3DES_EDE_CBC_SHA"}, {0xC017, "TLS_ECDH_anon_WITH_3DES_EDE_CBC_SHA"},
	{0x0018, "TLS_DH_anon_WITH_RC4_128_MD5"}, {0xC016, "TLS_ECDH_anon_WITH_RC4_128_SHA"}, {0x001A, "TLS_DH_anon_WITH_DES_CBC_SHA"},
	{0x0019, "TLS_DH_anon_EXPORT_WITH_DES40_CBC_SHA"}, {0x0017, "TLS_DH_anon_EXPORT_WITH_RC4_40_MD5"},
	{0xC006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA"}, {0xC010, "TLS_ECDHE_RSA_WITH_NULL_SHA"},
	{0x003B, "TLS_RSA_WITH_NULL_SHA256"}, {0x0002, "TLS_RSA_WITH_NULL_SHA"}, {0x0001, "TLS_RSA_WITH_NULL_MD5"},
	{0xC001, "TLS_ECDH_ECDSA_WITH_NULL_SHA"}, {0xC00B, "TLS_ECDH_RSA_WITH_NULL_SHA"}, {0xC015, "TLS_ECDH_anon_WITH_NULL_SHA"},
}
