// Package policy reads, compiles and evaluates the Rego that judges facts. It is the only importer of OPA.
//
// The rules of a policy directory:
//   - A check is a module whose package carries METADATA with custom.id; its verdicts are the members of its set "findings".
//   - Modules without custom.id are shared helpers. One that has a set "findings" all the same is a mistake: nobody would judge by it.
//   - Directories whose name begins with a dot are left out: a Kubernetes volume keeps a second copy of its files in one.
//   - Built-in modules live under the package prelaunch, a user's anywhere else; ids are unique over all of them.
//   - No builtin that reaches the network, the environment or the clock exists: the same facts give the same verdicts for ever.
package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// SchemaFile is where in the built-in policies the JSON Schema of the facts lies.
const SchemaFile = "schema/facts.json"

// FamiliesFile is where the words for the families of test cases are. Policies read them as
// data.prelaunch.families.
const FamiliesFile = "schema/families.json"

// WordsFile is where the words are that texts of checks have in place of {{word}} where a profile has
// none of its own.
const WordsFile = "schema/words.json"

// builtinPackage is the package under which the built-in modules live.
const builtinPackage = "prelaunch"

// Bounds of a user's policies.
const (
	maxModule  = 1 << 20 // bytes of a file
	maxModules = 1000    // files of a directory
)

// Library is every parsed module with the catalogue of checks that they declare.
type Library struct {
	checks  []check // in the order of the report
	helpers []module
	schema  any
	data    map[string]any // what policies read as data
	words   map[string]string
	digest  string
}

// Load parses the built-in modules and those in the user's directories. The digests are of what else verdicts
// follow from.
func Load(builtin fs.FS, userDirs []string, digests ...string) (*Library, error) {
	l := &Library{}
	digest := sha256.New()
	for _, other := range digests {
		fmt.Fprintln(digest, other)
	}
	var problems []error
	for _, dir := range userDirs { // first, so that a mistake in them is told before anything else
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("read the policies in %s: not a readable directory", dir)
		}
		found, err := l.read(os.DirFS(dir), dir, true, digest)
		problems = append(problems, err)
		if err == nil && found == 0 {
			problems = append(problems, fmt.Errorf("%s holds no policy (no .rego file)", dir))
		}
	}
	_, err := l.read(builtin, "", false, digest)
	if err := errors.Join(append(problems, err)...); err != nil {
		return nil, err
	}
	schema, err := fs.ReadFile(builtin, SchemaFile)
	if err != nil {
		return nil, fmt.Errorf("read the schema of the facts: %w", err)
	}
	if err := json.Unmarshal(schema, &l.schema); err != nil {
		return nil, fmt.Errorf("read the schema of the facts: %w", err)
	}
	var families any
	for _, file := range []struct {
		name  string
		value any
	}{{FamiliesFile, &families}, {WordsFile, &l.words}} {
		text, err := fs.ReadFile(builtin, file.name)
		if err == nil {
			err = json.Unmarshal(text, file.value)
		}
		if err != nil {
			return nil, fmt.Errorf("read the words of the policies: %s: %w", file.name, err)
		}
		fmt.Fprintf(digest, "%s %d\n%s\n", file.name, len(text), text)
	}
	l.data = map[string]any{builtinPackage: map[string]any{"families": families}}
	l.digest = "sha256:" + hex.EncodeToString(digest.Sum(nil))
	slices.SortStableFunc(l.checks, func(a, b check) int {
		return cmp.Or(boolOrder(a.user, b.user), cmp.Compare(a.order, b.order), cmp.Compare(a.info.ID, b.info.ID))
	})
	if len(l.checks) == 0 {
		return nil, errors.New("no policy was loaded")
	}
	if len(userDirs) > 0 && !slices.ContainsFunc(l.checks, func(c check) bool { return c.user }) {
		return nil, fmt.Errorf("no check is declared in %s: declare one in METADATA above the package line, with title and custom.id", strings.Join(userDirs, ", "))
	}
	return l, errors.Join(l.unique(), l.knownFacts(), l.knownWords())
}

// knownFacts holds what checks say that they read against the schema of the facts: a check that waits for facts of another name would
// never be told that they were not checked.
func (l *Library) knownFacts() error {
	var schema struct {
		Properties struct {
			Facts struct {
				Properties map[string]any `json:"properties"`
			} `json:"facts"`
		} `json:"properties"`
	}
	raw, err := json.Marshal(l.schema)
	if err == nil {
		err = json.Unmarshal(raw, &schema)
	}
	if err != nil {
		return fmt.Errorf("read the schema of the facts: %w", err)
	}
	kinds := schema.Properties.Facts.Properties
	var problems []error
	for _, check := range l.checks {
		for _, kind := range check.info.Facts {
			if _, known := kinds[kind]; !known {
				problems = append(problems, fmt.Errorf("%s: METADATA: custom.facts: there are no facts %q; there are %s", check.file, kind, strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")))
			}
		}
	}
	return errors.Join(problems...)
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func (l *Library) read(files fs.FS, root string, user bool, digest io.Writer) (found int, err error) {
	var problems []error
	walk := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), ".") {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".rego") || strings.HasSuffix(name, "_test.rego") {
			return nil
		}
		shown := name
		if user { // never the name of a built-in module
			shown = strings.TrimSuffix(root, "/") + "/" + name
		}
		if found == maxModules {
			problems = append(problems, fmt.Errorf("%s holds more than %d policies", root, maxModules))
			return fs.SkipAll
		}
		if info, err := fs.Stat(files, name); err != nil || !info.Mode().IsRegular() || info.Size() > maxModule {
			problems = append(problems, fmt.Errorf("read %s: not a readable file of at most %d bytes", shown, maxModule))
			return nil
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			problems = append(problems, fmt.Errorf("read %s: %w", shown, err))
			return nil
		}
		found++
		fmt.Fprintf(digest, "%s %d\n%s\n", name, len(text), text)
		if err := l.parse(shown, string(text), user); err != nil {
			problems = append(problems, err)
		}
		return nil
	})
	return found, errors.Join(append(problems, walk)...)
}

func parserOptions() ast.ParserOptions {
	return ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1, Capabilities: capabilities()}
}

func (l *Library) parse(file, text string, user bool) error {
	parsed, err := ast.ParseModuleWithOpts(file, text, parserOptions())
	if err != nil {
		return fmt.Errorf("parse the policy: %w", err)
	}
	segments := packageSegments(parsed)
	if user && (len(segments) == 0 || segments[0] == builtinPackage) {
		return fmt.Errorf("%s: the package %s is reserved for the built-in policies: choose a name of your own, such as `package acme.checks.NAME`", file, builtinPackage)
	}
	m := module{file: file, text: text, parsed: parsed, user: user}
	for _, annotation := range parsed.Annotations {
		if annotation.Scope != "package" {
			continue
		}
		if _, isCheck := annotation.Custom["id"]; !isCheck {
			continue
		}
		one, err := newCheck(m, annotation)
		if err != nil {
			return fmt.Errorf("%s: METADATA: %w", file, err)
		}
		l.checks = append(l.checks, one)
		return nil
	}
	if user && slices.ContainsFunc(parsed.Rules, func(rule *ast.Rule) bool { return rule.Head.Name == "findings" }) {
		return fmt.Errorf("%s has findings and no check to show them under: declare one in METADATA above the package line, with title and custom.id", file)
	}
	l.helpers = append(l.helpers, m)
	return nil
}

func packageSegments(parsed *ast.Module) []string {
	var segments []string
	for _, term := range parsed.Package.Path[1:] {
		if text, ok := term.Value.(ast.String); ok {
			segments = append(segments, string(text))
		}
	}
	return segments
}

func (l *Library) unique() error {
	ids, packages := map[string]string{}, map[string]string{}
	for _, check := range l.checks {
		if other, double := ids[check.info.ID]; double {
			return fmt.Errorf("the check %s is declared twice, in %s and in %s", check.info.ID, other, check.file)
		}
		ids[check.info.ID] = check.file
		name := check.parsed.Package.Path.String()
		if other, double := packages[name]; double {
			return fmt.Errorf("%s and %s share the package %s: a check needs one of its own", other, check.file, name)
		}
		packages[name] = check.file
	}
	return nil
}

// Digest is "sha256:" and a digest over every module, and over the digests that Load was given.
func (l *Library) Digest() string { return l.digest }

// HasUserPolicies reports whether modules in addition to the built-in ones were loaded.
func (l *Library) HasUserPolicies() bool {
	return slices.ContainsFunc(l.helpers, func(m module) bool { return m.user }) || slices.ContainsFunc(l.checks, func(c check) bool { return c.user })
}

// Checks is the catalogue, in the order of the report: every check, in words that suit any provider, or
// where the library is For a profile, those that it has, in its words.
func (l *Library) Checks() []audit.CheckInfo {
	infos := make([]audit.CheckInfo, len(l.checks))
	for i, check := range l.checks {
		infos[i] = l.described(check)
	}
	return infos
}
