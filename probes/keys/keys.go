// Package keys describes where the auditor's references keep the keys, and how the keys relate; never what they are.
package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Reference is a fact of kind "key.reference": one key and where the auditor's configuration gets it from.
type Reference struct {
	Environment string `json:"environment"`
	Role        string `json:"role"`        // current or retired
	Source      string `json:"source"`      // env, file, command or sha256
	Name        string `json:"name"`        // the variable, the path as written or the program; empty for sha256
	Fingerprint string `json:"fingerprint"` // sha256: and 8 hex digits
	Length      int    `json:"length"`      // bytes
	Held        bool   `json:"held"`        // the key itself is known, not only its fingerprint
	Placeholder bool   `json:"placeholder"` // it is a well-known stand-in such as changeme, or one character over and over
	Blank       bool   `json:"blank"`       // it begins or ends with white space, as a mistake of copying does
	// ValueEnvironment is the environment that the value itself names, as sk_live_ does; empty: none.
	ValueEnvironment string `json:"value_environment,omitempty"`
	File             File   `json:"file"` // of a file reference
}

// File is what protects a key file.
type File struct {
	Mode         string `json:"mode,omitempty"` // permission bits, octal, such as 0600
	OwnerOnly    bool   `json:"owner_only"`     // nobody but its owner can read it
	SecretMount  bool   `json:"secret_mount"`   // it lies where orchestrators mount secrets
	InRepository string `json:"in_repository"`  // path of the audited repository that it lies in, empty: none
	Unknown      string `json:"unknown"`        // why its protection could not be checked, empty: it could
}

// Pair is a fact of kind "key.pair": whether two current keys, or a current and a retired one, are the same.
type Pair struct {
	First        string `json:"first"`  // environment of a current key
	Second       string `json:"second"` // environment of the other
	SecondRole   string `json:"second_role"`
	Same         bool   `json:"same"`
	Fingerprint  string `json:"fingerprint"` // of the first
	Fingerprint2 string `json:"fingerprint2"`
}

const (
	kindReference = "key.reference"
	kindPair      = "key.pair"
)

type probe struct{}

// New returns the probe.
func New() audit.Probe { return probe{} }

func (probe) Name() string  { return "keys" }
func (probe) Title() string { return "keys" }

func (probe) Kinds() []audit.Kind {
	return []audit.Kind{audit.KindOf[Reference](kindReference), audit.KindOf[Pair](kindPair)}
}

func (probe) Plan(integration *audit.Integration, _ func(check string) bool) []audit.Step {
	var steps []audit.Step
	for _, held := range all(integration) {
		step := audit.Step{Probe: "keys", Environment: held.environment, Action: "read", Target: held.Source + " " + name(held.KeyReference), Detail: held.role + " key"}
		if held.Source == audit.FromCommand {
			step.Action, step.Target = "run", held.Command.String()
		}
		if held.Source != audit.FromFingerprint {
			steps = append(steps, step)
		}
	}
	return steps
}

type keyOf struct {
	audit.KeyReference
	environment, role string
}

func all(integration *audit.Integration) []keyOf {
	var list []keyOf
	for _, environment := range integration.Environments {
		list = append(list, keyOf{environment.Key, environment.Name, "current"})
	}
	for _, retired := range integration.RetiredKeys {
		list = append(list, keyOf{retired.KeyReference, retired.Environment, "retired"})
	}
	return list
}

func (probe) Run(ctx context.Context, run *audit.Run) error {
	profile, err := provider.Of(run.Integration.Provider, run.Integration.ProviderProfile)
	if err != nil {
		return err
	}
	standIns := standInsOf(profile.Secret.Names)
	list := all(run.Integration)
	for _, held := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		reference := Reference{
			Environment: held.environment, Role: held.role, Source: held.Source, Name: name(held.KeyReference),
			Fingerprint: held.Key.Fingerprint(), Length: held.Key.Len(), Held: held.Key.Held(),
		}
		if material := held.Key.Expose(); material != nil {
			reference.Placeholder = placeholder(string(material), standIns) || string(material) == profile.PublicTestKey()
			reference.ValueEnvironment = profile.Secret.Environment(strings.TrimSpace(string(material)))
			reference.Blank = strings.TrimSpace(string(material)) != string(material)
		}
		if held.Source == audit.FromFile {
			reference.File = describeFile(run.Integration, held.Path)
		}
		run.Sink.Emit(kindReference, reference)
		run.Sink.Scope(func(scope *audit.Scope) {
			scope.Keys = append(scope.Keys, audit.KeyScope{
				Environment: held.environment, Role: held.role, Fingerprint: held.Key.Fingerprint(), Source: held.Source})
		})
	}
	for i, first := range list {
		for _, second := range list[i+1:] {
			if first.role != "current" {
				continue
			}
			run.Sink.Emit(kindPair, Pair{
				First: first.environment, Second: second.environment, SecondRole: second.role, Same: first.Key.Equal(second.Key),
				Fingerprint: first.Key.Fingerprint(), Fingerprint2: second.Key.Fingerprint(),
			})
		}
	}
	return nil
}

func name(reference audit.KeyReference) string {
	switch reference.Source {
	case audit.FromEnv:
		return reference.Variable
	case audit.FromFile:
		return reference.Path
	case audit.FromCommand:
		return reference.Program
	}
	return ""
}

// standInsOf are values that documentation and templates put where a key belongs, also with one of the words by which a
// provider's keys are called.
func standInsOf(words []string) *regexp.Regexp {
	quoted := []string{}
	for _, word := range words {
		quoted = append(quoted, regexp.QuoteMeta(word))
	}
	return regexp.MustCompile(`(?i)^(` + strings.Join([]string{
		`change[-_ ]?me.*`, `(my|your|the|insert|enter|put|replace|add|test|example|sample|dummy|fake|demo|default|some)?[-_ ]?(` + strings.Join(quoted, "|") + `)?[-_ ]?(api|secret|webhook|private)?[-_ ]?(key|secret|token|password)([-_ ]?(here|goes[-_ ]?here|value|123|test|prod(uction)?))?`,
		`<.*>`, `\$\{.*\}`, `\{\{.*\}\}`, `(undefined|null|none|nil|false|true|todo|tbd|n/a)`, `(0?123456789?0?|abcdef)+.*`, `password.*`, `lorem.*`, `placeholder.*`, `x+`, `redacted`,
	}, "|") + `)$`)
}

func placeholder(key string, standIns *regexp.Regexp) bool {
	return standIns.MatchString(strings.TrimSpace(key)) || (key != "" && strings.Trim(key, key[:1]) == "")
}

// secretMounts are where Docker, Kubernetes and systemd put secrets for one process to read.
var secretMounts = []string{"/run/secrets/", "/var/run/secrets/", "/run/credentials/", "/mnt/secrets-store/", "/etc/secrets/", "/vault/secrets/"}

func describeFile(integration *audit.Integration, path string) File {
	if !filepath.IsAbs(path) {
		path = filepath.Join(integration.Directory, path)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return File{Unknown: unreadable(err)}
	}
	info, err := os.Stat(real)
	if err != nil {
		return File{Unknown: unreadable(err)}
	}
	described := File{
		Mode:         fmt.Sprintf("%04o", info.Mode().Perm()),
		OwnerOnly:    info.Mode().Perm()&0o077 == 0,
		InRepository: repositoryOf(integration, real),
	}
	for _, mount := range secretMounts {
		described.SecretMount = described.SecretMount || strings.HasPrefix(path, mount) || strings.HasPrefix(real, mount)
	}
	return described
}

func unreadable(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	}
	return "it cannot be read"
}

// repositoryOf names the audited repository in which a file lies, "" if none.
func repositoryOf(integration *audit.Integration, file string) string {
	for _, repository := range integration.Repositories {
		root := repository.Path
		if !filepath.IsAbs(root) {
			root = filepath.Join(integration.Directory, root)
		}
		if real, err := filepath.EvalSymlinks(root); err == nil {
			if relative, err := filepath.Rel(real, file); err == nil && relative != ".." && !strings.HasPrefix(relative, "../") {
				return repository.Path
			}
		}
	}
	return ""
}
