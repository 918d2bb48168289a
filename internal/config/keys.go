package config

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// Rules of this file: a key goes from its place into a secret.Key and nowhere else. Messages name the variable, the setting and the
// position, never what was read.

// maxKeyOutput bounds what is read of a key's file or command, in bytes; a key itself is at most longestKey.
const maxKeyOutput = 64 << 10

// Resolver is how references to keys are followed.
type Resolver struct {
	LookupEnv     func(name string) (value string, set bool)
	Exec          audit.Exec
	AllowCommands bool
}

// ResolveKeys reads every key that the integration refers to into its KeyReference, and rejects a configuration whose text contains
// one of them, or whose commands may not run or lack a variable. All that is wrong is listed in one *Error.
func ResolveKeys(ctx context.Context, integration *audit.Integration, resolver Resolver) error {
	found := shape.NewProblems(integration.File)
	each := func(reference *audit.KeyReference, path string) error {
		if reference.Source == "" {
			return nil // the provider signs with a key that nobody else has
		}
		key, problem := resolver.resolve(ctx, *reference)
		if ctx.Err() != nil {
			return fmt.Errorf("resolve %s: %w", path, ctx.Err())
		}
		if problem != nil {
			found.Add(integration.Positions[path], path+": "+problem.message, problem.next)
			return nil
		}
		reference.Key = key
		refuseLiteral(integration, key, path, found)
		return nil
	}
	for i := range integration.Environments {
		environment := &integration.Environments[i]
		path := "environments." + environment.Name + ".api_key"
		if err := each(&environment.Key, path); err != nil {
			return err
		}
		if environment.KeyPair && environment.Key.Key.Held() {
			checkPair(integration, environment.Key.Key, path, found)
		}
	}
	for i := range integration.RetiredKeys {
		if err := each(&integration.RetiredKeys[i].KeyReference, "retired_keys["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	resolver.checkCommands(integration, found)
	redactor := integration.Redactor() // a key may be the name of a variable
	found.Rewrite(redactor.RedactString)
	return found.Err()
}

// checkPair reports a key that is none to sign the provider's events with.
func checkPair(integration *audit.Integration, key secret.Key, path string, found *shape.Problems) {
	profile, err := provider.Of(integration.Provider, integration.ProviderProfile)
	if err == nil {
		_, err = profile.Signature.PublicSecret(key.Expose())
	}
	if err != nil {
		found.Add(integration.Positions[path], "the key pair cannot sign: "+err.Error(), "make one with `openssl genpkey`, which writes PKCS #8")
	}
}

// RefuseLiteralKeys is the search of ResolveKeys for whoever resolves no key: it looks for the keys that are in environment variables
// or known by their digest already, reads no file, runs nothing and keeps no key. That a variable is not set is no mistake here.
func RefuseLiteralKeys(integration *audit.Integration, lookupEnv func(name string) (value string, set bool)) error {
	found := shape.NewProblems(integration.File)
	refuse := func(reference audit.KeyReference, path string) {
		key := reference.Key
		permitted := !slices.ContainsFunc(integration.Needs, func(need audit.Permission) bool { return need.Setting == path+".env" })
		if reference.Source == audit.FromEnv && permitted {
			if value, _ := lookupEnv(reference.Variable); value != "" {
				key = secret.New([]byte(value))
			}
		}
		refuseLiteral(integration, key, path, found)
	}
	for _, environment := range integration.Environments {
		refuse(environment.Key, "environments."+environment.Name+".api_key")
	}
	for i, retired := range integration.RetiredKeys {
		refuse(retired.KeyReference, "retired_keys["+strconv.Itoa(i)+"]")
	}
	return found.Err()
}

// unresolved is why a reference does not resolve, and what to do.
type unresolved struct{ message, next string }

func (r Resolver) resolve(ctx context.Context, reference audit.KeyReference) (secret.Key, *unresolved) {
	switch reference.Source {
	case audit.FromFingerprint:
		return reference.Key, nil
	case audit.FromEnv:
		if r.LookupEnv == nil {
			return secret.Key{}, &unresolved{"environment variables cannot be read here", "use another kind of reference"}
		}
		value, set := r.LookupEnv(reference.Variable) // config.Load has seen to it that it may be read
		switch {
		case !set:
			return secret.Key{}, &unresolved{"the variable " + reference.Variable + " is not set", "export it before the run"}
		case value == "":
			return secret.Key{}, &unresolved{"the variable " + reference.Variable + " is empty", "set it to the key"}
		}
		return keyFrom([]byte(value), "the variable "+reference.Variable)
	case audit.FromFile:
		content, err := readBounded(reference.File, maxKeyOutput)
		if err != nil {
			return secret.Key{}, &unresolved{"the key's file cannot be read: " + err.Error(), "correct the path, which starts at the configuration's directory, or its permissions"}
		}
		return keyFrom(withoutNewline(content), "the key's file")
	case audit.FromCommand:
		return r.fromCommand(ctx, reference)
	}
	return secret.Key{}, &unresolved{"refers to nothing", "write {env: NAME}, {file: PATH}, {command: [ARG, …]} or {sha256: HEX, length: N}"}
}

// checkCommands reports the commands of logs and observers that cannot run, before anything is sent.
func (r Resolver) checkCommands(integration *audit.Integration, found *shape.Problems) {
	check := func(command audit.Command, path string) {
		if problem := r.mayRun(command); problem != nil && len(command.Args) > 0 {
			found.Add(integration.Positions[path], path+" runs a command: "+problem.message, problem.next)
		}
	}
	for _, environment := range integration.Environments {
		check(environment.Effects, "environments."+environment.Name+".effects")
	}
	for i, log := range integration.Logs {
		check(log.Command, "logs["+strconv.Itoa(i)+"]")
	}
}

// mayRun is nil for a command that is allowed and has its variables.
func (r Resolver) mayRun(command audit.Command) *unresolved {
	if !r.AllowCommands || r.Exec == nil {
		return &unresolved{"commands are not run without --allow-commands", "read them (`prelaunch plan` lists them), then add --allow-commands"}
	}
	for _, name := range command.Env {
		if _, set := r.LookupEnv(name); !set {
			return &unresolved{"the variable " + name + ", which it is passed, is not set", "export it before the run"}
		}
	}
	return nil
}

func (r Resolver) fromCommand(ctx context.Context, reference audit.KeyReference) (secret.Key, *unresolved) {
	if problem := r.mayRun(reference.Command); problem != nil {
		return secret.Key{}, problem
	}
	output, exit, err := r.Exec(ctx, reference.Command)
	switch {
	case err != nil && !errors.Is(err, audit.ErrOutputLimit):
		return secret.Key{}, &unresolved{"its command failed: " + err.Error(), "run it by hand to see why"}
	case err == nil && exit != 0:
		return secret.Key{}, &unresolved{fmt.Sprintf("its command ended with exit status %d", exit), "run it by hand to see why; it has PATH, HOME and the variables in its env setting"}
	case err != nil || len(output) > maxKeyOutput:
		return secret.Key{}, &unresolved{"its command prints more than a key", "have it print the key alone"}
	}
	return keyFrom(withoutNewline(output), "the output of its command")
}

func keyFrom(content []byte, origin string) (secret.Key, *unresolved) {
	switch {
	case len(content) == 0:
		return secret.Key{}, &unresolved{origin + " is empty", "put the key there"}
	case len(content) > longestKey:
		return secret.Key{}, &unresolved{fmt.Sprintf("%s is longer than %d bytes, which is no key", origin, longestKey), "put the key alone there"}
	}
	return secret.New(content), nil
}

// withoutNewline cuts one trailing newline, of either kind.
func withoutNewline(content []byte) []byte {
	if cut, found := bytes.CutSuffix(content, []byte("\r\n")); found {
		return cut
	}
	return bytes.TrimSuffix(content, []byte("\n"))
}

// refuseLiteral reports a key that is found in the configuration in any encoding: in its bytes, comments included, or in what its
// quoted texts stand for. Keys too short to be told from chance are not searched for.
func refuseLiteral(integration *audit.Integration, key secret.Key, path string, found *shape.Problems) {
	if key.Len() < secret.MinSearchable {
		return
	}
	refuse := func(at audit.Position) {
		found.Add(at, "the key of "+path+" stands here", "take it out, refer to it instead, and rotate the key if anybody else has seen this file")
	}
	if at, stands := findKey(integration.Source, key); stands {
		refuse(audit.Position(yamldoc.Offset(integration.Source, at)))
		return
	}
	if _, stands := findKey([]byte(integration.ProviderProfile), key); stands {
		found.Add(integration.Positions["provider"], "the key of "+path+" is written in the provider's profile", "take it out, and rotate the key if anybody else has seen the profile")
		return
	}
	document, _ := yamldoc.Strict(integration.Source)
	if document == nil {
		return
	}
	done := false
	document.Scalars(func(scalar *yamldoc.Value) {
		if _, stands := findKey([]byte(scalar.Text), key); stands && !done {
			refuse(audit.Position(scalar.Position))
			done = true
		}
	})
}

// findKey is the offset at which a key is found in text. One that is known by its digest is looked for as it is, others in every encoding.
func findKey(text []byte, key secret.Key) (int, bool) {
	if !key.Held() {
		sum, length := key.SHA256(), key.Len()
		for i := 0; i+length <= len(text); i++ {
			if sha256.Sum256(text[i:i+length]) == sum {
				return i, true
			}
		}
		return 0, false
	}
	for _, spelling := range secret.Spellings(key.Expose()) {
		if i := bytes.Index(text, spelling.Bytes); i >= 0 {
			return i, true
		}
	}
	return 0, false
}
