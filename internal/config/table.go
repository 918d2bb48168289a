package config

import (
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Rules of this file: one table says which settings there are. Unknown keys, missing ones, types, the JSON Schema and the
// positions come from it; a new setting is a line here and a line in the reader that puts it into audit.Integration.

// longestKey bounds the length of a key in bytes, whatever it comes from.
const longestKey = 4096

// mostPassed bounds how many variables a command is passed.
const mostPassed = 50

// mostRetiredKeys bounds the list: each key costs requests and a search. It holds the keys of a year with a rotation a day.
const mostRetiredKeys = 500

// root is the table, made once.
var root = sync.OnceValue(func() *shape {
	environmentName := oneOf(audit.Test, audit.Production)
	command := &shape{kind: list, item: texts(argument), fewest: 1}
	passed := &shape{kind: list, item: texts(variableName), most: mostPassed, distinct: true}
	const aboutPassed = "names of the variables that the command is passed next to PATH and HOME, such as [VAULT_ADDR, VAULT_TOKEN]"
	person := texts(prose)

	keyFields := []field{
		{name: "env", shape: texts(variableName), with: "command", withIt: passed,
			about: "environment variable that holds the key; next to command: " + aboutPassed},
		{name: "file", shape: texts(filePath), about: "file that holds the key; one trailing newline is cut"},
		{name: "command", shape: command, about: "command that prints the key, as a list of arguments; runs only with --allow-commands; one trailing newline is cut"},
		{name: "sha256", shape: texts(sha256Hex), about: "hex SHA-256 of the key, when the auditor may not hold the key itself"},
		{name: "length", shape: between(integer, 1, longestKey), about: "length of the key in bytes, with sha256"},
	}
	keySources := []string{audit.FromEnv, audit.FromFile, audit.FromCommand, audit.FromFingerprint}
	together := map[string]string{"sha256": "length", "length": "sha256"}
	key := &shape{kind: object, isKey: true, exactlyOne: keySources, together: together, fields: keyFields}
	retiredKey := &shape{kind: object, isKey: true, exactlyOne: keySources, together: together, fields: append(keyFields[:len(keyFields):len(keyFields)],
		field{name: "environment", required: true, shape: environmentName, about: "the environment that the key was used in"},
		field{name: "accepted_until", shape: &shape{kind: date}, about: "end of a rotation window in which the old key is still accepted"},
	)}

	none := &shape{kind: object, fields: []field{
		{name: "none", required: true, shape: &shape{kind: boolean, words: []string{"true"}}, about: "true: there is nothing of the kind"},
		{name: "by", required: true, shape: person, about: "who says so"},
		{name: "on", required: true, shape: &shape{kind: date}, about: "day on which it was seen to be so; it holds for 90 days"},
		{name: "reason", required: true, shape: texts(prose), about: "why there is nothing"},
	}}
	orNone := func(items *shape) *shape {
		items.orNone = none
		return items
	}

	environment := &shape{kind: object, fields: []field{
		{name: "integration_id", required: true, shape: texts(identifier), about: "the environment's integration ID from the Deployment Centre, in quotes"},
		{name: "api_key", required: true, shape: key, about: "reference to the API key, such as {env: BEGINI_TEST_API_KEY}; never the key itself"},
		{name: "webhook_url", required: true, shape: texts(webURL), about: "URL of the receiver that the provider sends its webhooks to"},
		{name: "redirect_urls", about: "where users are sent after an assessment", shape: &shape{kind: object, fields: []field{
			{name: "completion", shape: texts(webURL), about: "after a completed assessment"},
			{name: "cancellation", shape: texts(webURL), about: "when the privacy policy was declined"},
			{name: "expiry", shape: texts(webURL), about: "when the time limit has passed"},
		}}},
		{name: "api_base_url", shape: texts(baseURL), about: "base URL of the provider's API; default: the provider's own"},
		{name: "probing", shape: oneOf(audit.Full, audit.Careful, audit.Passive), about: "how much is sent to the receiver; default: full in test, careful in production"},
		{name: "probe_uids", shape: &shape{kind: list, item: texts(anyUID()), distinct: true}, about: "UIDs of synthetic users that the receiver knows; default: fresh ones"},
		{name: "receiver", shape: oneOf(audit.Inline, audit.Queued), about: "inline: the response shows whether the event was accepted; queued: everything is acknowledged first; default: inline"},
		{name: "effects", about: "optional observer that tells whether an event was processed", shape: &shape{kind: object, fields: []field{
			{name: "command", required: true, shape: command, about: "command with \"{uid}\" in it: exit status 0 processed, 1 not processed, else unknown; runs only with --allow-commands"},
			{name: "env", shape: passed, about: aboutPassed},
		}}},
	}}

	return &shape{kind: object, fields: []field{
		{name: "version", required: true, shape: between(integer, 1, 1), about: "version of this format: 1"},
		{name: "integration", required: true, shape: texts(integrationName), about: "name of the integration, used in reports and tickets"},
		{name: "provider", required: true, shape: oneOf(provider.Names()...), about: "the webhook provider"},
		{name: "event_types", shape: &shape{kind: list, item: oneOf(anyEventType()...), fewest: 1, distinct: true}, about: "event types that the receiver handles; default: all of the provider's"},
		{name: "environments", required: true, about: "the two environments, test and production", shape: &shape{kind: object, fields: []field{
			{name: audit.Test, required: true, shape: environment, about: "the Test environment"},
			{name: audit.Production, required: true, shape: environment, about: "the Production environment"},
		}}},
		{name: "provider_checks", shape: &shape{kind: boolean}, about: "true: also ask the provider's API, which sends it the keys; default: false"},
		{name: "retired_keys", shape: &shape{kind: list, item: retiredKey, most: mostRetiredKeys}, about: "keys that were rotated out"},
		{name: "repositories", about: "git repositories to search for keys", shape: orNone(listOf(&shape{kind: object, fields: []field{
			{name: "path", required: true, shape: texts(filePath), about: "path of the repository"},
		}}))},
		{name: "workloads", about: "manifests that show where the receiver gets its key", shape: listOf(&shape{kind: object, fields: []field{
			{name: "path", required: true, shape: texts(filePath), about: "file or directory of manifests"},
			{name: "environment", shape: environmentName, about: "default: both"},
		}})},
		{name: "clients", about: "what reaches browsers and phones", shape: orNone(listOf(&shape{kind: object, exactlyOne: []string{"path", "url"}, fields: []field{
			{name: "path", shape: texts(filePath), about: "bundle, page or app package"},
			{name: "url", shape: texts(webURL), about: "live page"},
			{name: "environment", shape: environmentName, about: "default: both"},
		}}))},
		{name: "logs", about: "logs of the receiver", shape: orNone(listOf(&shape{kind: object, exactlyOne: []string{"path", "command"}, together: map[string]string{"env": "command"}, fields: []field{
			{name: "path", shape: texts(logGlob), about: "pattern of log files"},
			{name: "command", shape: command, about: "command that prints the log; runs only with --allow-commands"},
			{name: "env", shape: passed, about: aboutPassed},
			{name: "environment", shape: environmentName, about: "default: both"},
			{name: "marker", shape: texts(logMarker), about: "pattern that shows that the log has caught up"},
		}}))},
		{name: "access", about: "who may use the provider's dashboard", shape: &shape{kind: object, fields: []field{
			{name: "roster", shape: texts(filePath), about: "CSV of the accounts, with the columns email and role"},
			{name: "exported_on", shape: &shape{kind: date}, about: "day on which the roster was exported"},
			{name: "allowed_domains", shape: &shape{kind: list, item: texts(domain), distinct: true}, about: "mail domains of permitted accounts"},
			{name: "max_admins", shape: between(integer, 1, 1000), about: "how many Admins there may be; default: 3"},
			{name: "reviewed", about: "the last review of who has access", shape: &shape{kind: object, fields: []field{
				{name: "by", required: true, shape: person, about: "who reviewed it"},
				{name: "on", required: true, shape: &shape{kind: date}, about: "day of the review"},
			}}},
		}}},
		{name: "attestations", about: "a person's statement about what no program can observe", shape: listOf(&shape{kind: object, fields: []field{
			{name: "check", required: true, shape: texts(checkID), about: "id of an attestable check, or " + audit.SameBuild},
			{name: "statement", required: true, shape: texts(prose), about: "what is attested"},
			{name: "by", required: true, shape: person, about: "who attests it"},
			{name: "on", required: true, shape: &shape{kind: date}, about: "day on which it was seen to be so"},
			{name: "evidence", shape: texts(filePath), about: "file that shows it; its SHA-256 is recorded"},
			{name: "expires", shape: &shape{kind: date}, about: "last day on which it holds; default, and at most: 90 days after on"},
		}})},
		{name: "waivers", about: "risks that somebody accepts for a while", shape: listOf(&shape{kind: object, fields: []field{
			{name: "check", required: true, shape: texts(checkID), about: "id of the check that is waived"},
			{name: "finding", shape: texts(findingID), about: "id of the one finding that is waived; default: all of the check's"},
			{name: "environment", shape: environmentName, about: "default: both"},
			{name: "reason", required: true, shape: texts(prose), about: "why the risk is acceptable for now"},
			{name: "owner", required: true, shape: person, about: "who fixes it"},
			{name: "approved_by", required: true, shape: person, about: "who accepts the risk: another person"},
			{name: "expires", required: true, shape: &shape{kind: date}, about: "last day on which it holds, at most a year ahead"},
		}})},
		{name: "authorized", about: "who allowed this audit; the report names them", shape: &shape{kind: object, fields: []field{
			{name: "by", required: true, shape: person, about: "who allowed it"},
			{name: "on", required: true, shape: &shape{kind: date}, about: "day on which it was allowed"},
			{name: "reference", required: true, shape: texts(reference), about: "where that is written down, such as a ticket or a contract"},
		}}},
		{name: "policy_digest", shape: texts(policyDigest), about: "the policies that judge, as a report's policy_digest names them; other policies are an error"},
		{name: "network", about: "how the receivers are reached", shape: &shape{kind: object, fields: []field{
			{name: "ca_file", shape: texts(filePath), about: "PEM file of extra trusted roots"},
			{name: "provider_trusts_ca", shape: &shape{kind: boolean}, about: "true: the provider was given these roots; default: false"},
			{name: "client_certificate", about: "for receivers that ask for one (mTLS)", shape: &shape{kind: object, fields: []field{
				{name: "cert", required: true, shape: texts(filePath), about: "PEM file of the certificate"},
				{name: "key", required: true, shape: texts(filePath), about: "PEM file of its private key"},
			}}},
			{name: "resolve", about: "connect elsewhere, name and SNI unchanged", shape: &shape{kind: mapping, keys: hostAndPort,
				item: &shape{kind: list, item: texts(address), orOne: true, fewest: 1, distinct: true}}},
			{name: "vantage", shape: oneOf(audit.Public, audit.Allowlisted), about: "whether this machine is on a receiver's allowlist; default: public"},
			{name: "timeout", shape: texts(requestTimeout), about: "per request; default: 10s"},
			{name: "max_requests_per_second", shape: between(number, 0.1, 1000), about: "towards each receiver; default: 20 in test, 10 in production"},
			{name: "fresh_connections", shape: between(integer, 1, 1000), about: "new connections for each request of \"every instance\"; default: 30"},
		}}},
	}}
})

// anyUID takes what some provider takes; what the integration's own takes is checked once it is known.
func anyUID() form {
	shortest, longest := provider.Profiles[0].UIDs.Min, provider.Profiles[0].UIDs.Max
	for _, profile := range provider.Profiles[1:] {
		shortest, longest = min(shortest, profile.UIDs.Min), max(longest, profile.UIDs.Max)
	}
	return uidForm(shortest, longest)
}

func anyEventType() []string {
	var types []string
	for _, profile := range provider.Profiles {
		types = append(types, profile.EventTypes()...)
	}
	return types
}
