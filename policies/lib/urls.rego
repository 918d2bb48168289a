# METADATA
# description: |
#   What policies conclude from the text of a URL alone: whether two are equivalent, and how it is shown.
package prelaunch.lib.urls

# parts takes a URL apart (RFC 3986, appendix B). The scheme and the host are in lower case, the host without a final
# dot; a default port is "". Credentials are dropped.
parts(url) := {"scheme": scheme, "host": host, "port": port, "path": path, "query": found[5], "fragment": found[6]} if {
	found := regex.find_all_string_submatch_n(
		`^([A-Za-z][A-Za-z0-9+.-]*)://(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^:/?#]*)(:[0-9]*)?([^?#]*)(\?[^#]*)?(#.*)?$`,
		url,
		1,
	)[0]
	scheme := lower(found[1])
	host := trim_suffix(lower(found[2]), ".")
	port := own_port(scheme, found[3])
	path := found[4]
}

default_ports := {"http": ":80", "https": ":443"}

own_port(scheme, port) := "" if {
	port in {":", "", object.get(default_ports, scheme, "")}
} else := port

# scheme of a URL in lower case, "" when it has none.
scheme(url) := p.scheme if {
	p := parts(url)
} else := ""

# shown is a URL as a report shows it: without credentials, query and fragment.
shown(url) := concat("", [p.scheme, "://", p.host, p.port, p.path]) if {
	p := parts(url)
} else := "not a URL"

# canonical is the same for URLs that RFC 3986, 6.2.2 and 6.2.3, calls equivalent.
canonical(url) := concat(
	"",
	[p.scheme, "://", p.host, p.port, path(p.path), escapes(p.query), escapes(p.fragment)],
) if {
	p := parts(url)
} else := url

# path takes the segments . and .. out; of the latter up to four, beyond which two URLs count as different.
path(raw) := up(up(up(up(regex.replace(regex.replace(rooted, `/(\./)+`, "/"), `/\.$`, "/"))))) if {
	rooted := concat("", ["/", trim_prefix(escapes(raw), "/")])
}

up(raw) := regex.replace(regex.replace(raw, `^(/\.\.)+(/|$)`, "/"), `^((?:/[^/]+)*?)/[^/]+/\.\.(/|$)`, "$1/")

# escapes decodes what needs no escape and writes the other escapes in capitals.
escapes(raw) := strings.replace_n(spelt, raw) if {
	spelt := {escape: unreserved_or(upper(escape)) | some escape in regex.find_n(`%[0-9A-Fa-f]{2}`, raw, -1)}
}

unreserved_or(escape) := object.get(unreserved, escape, escape)

unreserved[escape] := character if {
	some character in split("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", "")
	escape := upper(concat("", ["%", hex.encode(character)]))
}
