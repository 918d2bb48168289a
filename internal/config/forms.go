package config

import (
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

var (
	integrationName = shape.Form{Is: "a name", Next: "write a name of at most 100 characters on one line", Pattern: lazy.Regexp(`^\S(.*\S)?$`), Longest: 100, Check: shape.Printable}

	// identifier goes into the bodies of events as it stands, so it needs no escaping there.
	identifier = shape.Form{Is: "an integration ID", Next: "copy it from the provider, in quotes: letters, digits, hyphens and underscores",
		Pattern: lazy.Regexp(`^[A-Za-z0-9_-]{1,64}$`)}

	webURL = shape.Form{Is: "an absolute http or https URL with a host and without user name or fragment", Next: "write it like https://hooks.acme.example/webhook",
		Pattern: lazy.Regexp(`^[Hh][Tt][Tt][Pp][Ss]?://[^\s#]+$`), Format: "uri", Check: isWebURL}

	baseURL = shape.Form{Is: "an absolute http or https URL with a host and without user name, query or fragment", Next: "write it like https://api.acme.example",
		Pattern: lazy.Regexp(`^[Hh][Tt][Tt][Pp][Ss]?://[^\s#?]+$`), Format: "uri", Check: isWebURL}

	variableName = shape.Form{Is: "the name of an environment variable", Next: "write the variable's name, such as ACME_TEST_API_KEY (what stands here is not repeated, in case it is the key)",
		Pattern: lazy.Regexp(`^[A-Za-z_][A-Za-z0-9_]*$`), Longest: 128, Check: secret.PlainWords}

	filePath = shape.Form{Is: "a path", Next: "write a path relative to this file, on one line", Pattern: lazy.Regexp(`^\S(.*\S)?$`), Check: shape.Printable}

	environmentForm = shape.Form{Is: "the name of an environment", Next: "write a word in lower case, such as test, sandbox or live",
		Pattern: lazy.Regexp(`^[a-z][a-z0-9-]*$`), Longest: 30, Check: secret.PlainWords}

	columnTitle = shape.Form{Is: "a word or a few on one line", Next: "write it as the first line of the file has it", Pattern: lazy.Regexp(`^\S(.*\S)?$`),
		Longest: 100, Check: shape.Printable}

	profilePath = shape.Form{Is: "the path of a profile", Next: "write the name of a built-in profile, which `prelaunch providers` lists, or the path of one such as ./acme.yaml",
		Pattern: lazy.Regexp(`^\S(.*\S)?\.(yaml|yml|json)$`), Check: shape.Printable}

	logGlob = shape.Form{Is: "a path or pattern of log files", Next: "write it like ./logs/*.log, relative to this file", Pattern: lazy.Regexp(`^\S(.*\S)?$`), Check: isGlob}

	argument = shape.Form{Is: "an argument", Next: "write a text without NUL characters", Check: func(s string) bool { return !strings.Contains(s, "\x00") }}

	sha256Hex = shape.Form{Is: "a SHA-256", Next: "write the 64 hexadecimal digits that `printf %s \"$KEY\" | sha256sum` prints", Pattern: lazy.Regexp(`^[0-9a-fA-F]{64}$`)}

	policyDigest = shape.Form{Is: "a digest of policies", Next: "copy policy_digest from a report, or from `prelaunch version -o json`", Pattern: lazy.Regexp(`^sha256:[0-9a-f]{64}$`)}

	reference = shape.Form{Is: "a reference", Next: "write where it is written down in at most 200 characters on one line", Pattern: lazy.Regexp(`^\S(.*\S)?$`), Longest: 200, Check: shape.Printable}

	logMarker = shape.Form{Is: "a regular expression", Next: "write one in RE2 syntax, such as probe-[0-9]+", Pattern: lazy.Regexp(`\S`), Longest: 1000, Check: isPattern}

	domain = shape.Form{Is: "a domain", Next: "write it like acme.example", Pattern: lazy.Regexp(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`), Longest: 253}

	hostAndPort = shape.Form{Is: "a name and port", Next: "write it like \"hooks.acme.example:443\"", Pattern: lazy.Regexp(`^\S+:[0-9]{1,5}$`), Longest: 262, Check: isHostAndPort}

	address = shape.Form{Is: "an IP address with a port", Next: "write it like \"127.0.0.1:8443\" or \"[::1]:8443\"", Pattern: lazy.Regexp(`^[0-9A-Fa-f.:\[\]]+$`), Check: isAddress}

	requestTimeout = shape.Form{Is: "a time between 100ms and 2m", Next: "write it like 10s", Pattern: lazy.Regexp(`^([0-9]+(\.[0-9]+)?(ms|s|m))+$`), Longest: 20, Check: isTimeout}

	findingID = shape.Form{Is: "the id of a finding", Next: "copy the 16 hexadecimal digits from a report (-o json), in quotes", Pattern: lazy.Regexp(`^[0-9a-f]{16}$`)}

	// checkID covers the built-in checks and those of the user's own policies.
	checkID = shape.Form{Is: "the id of a check", Next: "`prelaunch checks` lists them", Pattern: lazy.Regexp(`^[a-z0-9_-]+(\.[a-z0-9_-]+)+$`), Longest: 100}
)

// uidForm is a user's identifier: letters, digits and, as the provider's examples have them, hyphens.
func uidForm(shortest, longest int) shape.Form {
	return shape.Form{
		Is:      "a UID of " + strconv.Itoa(shortest) + " to " + strconv.Itoa(longest) + " letters, digits and hyphens",
		Next:    "list UIDs of synthetic users that the receiver knows",
		Pattern: lazy.Regexp(`^[A-Za-z0-9-]{` + strconv.Itoa(shortest) + `,` + strconv.Itoa(longest) + `}$`),
	}
}

func isWebURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Opaque != "" || u.User != nil || u.Fragment != "" || u.Hostname() == "" {
		return false
	}
	_, spellable := asciiHost(u.Hostname())
	return spellable && shape.Printable(s) && isPort(u.Port(), true) && !strings.HasSuffix(u.Host, ":")
}

func isPort(s string, optional bool) bool {
	if s == "" {
		return optional
	}
	port, err := strconv.Atoi(s)
	return err == nil && port >= 1 && port <= 65535
}

func isGlob(s string) bool {
	_, err := path.Match(s, "")
	return err == nil && shape.Printable(s)
}

func isPattern(s string) bool {
	_, err := regexp.Compile(s)
	return err == nil
}

func isHostAndPort(s string) bool {
	host, port, ok := cutPort(s)
	_, spellable := asciiHost(host)
	return ok && spellable && isPort(port, false) && !strings.ContainsAny(host, "/@ \t") && strings.Trim(host, ".") != ""
}

// cutPort splits at the last colon and takes the brackets off an IPv6 address.
func cutPort(s string) (host, port string, ok bool) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return "", "", false
	}
	host, port = s[:colon], s[colon+1:]
	if inner, found := strings.CutPrefix(host, "["); found {
		host, found = strings.CutSuffix(inner, "]")
		return host, port, found
	}
	return host, port, !strings.Contains(host, ":")
}

// isAddress takes "address:port", and an address alone.
func isAddress(s string) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Zone() == ""
	}
	withPort, err := netip.ParseAddrPort(s)
	return err == nil && withPort.Port() != 0 && withPort.Addr().Zone() == ""
}

func isTimeout(s string) bool {
	d, err := time.ParseDuration(s)
	return err == nil && d >= 100*time.Millisecond && d <= 2*time.Minute
}
