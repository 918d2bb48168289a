package policies_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"encoding/json"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/prelaunch-audit/prelaunch/policies"
)

func modules(t *testing.T) map[string]*ast.Module {
	t.Helper()
	parsed := map[string]*ast.Module{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".rego") {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		module, err := ast.ParseModuleWithOpts(name, string(text), ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		if err != nil {
			return err
		}
		parsed[name] = module
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func compiler(t *testing.T) *ast.Compiler {
	t.Helper()
	raw, err := policies.FS.ReadFile("schema/facts.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, schema)
	return ast.NewCompiler().WithStrict(true).WithSchemas(schemas).WithUseTypeCheckAnnotations(true).WithEnablePrintStatements(true)
}

// store holds what the policies read as data.
func store(t *testing.T) storage.Store {
	t.Helper()
	raw, err := policies.FS.ReadFile("schema/families.json")
	if err != nil {
		t.Fatal(err)
	}
	var families any
	if err := json.Unmarshal(raw, &families); err != nil {
		t.Fatal(err)
	}
	return inmem.NewFromObject(map[string]any{"prelaunch": map[string]any{"families": families}})
}

// TestRego runs every test_ rule and wants each line of every policy covered.
func TestRego(t *testing.T) {
	t.Parallel()
	parsed := modules(t)
	coverage := cover.New()
	runner := tester.NewRunner().SetCompiler(compiler(t)).SetStore(store(t)).SetModules(parsed).SetCoverageQueryTracer(coverage).
		CapturePrintOutput(true).RaiseBuiltinErrors(true)
	results, err := runner.RunTests(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for result := range results {
		count++
		if !result.Pass() {
			t.Errorf("%s %s.%s: fail %v error %v\n%s", result.Location, result.Package, result.Name, result.Fail, result.Error, result.Output)
		}
	}
	if count == 0 {
		t.Fatal("no Rego test ran")
	}
	report := coverage.Report(parsed)
	for file, covered := range report.Files {
		if strings.HasSuffix(file, "_test.rego") {
			continue
		}
		for _, missed := range covered.NotCovered {
			t.Errorf("%s:%d-%d is not covered by a test", file, missed.Start.Row, missed.End.Row)
		}
	}
	t.Logf("%d Rego tests", count)
}

// TestEachCheckCanPassFailAndBeInconclusive looks for a test of each outcome beside every check. A recommended check fails as a warning.
func TestEachCheckCanPassFailAndBeInconclusive(t *testing.T) {
	t.Parallel()
	for file, module := range modules(t) {
		id := checkID(module)
		if id == "" || strings.HasSuffix(file, "_test.rego") {
			continue
		}
		text, err := os.ReadFile(strings.TrimSuffix(file, ".rego") + "_test.rego")
		if err != nil {
			t.Errorf("%s has no test: %v", id, err)
			continue
		}
		for _, outcome := range []string{"pass", "fail", "inconclusive"} {
			alternatives := outcome
			if outcome == "fail" {
				alternatives = "(fail|warn)"
			}
			if !regexp.MustCompile(`(?m)^test_` + alternatives + `(_[a-z0-9_]+)? if`).Match(text) {
				t.Errorf("%s: no rule test_%s… shows that it can come out so", id, outcome)
			}
		}
	}
}

// TestFilesAreWhereTheirCheckSays holds the path of a file to its id: policies/AREA/NAME.rego, package prelaunch.checks.AREA.NAME.
func TestFilesAreWhereTheirCheckSays(t *testing.T) {
	t.Parallel()
	for file, module := range modules(t) {
		id := checkID(module)
		if id == "" {
			continue
		}
		area, name, _ := strings.Cut(id, ".")
		under := strings.NewReplacer("-", "_")
		wantFile := filepath.Join(strings.ReplaceAll(area, "-", ""), under.Replace(name)+".rego")
		wantPackage := fmt.Sprintf("data.prelaunch.checks.%s.%s", under.Replace(area), under.Replace(name))
		if file != wantFile || module.Package.Path.String() != wantPackage {
			t.Errorf("%s: lies in %s as %s, want %s as %s", id, file, module.Package.Path, wantFile, wantPackage)
		}
	}
}

// TestEachCheckHasAPlaceOfItsOwn keeps two checks from sharing a place in the catalogue, whose order would then be that of their names.
func TestEachCheckHasAPlaceOfItsOwn(t *testing.T) {
	t.Parallel()
	places := map[string]string{}
	for _, module := range modules(t) {
		id := checkID(module)
		if id == "" {
			continue
		}
		for _, annotation := range module.Annotations {
			place, declared := annotation.Custom["order"]
			if !declared {
				continue
			}
			if other, taken := places[fmt.Sprint(place)]; taken {
				t.Errorf("%s and %s have the order %v", other, id, place)
			}
			places[fmt.Sprint(place)] = id
		}
	}
}

// TestEachCheckNamesItsWeaknesses requires lists of CWE and ASVS 5.0 identifiers of every check, and that
// those of a check about security are not empty. The others are about the integration doing its work.
func TestEachCheckNamesItsWeaknesses(t *testing.T) {
	t.Parallel()
	functional := []string{
		"webhook.accepts-genuine", "deployment-centre.webhook-registered", "redirects.production-configured",
		"deployment-centre.redirects-registered", "network.ip-allowlist", "webhook.accepts-rotation", "webhook.answers-in-time",
	}
	pattern := map[string]*regexp.Regexp{
		"cwe":        regexp.MustCompile(`^CWE-[1-9][0-9]*$`),
		"owasp_asvs": regexp.MustCompile(`^v5\.0\.0-[0-9]+\.[0-9]+\.[0-9]+$`),
	}
	for _, module := range modules(t) {
		id := checkID(module)
		for _, annotation := range module.Annotations {
			if id == "" || annotation.Scope != "package" {
				continue
			}
			for key, pattern := range pattern {
				list, declared := annotation.Custom[key].([]any)
				if !declared {
					t.Errorf("%s has no list %s", id, key)
				}
				if key == "cwe" && len(list) == 0 && !slices.Contains(functional, id) {
					t.Errorf("%s names no CWE", id)
				}
				for _, one := range list {
					if !pattern.MatchString(fmt.Sprint(one)) {
						t.Errorf("%s: %s: %v is not an identifier", id, key, one)
					}
				}
			}
		}
	}
}

// TestForgeriesAreReadByTheirChecks: what a receiver must reject is named in the check that a family of it names, or in a library
// that the check imports. A family that no check reads would be sent, accepted and passed.
func TestForgeriesAreReadByTheirChecks(t *testing.T) {
	t.Parallel()
	raw, err := policies.FS.ReadFile("schema/families.json")
	if err != nil {
		t.Fatal(err)
	}
	var families map[string]struct {
		Accepted string
		Checks   []string
	}
	if err := json.Unmarshal(raw, &families); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{} // by check, with the libraries that it imports
	parsed := modules(t)
	for _, module := range parsed {
		if id := checkID(module); id != "" {
			texts[id] = module.String()
			for _, imported := range module.Imports {
				for _, other := range parsed {
					if other.Package.Path.String() == imported.Path.String() {
						texts[id] += other.String()
					}
				}
			}
		}
	}
	for id, family := range families {
		for _, check := range family.Checks {
			if family.Accepted != "" && !strings.Contains(texts[check], strconv.Quote(id)) {
				t.Errorf("%s does not read the family %s, which names it", check, id)
			}
		}
	}
}

func checkID(module *ast.Module) string {
	for _, annotation := range module.Annotations {
		if id, ok := annotation.Custom["id"].(string); ok && annotation.Scope == "package" {
			return id
		}
	}
	return ""
}

// TestRegoIsFormatted holds every file to OPA's own formatter.
func TestRegoIsFormatted(t *testing.T) {
	t.Parallel()
	for file := range modules(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		formatted, err := format.SourceWithOpts(file, text, format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, formatted) {
			if os.Getenv("UPDATE_REGO") != "" {
				if err := os.WriteFile(file, formatted, 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			t.Errorf("%s is not formatted; UPDATE_REGO=1 go test ./policies formats it", file)
		}
	}
}

// TestMisspeltFactDoesNotCompile shows that the type check is on.
func TestMisspeltFactDoesNotCompile(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"kind":    `input.facts["key.pairs"][_]`,
		"member":  `input.facts["key.pair"][_].sane`,
		"top":     `input.integrations`,
		"scope":   `input.scope.proving`,
		"declare": `input.integration.environments[_].webhook`,
	} {
		c := compiler(t)
		c.Compile(map[string]*ast.Module{"x.rego": ast.MustParseModuleWithOpts("package x\n\nr if "+text, ast.ParserOptions{RegoVersion: ast.RegoV1})})
		if !c.Failed() {
			t.Errorf("%s: %s compiles", name, text)
		}
	}
}
