# METADATA
# description: |
#   What kind of place a URL names, judged by its name alone and never by where the name leads from here: local ones,
#   which no user's browser reaches, those of a test environment, and the provider's own default pages.
package prelaunch.lib.places

import data.prelaunch.lib.urls

# Names that are never public: RFC 6761, RFC 6762, RFC 8375, and what private networks use. "example" is left out:
# documentation and demonstrations stand for real names with it.
private_names := {
	"localhost", "localdomain", "local", "test", "invalid", "internal", "intranet", "lan", "home",
	"corp", "private", "home.arpa",
}

# Addresses that are not public: RFC 6890, RFC 6598, RFC 4193.
private_networks := {
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
	"::/127", "fc00::/7", "fe80::/10",
}

# local holds for a URL that leads nowhere, or somewhere else, outside the network it was written in.
local(url) if {
	host := host_of(url)
	not startswith(host, "[")
	not contains(host, ".") # a single label, or nothing
}

local(url) if {
	some name in private_names
	endswith(host_of(url), concat("", [".", name]))
}

local(url) if {
	host := host_of(url)
	regex.match(`^([0-9.]+|\[.*)$`, host)
	not public_address(trim(host, "[]"))
}

host_of(url) := p.host if {
	p := urls.parts(url)
} else := ""

public_address(address) if {
	some width in [32, 128]
	net.cidr_is_valid(sprintf("%s/%d", [address, width]))
	every network in private_networks {
		not net.cidr_contains(network, address)
	}
}

# Words that environments before production are called by. In a path, words that also mean something else count only as
# a whole
# segment: /psychometric-test/done is a page about a test.
stage_words := {"staging", "stg", "uat", "sandbox", "preprod"}

other_words := {"test", "tests", "testing", "dev", "develop", "development"}

# stage_word is the word by which a URL looks like that of a test environment: in a label below the registered domain,
# or in the path.
stage_word(url) := sort(stage_words_of(url))[0]

stage_words_of(url) := ({word |
	some label in array.slice(labels, 0, count(labels) - 2)
	some word in words(label)
	word in (stage_words | other_words)
} | {word |
	some word in words(p.path)
	word in stage_words
}) | {word |
	some word in split(lower(p.path), "/")
	word in other_words
} if {
	p := urls.parts(url)
	labels := split(p.host, ".")
}

# doubtful_word is one in the registered domain itself, which may be a company's name.
doubtful_word(url) := sort(found)[0] if {
	labels := split(urls.parts(url).host, ".")
	found := {word |
		some word in words(labels[count(labels) - 2])
		word in (stage_words | other_words)
	}
}

words(text) := {trim_right(word, "0123456789") | some word in regex.split(`[^a-z0-9]+`, lower(text))}

# provider_page holds for the provider's own pages, which end a user's journey.
provider_page(url) if {
	some domain in input.profile.hosts
	endswith(concat("", [".", host_of(url)]), concat("", [".", domain]))
}
