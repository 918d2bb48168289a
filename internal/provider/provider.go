// Package provider holds the profiles of webhook providers as data: how they sign, what they send, which
// features they have and which checklist they publish. A profile is one YAML file; the built-in ones are
// embedded from profiles/, and a user's own is a file of the same form. It is data: it has no code, opens
// no variables and sends no key anywhere.
//
// Every setting, with the values it may have (a section may be absent, except sources, signature and
// events):
//
//	schema: prelaunch.provider/v1
//	name: acme                       # small letters, digits and hyphens; no user's profile takes a built-in one's
//	title: Acme Payments
//	grade: verified                  # verified (an official vector or SDK confirms the recipe) or unverified, the default
//	reviewed: 2026-11-28             # when a person last compared it with its sources
//	sources: [https://docs.acme.example/webhooks]
//	confirmed_by:                    # one of these in each
//	  - {vector: https://docs.acme.example/webhooks#example}
//	  - {sdk: "npm @acme/sdk 4.1.0, webhooks.verify"}
//	  - {source: https://another.example/acme-webhooks}
//	words:                           # for texts of checks; names of small letters and underscores
//	  dashboard: Acme Console
//	  key: signing secret
//	  endpoint: webhook endpoint
//	  rotate: roll the secret of the endpoint
//	secret:
//	  names: [acme, webhook_secret]  # words in the names of variables that hold it
//	  pattern: '^acmesec_[A-Za-z0-9+/=]{16,}$'   # another look is a diagnosis, no error
//	  environments: {test: '^acmesec_test_', production: '^acmesec_live_'}   # where the value shows it
//	  key: {strip: acmesec_, decode: base64, digest: none}   # decode raw|base64|base64url|hex; digest none|md5|sha1|sha256|sha384|sha512
//	  reach: endpoint                # endpoint|app|account|api: what an exposed one opens
//	  related:                       # further keys of the provider's, searched for as candidates
//	    - {what: API key, pattern: '\backey_(?:test|live)_[A-Za-z0-9]{24}\b', environments: {test: '^ackey_test_'}}
//	delivery:
//	  method: POST
//	  body: json                     # json|json-array|form|xml|any
//	  headers: {User-Agent: Acme/1.0, X-Acme-Topic: "{{type}}", X-Acme-Delivery: "{{uuid}}"}
//	  success: {status: [200-299]}   # statuses and ranges of them
//	  within: 10s                    # the provider's deadline for a response
//	  id: {header: X-Acme-Delivery}  # header, body (path), param or query: by which duplicates are recognized
//	  retries: for 3 days            # in words
//	signature:
//	  kind: hmac                     # hmac|token|jwt-hs256|public-key
//	  hash: sha256                   # md5|sha1|sha256|sha384|sha512
//	  over: "{timestamp}.{body}"     # text and pieces: {body} {timestamp} {id} {url} {path} {query} {method} {account}
//	                                 # {params} (form parameters sorted by name, name and value) {param:NAME} {header:NAME}
//	                                 # {field:PATH} {fields} {HASH(body)} {HASH-base64(body)} {crc32(body)}
//	  fields: {root: items.0, list: [id, amount.value], join: ":", missing: "", escape: none}   # what {fields} is; escape none|backslash
//	  encode: hex                    # hex|HEX|base64|base64url
//	  put: {header: X-Acme-Signature, value: "t={timestamp},v1={signature}"}   # header, body (path), param or query; or a list of them
//	  timestamp: {in: signature, unit: s, tolerance: 300s, future: unchecked}  # in signature|header:NAME|body:PATH|param:NAME|query:NAME
//	                                 # unit s|ms|rfc3339, layout "2006-01-02T15:04:05.000Z"; without tolerance none is documented
//	  id: {in: "header:X-Acme-Id", value: "msg_{{uid}}"}                       # {id}; default: what delivery.id names
//	  digest: {query: bodySHA256, value: "{sha256(body)}"}                     # or header: a digest that is sent and covered
//	  list: {style: repeat, item: "v1={signature}", separator: ","}            # repeat; headers (item NAME-{n}); lines; none
//	  other:                         # schemes next to it; what one leaves out is as above
//	    - {label: v0, value: "t={timestamp},v0={signature}", accepted: never}  # never, or legacy (only warns)
//	    - {label: sha1, header: X-Acme-Legacy, kind: digest, over: "{secret}{body}", hash: sha1, encode: hex, accepted: legacy}
//	  lenient: [upper-hex]           # never alarmed on; default: upper-hex, decoded-text, non-ascii
//	  strict: [decoded-text]         # receivers must verify bytes; without it a body that is decoded first is no fault
//	  algorithm: ed25519             # of public-key: ed25519|ecdsa-p256-sha256|rsa-pkcs1-sha256|jws(ES256)|jws(ES512)|jws(RS256)
//	  key_from: configured           # of public-key: configured|jwks|certificate-url|jku
//	  claims: {iat: "{timestamp}", exp: "{expiry}", request_body_sha256: "{sha256(body)}"}   # of jws and jwt-hs256; expiry: tolerance after timestamp
//	handshakes:
//	  - when: {body: {type: url_verification}}   # method, query, headers and body (paths) that tell it from an event
//	    signed: true                 # the provider signs it like an event
//	    needs: verify_token          # a further value that the receiver knows
//	    body: '{"type":"url_verification","challenge":"{{challenge}}"}'        # or query: {challenge: "{{challenge}}"}
//	    answer: {text: "{body:challenge}"}       # text or json: of {body:PATH} {query:NAME} {mac(body:PATH)} {mac(query:NAME)}
//	    oracle: challenge            # the place of caller's text whose MAC the response holds
//	events:                          # bodies are templates: {{uid}} {{uuid}} {{digits:N}} {{hex:N}} {{epoch}} {{epoch_ms}}
//	  - type: payment.failed         # {{rfc3339}} {{integration_id}} {{account}} {{type}}
//	    harmless: true               # tells about a course and carries no result
//	    body: '{"id":"evt_{{uid}}","type":"payment.failed","data":{"amount":0}}'
//	required: [id, type]             # fields that are documented as always there and without which no event can be acted on
//	uid: {pattern: '[A-Za-z0-9]{5,60}', path: id}
//	environments: {identity: none, number: 2}    # identity integration_id|account|none; number: exactly two; absent: one or several
//	features: {redirects: false, registration: false, dashboard: true, test_delivery: none, addresses: https://acme.example/ips}
//	api: {base_url: https://api.acme.example, key_header: api-key, tokens: /v1/tokens, test: /v1/webhooks/test}
//	checklist:                       # the provider's own list, in its order, and the checks that prove each item
//	  - {title: Verify signatures, source: https://docs.acme.example/webhooks#verify, checks: [webhook.*]}
//	vectors:                         # known answers; signature is the text as put writes it
//	  - {secret: acmesec_MTIz, method: POST, url: https://x.example/, timestamp: "1700000000", id: msg_1, body: '{}', signature: "t=1700000000,v1=…", source: https://…}
//	not:                             # families of test cases that mean nothing here, apart from those that the recipe rules out
//	  - {family: reserialized, because: the official SDK parses the body before it verifies}
package provider

import (
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

//go:embed profiles/*.yaml
var embedded embed.FS

//go:embed profiles/default
var defaultName string

// Default is the provider of a configuration that is written without a choice.
var Default = strings.TrimSpace(defaultName)

// Names lists the built-in providers: the default, then by name. It reads no profile.
var Names = sync.OnceValue(func() []string {
	entries, err := embedded.ReadDir("profiles")
	if err != nil {
		panic("the embedded profiles cannot be listed: " + err.Error())
	}
	names := []string{Default}
	for _, entry := range entries {
		if name := strings.TrimSuffix(entry.Name(), ".yaml"); name != Default {
			names = append(names, name)
		}
	}
	slices.Sort(names[1:]) // by name: by file, acme-token.yaml comes before acme.yaml
	return names
})

// Digest is that of the texts of all built-in profiles: with another, the same facts may be judged otherwise.
var Digest = sync.OnceValue(func() string { return digestOf(embedded) })

func digestOf(files fs.FS) string {
	names, err := fs.Glob(files, "profiles/*.yaml") // in the order of their names
	digest := sha256.New()
	for _, name := range names {
		var text []byte
		if text, err = fs.ReadFile(files, name); err != nil {
			break
		}
		fmt.Fprintf(digest, "%s %d\n%s\n", name, len(text), text)
	}
	if err != nil {
		panic("the embedded profiles cannot be read: " + err.Error())
	}
	return audit.Digest(digest.Sum(nil))
}

// read holds the profiles that were asked for, by name or by the digest of their text.
var read sync.Map // string → func() (*Profile, error)

func once(key string, parse func() (*Profile, error)) (Profile, error) {
	made, _ := read.LoadOrStore(key, sync.OnceValues(parse))
	profile, err := made.(func() (*Profile, error))()
	if err != nil {
		return Profile{}, err
	}
	return *profile, nil
}

// ByName returns a built-in profile, which is read when it is first asked for.
func ByName(name string) (Profile, error) {
	if !slices.Contains(Names(), name) {
		return Profile{}, fmt.Errorf("unknown provider %.60q", name)
	}
	return once(name, func() (*Profile, error) {
		file := "profiles/" + name + ".yaml"
		text, err := embedded.ReadFile(file)
		if err != nil {
			return nil, err
		}
		profile, err := Parse(file, text)
		if err == nil {
			profile.BuiltIn = true
		}
		return profile, err
	})
}

// Of returns the profile of an integration: source is the text of one that is not built in as it is, and
// "" for the built-in one of that name.
func Of(name, source string) (Profile, error) {
	if source == "" {
		return ByName(name)
	}
	digest := sha256.Sum256([]byte(source))
	return once(string(digest[:]), func() (*Profile, error) {
		profile, err := Parse("the provider's profile", []byte(source))
		if err != nil {
			return nil, err
		}
		profile.Source = source
		if slices.Contains(Names(), profile.Name) {
			own, err := ByName(profile.Name)
			profile.BuiltIn = err == nil && own.API == profile.API
		}
		return profile, nil
	})
}

// ParseOwn reads a user's profile, which takes no built-in name.
func ParseOwn(file string, text []byte) (*Profile, error) {
	profile, err := Parse(file, text)
	if err != nil {
		return nil, err
	}
	if slices.Contains(Names(), profile.Name) {
		found := shape.NewProblems(file)
		at, _ := yamldoc.Strict(text)
		found.Add(audit.Position(at.Member("name").Position), "name is that of a built-in profile", "give the profile a name of its own")
		return nil, found.Err()
	}
	profile.Source = string(text)
	return profile, nil
}

// Generic is the built-in profile that a configuration completes.
const Generic = "generic-hmac"

// Complete is a profile with what a configuration says of its signature, as JSON, and with further events
// or other ones of its types. What is wrong is reported by the paths signature and events.
func (p Profile) Complete(signature []byte, events []Event, wrong func(path, message, next string)) (*Profile, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("complete the provider's profile: %w", err)
	}
	completed := Profile{BuiltIn: p.BuiltIn}
	if err := json.Unmarshal(text, &completed); err != nil {
		return nil, fmt.Errorf("complete the provider's profile: %w", err)
	}
	if signature != nil {
		settings := map[string]json.RawMessage{}
		if text, err = json.Marshal(completed.Signature); err == nil {
			err = errors.Join(json.Unmarshal(text, &settings), json.Unmarshal(signature, &settings))
		}
		if key, has := settings["key"]; has && err == nil {
			completed.Secret.Key = KeyRule{}
			err = json.Unmarshal(key, &completed.Secret.Key)
			delete(settings, "key")
		}
		if err == nil {
			text, err = json.Marshal(settings)
		}
		if err == nil {
			completed.Signature = Recipe{}
			err = json.Unmarshal(text, &completed.Signature)
		}
		if err != nil {
			return nil, fmt.Errorf("complete the provider's signature: %w", err)
		}
		completed.Vectors, completed.ConfirmedBy, completed.Grade = nil, nil, Unverified
	}
	for _, event := range events {
		if i := slices.IndexFunc(completed.Events, func(e Event) bool { return e.Type == event.Type }); i >= 0 {
			completed.Events[i] = event
		} else {
			completed.Events = append(completed.Events, event)
		}
	}
	completed.check(wrong)
	text, err = json.Marshal(completed)
	completed.Source = string(text)
	return &completed, err
}

// MaxSize bounds a profile, in bytes.
const MaxSize = 256 << 10

// Parse reads the text of a profile. Mistakes in it are a *shape.Error that lists them all by file, line
// and column.
func Parse(file string, text []byte) (*Profile, error) {
	found := shape.NewProblems(file)
	if len(text) > MaxSize {
		found.AddWhole(fmt.Sprintf("is larger than %d KiB", MaxSize>>10), "name a provider's profile")
		return nil, found.Err()
	}
	tree, positions := table().Read(text, "the profile", "`prelaunch schema provider` describes one", found)
	if err := found.Err(); err != nil {
		return nil, err
	}
	profile, err := fromTree(tree)
	if err != nil {
		return nil, err
	}
	profile.check(func(path, message, next string) { found.Add(positions[path], message, next) })
	if err := found.Err(); err != nil {
		return nil, err
	}
	return profile, nil
}

// fromTree is the profile of a document that fits the table.
func fromTree(tree *shape.Value) (*Profile, error) {
	text, err := json.Marshal(tree.Plain())
	if err != nil {
		return nil, fmt.Errorf("read a provider's profile: %w", err)
	}
	var profile Profile
	if err := json.Unmarshal(text, &profile); err != nil {
		return nil, fmt.Errorf("read a provider's profile: %w", err)
	}
	return &profile, nil
}

// Must returns a built-in profile, for what is not decided by a user; it panics where there is none.
func Must(name string) *Profile {
	profile, err := ByName(name)
	if err != nil {
		panic(err)
	}
	return &profile
}
