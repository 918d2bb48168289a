package config

import (
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// Rules of this file: one table says which settings there are. Unknown keys, missing ones, types, the JSON Schema and the
// positions come from it; a new setting is a line here and a line in the reader that puts it into audit.Integration.

// longestKey bounds the length of a key in bytes, whatever it comes from.
const longestKey = 4096

// mostPassed bounds how many variables a command is passed.
const mostPassed = 50

// maxEnvironments bounds the environments: each is probed.
const maxEnvironments = 10

// mostRetiredKeys bounds the list: each key costs requests and a search. It holds the keys of a year with a rotation a day.
const mostRetiredKeys = 500

// What is said of the settings that a provider's profile decides about.
const (
	aboutIdentity = "the identifier that the environment has at the provider, in quotes"
	aboutKey      = "reference to the key that signs, such as {env: PRELAUNCH_TEST_API_KEY}; never the key itself"
)

// root is the table, made once.
var root = sync.OnceValue(func() *shape.Shape {
	environmentName := shape.Texts(environmentForm)
	command := &shape.Shape{Kind: shape.List, Item: shape.Texts(argument), Fewest: 1}
	passed := &shape.Shape{Kind: shape.List, Item: shape.Texts(variableName), Most: mostPassed, Distinct: true}
	const aboutPassed = "names of the variables that the command is passed next to PATH and HOME, such as [VAULT_ADDR, VAULT_TOKEN]"
	person := shape.Texts(shape.Prose)

	keyFields := []shape.Field{
		{Name: "env", Shape: shape.Texts(variableName), With: "command", WithIt: passed,
			About: "environment variable that holds the key; next to command: " + aboutPassed},
		{Name: "file", Shape: shape.Texts(filePath), About: "file that holds the key; one trailing newline is cut"},
		{Name: "command", Shape: command, About: "command that prints the key, as a list of arguments; runs only with --allow-commands; one trailing newline is cut"},
		{Name: "sha256", Shape: shape.Texts(sha256Hex), About: "hex SHA-256 of the key, when the auditor may not hold the key itself"},
		{Name: "length", Shape: shape.Between(shape.Integer, 1, longestKey), About: "length of the key in bytes, with sha256"},
	}
	keySources := []string{audit.FromEnv, audit.FromFile, audit.FromCommand, audit.FromFingerprint}
	together := map[string]string{"sha256": "length", "length": "sha256"}
	key := &shape.Shape{Kind: shape.Object, IsKey: true, ExactlyOne: keySources, Together: together, Fields: keyFields}
	retiredKey := &shape.Shape{Kind: shape.Object, IsKey: true, ExactlyOne: keySources, Together: together, Fields: append(keyFields[:len(keyFields):len(keyFields)],
		shape.Field{Name: "environment", Required: true, Shape: environmentName, About: "the environment that the key was used in"},
		shape.Field{Name: "accepted_until", Shape: &shape.Shape{Kind: shape.Date}, About: "end of a rotation window in which the old key is still accepted"},
	)}

	none := &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		{Name: "none", Required: true, Shape: &shape.Shape{Kind: shape.Boolean, Words: []string{"true"}}, About: "true: there is nothing of the kind"},
		{Name: "by", Required: true, Shape: person, About: "who says so"},
		{Name: "on", Required: true, Shape: &shape.Shape{Kind: shape.Date}, About: "day on which it was seen to be so; it holds for 90 days"},
		{Name: "reason", Required: true, Shape: shape.Texts(shape.Prose), About: "why there is nothing"},
	}}
	orNone := func(items *shape.Shape) *shape.Shape {
		items.OrNone = none
		return items
	}

	environment := &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		{Name: "integration_id", Alias: "account", Shape: shape.Texts(identifier), About: aboutIdentity},
		{Name: "api_key", Alias: "secret", Shape: key, About: aboutKey},
		{Name: "keypair", Shape: key, About: "in place of the key, of a provider that signs with a key of its own: reference to the private key (PKCS #8 or a JWK) of a pair of the reviewer's, whose public key this receiver has; not in production"},
		{Name: "webhook_url", Required: true, Shape: shape.Texts(webURL), About: "URL of the receiver that the provider sends its webhooks to"},
		{Name: "redirect_urls", About: "where users are sent after an assessment", Shape: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "completion", Shape: shape.Texts(webURL), About: "after a completed assessment"},
			{Name: "cancellation", Shape: shape.Texts(webURL), About: "when the privacy policy was declined"},
			{Name: "expiry", Shape: shape.Texts(webURL), About: "when the time limit has passed"},
		}}},
		{Name: "api_base_url", Shape: shape.Texts(baseURL), About: "base URL of the provider's API; default: the provider's own"},
		{Name: "probing", Shape: shape.OneOf(audit.Full, audit.Careful, audit.Passive), About: "how much is sent to the receiver; default: full in test, careful in production"},
		{Name: "probe_uids", Shape: &shape.Shape{Kind: shape.List, Item: shape.Texts(uidForm(1, 200)), Distinct: true}, About: "UIDs of synthetic users that the receiver knows; default: fresh ones"},
		{Name: "receiver", Shape: shape.OneOf(audit.Inline, audit.Queued), About: "inline: the response shows whether the event was accepted; queued: everything is acknowledged first; default: inline"},
		{Name: "captured", Shape: shape.Texts(filePath), About: "file with a recorded delivery of the provider's, which confirms the recipe and, where only the provider can sign, is sent again in full probing: HTTP, JSON with headers and body, or HAR"},
		{Name: "effects", About: "optional observer that tells whether an event was processed", Shape: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "command", Required: true, Shape: command, About: "command with \"{uid}\" in it: exit status 0 processed (a number that it prints is how often), 1 not processed, else unknown; runs only with --allow-commands"},
			{Name: "env", Shape: passed, About: aboutPassed},
		}}},
	}}

	return &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		{Name: "version", Required: true, Shape: shape.Between(shape.Integer, 1, 1), About: "version of this format: 1"},
		{Name: "integration", Required: true, Shape: shape.Texts(integrationName), About: "name of the integration, used in reports and tickets"},
		{Name: "provider", Required: true, Shape: &shape.Shape{Kind: shape.Text, Words: provider.Names(), Form: profilePath, OrForm: true}, About: "the webhook provider: a built-in profile or the path of one"},
		{Name: "signature", Shape: provider.SignatureShape(), About: "how the provider signs, which completes the profile " + provider.Generic},
		{Name: "events", About: "events that the profile does not have, or that are otherwise than in it", Shape: &shape.Shape{Kind: shape.List, Most: 100, Fewest: 1, Item: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "type", Required: true, Shape: shape.Texts(provider.EventType), About: "type of the event"},
			{Name: "file", Required: true, Shape: shape.Texts(filePath), About: "file with its body, a template with {{uid}} and other placeholders"},
			{Name: "harmless", Shape: &shape.Shape{Kind: shape.Boolean}, About: "true: it tells about a course and carries no result"},
		}}}},
		{Name: "event_types", Shape: &shape.Shape{Kind: shape.List, Item: shape.Texts(provider.EventType), Fewest: 1, Distinct: true}, About: "event types that the receiver handles; default: all of the provider's"},
		{Name: "environments", Required: true, About: "the environments by name: test and production, or what the provider has instead", Shape: &shape.Shape{
			Kind: shape.Mapping, Keys: environmentForm, Named: true, Item: environment, Most: maxEnvironments}},
		{Name: "provider_checks", Shape: &shape.Shape{Kind: shape.Boolean}, About: "true: also ask the provider's API, which sends it the keys; default: false"},
		{Name: "retired_keys", Shape: &shape.Shape{Kind: shape.List, Item: retiredKey, Most: mostRetiredKeys}, About: "keys that were rotated out"},
		{Name: "repositories", About: "git repositories to search for keys", Shape: orNone(shape.ListOf(&shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "path", Required: true, Shape: shape.Texts(filePath), About: "path of the repository"},
		}}))},
		{Name: "workloads", About: "manifests that show where the receiver gets its key", Shape: shape.ListOf(&shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "path", Required: true, Shape: shape.Texts(filePath), About: "file or directory of manifests"},
			{Name: "environment", Shape: environmentName, About: "default: all"},
		}})},
		{Name: "clients", About: "what reaches browsers and phones", Shape: orNone(shape.ListOf(&shape.Shape{Kind: shape.Object, ExactlyOne: []string{"path", "url"}, Fields: []shape.Field{
			{Name: "path", Shape: shape.Texts(filePath), About: "bundle, page or app package"},
			{Name: "url", Shape: shape.Texts(webURL), About: "live page"},
			{Name: "environment", Shape: environmentName, About: "default: all"},
		}}))},
		{Name: "logs", About: "logs of the receiver", Shape: orNone(shape.ListOf(&shape.Shape{Kind: shape.Object, ExactlyOne: []string{"path", "command"}, Together: map[string]string{"env": "command"}, Fields: []shape.Field{
			{Name: "path", Shape: shape.Texts(logGlob), About: "pattern of log files"},
			{Name: "command", Shape: command, About: "command that prints the log; runs only with --allow-commands"},
			{Name: "env", Shape: passed, About: aboutPassed},
			{Name: "environment", Shape: environmentName, About: "default: all"},
			{Name: "marker", Shape: shape.Texts(logMarker), About: "pattern that shows that the log has caught up"},
		}}))},
		{Name: "access", About: "who may use the provider's dashboard", Shape: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "roster", About: "CSV of the accounts, or a mapping that also names its columns", Shape: &shape.Shape{Kind: shape.Object, Short: "file", Fields: []shape.Field{
				{Name: "file", Required: true, Shape: shape.Texts(filePath), About: "CSV of the accounts; common names of its columns are recognized"},
				{Name: "email", Shape: shape.Texts(columnTitle), About: "title of the column with the e-mail addresses"},
				{Name: "role", Shape: shape.Texts(columnTitle), About: "title of the column with the roles"},
				{Name: "name", Shape: shape.Texts(columnTitle), About: "title of the column with the people's names"},
				{Name: "last_active", Shape: shape.Texts(columnTitle), About: "title of the column with the last activity"},
				{Name: "justification", Shape: shape.Texts(columnTitle), About: "title of the column that says why an account has its role"},
				{Name: "roles", About: "what the roles of the file are, such as {Owner: Admin}", Shape: &shape.Shape{Kind: shape.Mapping, Keys: columnTitle,
					Item: shape.OneOf(audit.RoleAdmin, audit.RoleViewer), Most: 50}},
			}}},
			{Name: "exported_on", Shape: &shape.Shape{Kind: shape.Date}, About: "day on which the roster was exported"},
			{Name: "allowed_domains", Shape: &shape.Shape{Kind: shape.List, Item: shape.Texts(domain), Distinct: true}, About: "mail domains of permitted accounts"},
			{Name: "max_admins", Shape: shape.Between(shape.Integer, 1, 1000), About: "how many Admins there may be; default: 3"},
			{Name: "reviewed", About: "the last review of who has access", Shape: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
				{Name: "by", Required: true, Shape: person, About: "who reviewed it"},
				{Name: "on", Required: true, Shape: &shape.Shape{Kind: shape.Date}, About: "day of the review"},
			}}},
		}}},
		{Name: "attestations", About: "a person's statement about what no program can observe", Shape: shape.ListOf(&shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "check", Required: true, Shape: shape.Texts(checkID), About: "id of an attestable check, or " + audit.SameBuild},
			{Name: "statement", Required: true, Shape: shape.Texts(shape.Prose), About: "what is attested"},
			{Name: "by", Required: true, Shape: person, About: "who attests it"},
			{Name: "on", Required: true, Shape: &shape.Shape{Kind: shape.Date}, About: "day on which it was seen to be so"},
			{Name: "evidence", Shape: shape.Texts(filePath), About: "file that shows it; its SHA-256 is recorded"},
			{Name: "expires", Shape: &shape.Shape{Kind: shape.Date}, About: "last day on which it holds; default, and at most: 90 days after on"},
		}})},
		{Name: "waivers", About: "risks that somebody accepts for a while", Shape: shape.ListOf(&shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "check", Required: true, Shape: shape.Texts(checkID), About: "id of the check that is waived"},
			{Name: "finding", Shape: shape.Texts(findingID), About: "id of the one finding that is waived; default: all of the check's"},
			{Name: "environment", Shape: environmentName, About: "default: all"},
			{Name: "reason", Required: true, Shape: shape.Texts(shape.Prose), About: "why the risk is acceptable for now"},
			{Name: "owner", Required: true, Shape: person, About: "who fixes it"},
			{Name: "approved_by", Required: true, Shape: person, About: "who accepts the risk: another person"},
			{Name: "expires", Required: true, Shape: &shape.Shape{Kind: shape.Date}, About: "last day on which it holds, at most a year ahead"},
		}})},
		{Name: "authorized", About: "who allowed this audit; the report names them", Shape: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "by", Required: true, Shape: person, About: "who allowed it"},
			{Name: "on", Required: true, Shape: &shape.Shape{Kind: shape.Date}, About: "day on which it was allowed"},
			{Name: "reference", Required: true, Shape: shape.Texts(reference), About: "where that is written down, such as a ticket or a contract"},
		}}},
		{Name: "policy_digest", Shape: shape.Texts(policyDigest), About: "the policies and built-in profiles that verdicts follow from, as a report's policy_digest names them; others are an error"},
		{Name: "network", About: "how the receivers are reached", Shape: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "ca_file", Shape: shape.Texts(filePath), About: "PEM file of extra trusted roots"},
			{Name: "provider_trusts_ca", Shape: &shape.Shape{Kind: shape.Boolean}, About: "true: the provider was given these roots; default: false"},
			{Name: "client_certificate", About: "for receivers that ask for one (mTLS)", Shape: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
				{Name: "cert", Required: true, Shape: shape.Texts(filePath), About: "PEM file of the certificate"},
				{Name: "key", Required: true, Shape: shape.Texts(filePath), About: "PEM file of its private key"},
			}}},
			{Name: "resolve", About: "connect elsewhere, name and SNI unchanged", Shape: &shape.Shape{Kind: shape.Mapping, Keys: hostAndPort,
				Item: &shape.Shape{Kind: shape.List, Item: shape.Texts(address), OrOne: true, Fewest: 1, Distinct: true}}},
			{Name: "vantage", Shape: shape.OneOf(audit.Public, audit.Allowlisted), About: "whether this machine is on a receiver's allowlist; default: public"},
			{Name: "timeout", Shape: shape.Texts(requestTimeout), About: "per request; default: 10s"},
			{Name: "max_requests_per_second", Shape: shape.Between(shape.Number, 0.1, 1000), About: "towards each receiver; default: 20 in test, 10 in production"},
			{Name: "fresh_connections", Shape: shape.Between(shape.Integer, 1, 1000), About: "new connections for each request of \"every instance\"; default: 30"},
		}}},
	}}
})
