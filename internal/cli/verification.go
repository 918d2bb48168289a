package cli

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/template"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// This file makes one correct verification of a provider's signatures a framework, from templates that the provider's recipe fills in.
// A framework is a file in the directory verification. Its delimiters are [[ ]], since code has braces of its own.

//go:embed verification/*.tmpl
var verificationFiles embed.FS

// snippet is what the templates are filled with.
type snippet struct {
	Variable               string // that holds the key
	Hash, Encoding, Prefix string // "sha512", "hex" or "base64", what stands before the signature
	Base64                 bool
	Header                 string
	Status                 int
	Required               [][]string // paths of the fields that every event has
}

// Hash64 is the package of Go that has the hash, and GoHash its constructor.
func (s snippet) Hash64() string {
	if s.Hash == "sha384" {
		return "sha512"
	}
	return s.Hash
}

func (s snippet) GoHash() string {
	return map[string]string{"md5": "md5.New", "sha1": "sha1.New", "sha256": "sha256.New", "sha384": "sha512.New384", "sha512": "sha512.New"}[s.Hash]
}

// snippetFor is a provider's, or an error that says why its scheme takes more than a snippet.
func snippetFor(profile *provider.Profile) (snippet, error) {
	recipe := profile.Signature
	more := func(why string) (snippet, error) {
		return snippet{}, fmt.Errorf("the signature of %s %s: take its official SDK (%s)", profile.Title, why, strings.Join(profile.Sources, ", "))
	}
	s := snippet{Variable: "WEBHOOK_KEY", Hash: recipe.Hash, Encoding: recipe.Encoding, Base64: recipe.Encoding == "base64", Status: 200}
	if len(profile.Secret.Names) > 0 {
		s.Variable = strings.ToUpper(profile.Secret.Names[0]) + "_API_KEY"
	}
	switch {
	case recipe.Kind != "hmac":
		return more("is no HMAC")
	case profile.Delivery.Body != "" && profile.Delivery.Body != "json":
		return more("belongs to a body in another format than JSON")
	case len(recipe.Put) != 1 || recipe.Put[0].Header == "":
		return more("stands elsewhere than in one header")
	case profile.Secret.Key.Strip != "" || profile.Secret.Key.Digest != "" && profile.Secret.Key.Digest != "none" || profile.Secret.Key.Decode != "" && profile.Secret.Key.Decode != "raw":
		return more("needs a key that is made from the secret")
	case recipe.Encoding != "hex" && recipe.Encoding != "base64", s.GoHash() == "":
		return more("is encoded in a way of its own")
	case recipe.Over != "{body}":
		return more("covers more than the body")
	case len(profile.Handshakes) > 0:
		return more("comes with a handshake that has to be answered")
	}
	s.Header = recipe.Put[0].Header
	prefix, rest, alone := strings.Cut(recipe.Put[0].Value, "{signature}")
	if recipe.Put[0].Value == "" {
		prefix, rest, alone = "", "", true
	}
	if !alone || rest != "" || strings.Contains(prefix, "{") || recipe.List.Style != "" && recipe.List.Style != "none" {
		return more("is one of several in its header")
	}
	s.Prefix = prefix
	if ranges := profile.Delivery.Success.Ranges(); len(ranges) > 0 {
		s.Status = ranges[0].From
	}
	for _, field := range profile.Required {
		s.Required = append(s.Required, strings.Split(field, "."))
	}
	return s, nil
}

// quote is a text in the quotes that all these languages share.
func quote(text string) string {
	quoted, err := json.Marshal(text)
	must(err)
	return string(quoted)
}

func quoteAll(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = quote(text)
	}
	return strings.Join(quoted, ", ")
}

var verificationTemplates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Delims("[[", "]]").Funcs(template.FuncMap{
		"q": quote, "args": quoteAll, "upper": strings.ToUpper,
		"list":    func(names []string) string { return "{" + quoteAll(names) + "}" },
		"pointer": func(names []string) string { return "/" + strings.Join(names, "/") },
		"paths": func(all [][]string) string {
			lists := make([]string, len(all))
			for i, names := range all {
				lists[i] = "[" + quoteAll(names) + "]"
			}
			return "[" + strings.Join(lists, ", ") + "]"
		},
	}).ParseFS(verificationFiles, "verification/*.tmpl"))
})

// frameworks are those of which there is a snippet.
func frameworks() []string {
	entries, err := verificationFiles.ReadDir("verification")
	must(err)
	var names []string
	for _, entry := range entries {
		if name := strings.TrimSuffix(entry.Name(), path.Ext(entry.Name())); name != "core" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// verification is the code for a framework.
func verification(profile *provider.Profile, framework string) (string, error) {
	if !slices.Contains(frameworks(), framework) {
		hint := "choose one of " + strings.Join(frameworks(), ", ")
		if near := shape.Nearest(framework, frameworks()); near != "" {
			hint = "did you mean " + strconv.Quote(near) + "?"
		}
		return "", fmt.Errorf("there is no verification for %.40q: %s", framework, hint)
	}
	filled, err := snippetFor(profile)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	if err := verificationTemplates().ExecuteTemplate(&text, framework+".tmpl", filled); err != nil {
		return "", fmt.Errorf("make the verification for %s: %w", framework, err)
	}
	return text.String(), nil
}
