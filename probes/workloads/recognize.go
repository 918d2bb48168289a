package workloads

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Rules of this file: what a name and a value tell. A name tells of a key when it holds the provider's name and a word for a secret,
// or is the variable that the auditor's own reference reads; a secret's or credential's name only needs the provider's name.

// recognizer knows the configured keys and how names of keys look.
type recognizer struct {
	words     []string // the provider's, lower case
	variables []string // that the auditor's own references read
	search    *keyscan.Search
	scanner   *keyscan.Scanner
}

func newRecognizer(run *audit.Run) (*recognizer, error) {
	integration := run.Integration
	about, err := provider.Of(integration.Provider, integration.ProviderProfile)
	if err != nil {
		return nil, err
	}
	search, err := keyscan.Of(run)
	if err != nil {
		return nil, err
	}
	r := &recognizer{words: about.Secret.Names, search: search, scanner: search.Scanner(content.Limits{})}
	add := func(reference audit.KeyReference) {
		if reference.Variable != "" {
			r.variables = append(r.variables, reference.Variable)
		}
	}
	for _, environment := range integration.Environments {
		add(environment.Key)
	}
	for _, retired := range integration.RetiredKeys {
		add(retired.KeyReference)
	}
	return r, nil
}

// key tells which configured key is found in a value, in whatever encoding; of one that several environments use, the first's.
func (r *recognizer) key(value string) (of keyscan.Key, is bool) {
	first := r.search.Subjects()
	r.scanner.Text(value, func(found keyscan.Found) { first = min(first, found.ID) })
	if first == r.search.Subjects() {
		return of, false
	}
	return r.search.Subject(first, ""), true
}

// literal is the fact that a configured key is found in a file.
func literal(of keyscan.Key, line int, format, name string) Key {
	return Key{Line: line, Format: format, Name: name, Source: "literal_key",
		KeyEnvironment: of.KeyEnvironment, Role: of.Role, Fingerprint: of.Fingerprint}
}

var keyWords = []string{"key", "secret", "token", "hmac", "password", "credential"}

// variable reports whether a variable of that name holds the provider's key.
func (r *recognizer) variable(name string) bool {
	lower := strings.ToLower(name)
	holds := func(word string) bool { return strings.Contains(lower, word) }
	return slices.Contains(r.variables, name) || (slices.ContainsFunc(r.words, holds) && slices.ContainsFunc(keyWords, holds))
}

// secretName reports whether a secret, credential or file of that name is the provider's.
func (r *recognizer) secretName(name string) bool {
	lower := strings.ToLower(name)
	return r.variable(name) || slices.ContainsFunc(r.words, func(word string) bool { return strings.Contains(lower, word) })
}

// managed are references that an injector or the platform itself resolves in a secret manager.
var managed = lazy.Regexp(`^(vault:|ref\+|op://|sm://|awssm://|gcpsm://|azurekv|arn:aws[a-z-]*:(secretsmanager|ssm):|projects/[^/]+/secrets/|@Microsoft\.KeyVault\(|\$\{\{resolve:)`)

// interpolated is a variable of Compose, Kubernetes or a template, with Compose's default as its group.
var interpolated = lazy.Regexp(`^(?:\$\{[A-Za-z_][A-Za-z0-9_]*(?::?[-+?]([^}]*))?\}|\$\([A-Za-z_][A-Za-z0-9_]*\)|\$[A-Za-z_][A-Za-z0-9_]*|\{\{.*\}\}|<[^<>]*>|%[A-Za-z_][A-Za-z0-9_]*%)$`)

// sourceOf tells from the value of a variable that is named like a key where the key comes from; "" when that tells nothing.
func (r *recognizer) sourceOf(name, value string) string {
	value = strings.TrimSpace(value)
	file := strings.HasSuffix(strings.ToUpper(name), "_FILE") || strings.HasSuffix(strings.ToUpper(name), "_PATH")
	_, configured := r.key(value)
	switch {
	case value == "", configured: // configured keys are told wherever they stand
		return ""
	case strings.HasPrefix(value, "ENC["):
		return "sealed"
	case managed().MatchString(value):
		return "secret_reference"
	case interpolated().MatchString(value):
		if fallback := interpolated().FindStringSubmatch(value)[1]; fallback != "" {
			if source := r.sourceOf(name, fallback); source == "literal_unknown" {
				return source
			}
		}
		return "variable"
	case file && filepath.IsAbs(value), strings.HasPrefix(value, "/run/secrets/"), strings.HasPrefix(value, "/var/run/secrets/"):
		return "secret_mount"
	case looksLikeKey(value):
		return "literal_unknown"
	}
	return ""
}

var keyShape = lazy.Regexp(`^[A-Za-z0-9+/=_.~-]{16,256}$`)

// standIns are words that no random key holds and that stand where a key belongs in examples.
var standIns = []string{"example", "your", "placeholder", "change", "dummy", "sample", "xxxx", "0000", "insert", "replace", "fake", "secret"}

// minEntropy is in bits a character: 16 random hex digits have 3.3 on average, words 2.5 to 3.1.
const minEntropy = 3.2

// looksLikeKey reports whether a value is as long and as mixed as a key: 16 characters, letters and digits.
func looksLikeKey(value string) bool {
	lower := strings.ToLower(value)
	if !keyShape().MatchString(value) || strings.HasPrefix(value, "/") || slices.ContainsFunc(standIns, func(word string) bool { return strings.Contains(lower, word) }) {
		return false
	}
	digits := 0
	counts := map[rune]float64{}
	for _, c := range value {
		counts[c]++
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	entropy := 0.0
	for _, n := range counts {
		share := n / float64(len(value))
		entropy -= share * math.Log2(share)
	}
	return digits >= 2 && digits < len(value) && entropy >= minEntropy
}

// overlooked adds the keys that are found in a manifest elsewhere than in its values: in comments, or in what is no valid YAML.
func (r *recognizer) overlooked(ctx context.Context, file string, text []byte, found []Key) []Key {
	hits := r.scanner.Hits()
	if _, err := hits.Read(ctx, filepath.Base(file), bytes.NewReader(text)); err != nil {
		return found // the context ended, which the caller sees
	}
	for _, hit := range hits.List() {
		told := func(key Key) bool {
			return key.Source == "literal_key" && key.Fingerprint == hit.Fingerprint && key.KeyEnvironment == hit.KeyEnvironment
		}
		if !slices.ContainsFunc(found, told) {
			found = append(found, literal(hit.Key, int(hit.Line), formatOf(file), ""))
		}
	}
	return found
}

// literals are the keys that are found in a file that is no manifest. What cannot be read is passed over: no manifest depends on it, and
// what one names is told by the manifest.
func (r *recognizer) literals(ctx context.Context, file string) (found []Key, err error) {
	f, info, err := gitrepo.OpenFile(file)
	if err != nil {
		return nil, ctx.Err()
	}
	defer func() { _ = f.Close() }() // only read from
	if info.Size() > maxBesideBytes {
		return nil, errTooLarge
	}
	hits := r.scanner.Hits()
	if _, err := hits.Read(ctx, filepath.Base(file), io.NewSectionReader(f, 0, info.Size())); err != nil {
		return nil, ctx.Err()
	}
	for _, hit := range hits.List() {
		key := literal(hit.Key, int(hit.Line), "file", "")
		key.Source, key.OwnerOnly = "literal_file", info.Mode().Perm()&othersMay == 0
		if !slices.ContainsFunc(found, func(told Key) bool {
			return told.Fingerprint == key.Fingerprint && told.KeyEnvironment == key.KeyEnvironment
		}) {
			found = append(found, key)
		}
	}
	return found, nil
}

// othersMay are the permissions of the group and of everybody else to read.
const othersMay fs.FileMode = 0o044
