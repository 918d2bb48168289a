package policy

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

const metadata = `# METADATA
# title: A title
# custom:
#   id: %ID%
#   section: Section
#   items: [1]
#   level: required
#   severity: high
#   remediation: Mend it.
#   facts: [a.fact]
`

func checkModule(id, pkg, body string) string {
	return strings.ReplaceAll(metadata, "%ID%", id) + "package " + pkg + "\n\n" + body
}

const schema = `{"type":"object","properties":{"facts":{"type":"object","additionalProperties":false,"properties":{"a.fact":{"type":"array","items":{"type":"object","additionalProperties":false,"properties":{"n":{"type":"number"},"text":{"type":"string"}}}}}}}}`

func builtin(extra map[string]string) fstest.MapFS {
	files := fstest.MapFS{
		SchemaFile:   {Data: []byte(schema)},
		FamiliesFile: {Data: []byte("{}")},
		WordsFile:    {Data: []byte("{}")},
		"a/one.rego": {Data: []byte(checkModule("a.one", "prelaunch.checks.a.one", `import data.prelaunch.lib

findings contains lib.finding("pass", fact.text) if some fact in input.facts["a.fact"]
`))},
		"lib/lib.rego": {Data: []byte("package prelaunch.lib\n\nfinding(outcome, message) := {\"outcome\": outcome, \"message\": message, \"evidence\": {}}\n")},
	}
	for name, text := range extra {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func verdicts(t *testing.T, files fstest.MapFS, dirs []string, facts string) (map[string][]audit.Verdict, error) {
	t.Helper()
	library, err := Load(files, dirs)
	if err != nil {
		return nil, err
	}
	selection, err := library.Select(nil, nil)
	if err != nil {
		return nil, err
	}
	judge, err := library.Compile(t.Context(), selection)
	if err != nil {
		return nil, err
	}
	return judge.Verdicts(t.Context(), []byte(facts))
}

func userPolicies(t *testing.T, files map[string]string) []string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{dir}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	got, err := verdicts(t, builtin(nil), nil, `{"facts":{"a.fact":[{"text":"seen","n":12345678901234567890}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	if len(got["a.one"]) != 1 || got["a.one"][0].Outcome != audit.Pass || got["a.one"][0].Message != "seen" {
		t.Errorf("got %+v", got)
	}
}

// TestWhatIsNoVerdictProvesNothing: an undefined set, a member of another shape, a conflict at run time.
func TestWhatIsNoVerdictProvesNothing(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no outcome":      `findings contains {"message": "m"} if true`,
		"unknown outcome": `findings contains {"outcome": "passed", "message": "m"} if true`,
		"waived":          `findings contains {"outcome": "waived", "message": "m"} if true`,
		"a string":        `findings contains "pass" if true`,
		"unknown member":  `findings contains {"outcome": "pass", "message": "m", "verdict": 1} if true`,
		"no such basis":   `findings contains {"outcome": "pass", "message": "m", "basis": "guessed"} if true`,
		"no such place":   `findings contains {"outcome": "pass", "message": "m", "environment": "staging"} if true`,
		"no message":      `findings contains {"outcome": "pass"} if true`,
		"conflict": `p := 1 if input.facts
p := 2 if input.facts
findings contains {"outcome": "pass", "message": "m"} if p == 1`,
		"builtin error": `findings contains {"outcome": "pass", "message": "m"} if 1 / (count(input.facts["a.fact"]) - 1) >= 0`,
	} {
		got, err := verdicts(t, builtin(map[string]string{"a/two.rego": checkModule("a.two", "prelaunch.checks.a.two", body)}), nil,
			`{"facts":{"a.fact":[{"text":"seen"}]}}`)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got["a.two"]) != 1 || got["a.two"][0].Outcome != audit.Inconclusive {
			t.Errorf("%s: %+v", name, got["a.two"])
		}
		if len(got["a.one"]) != 1 || got["a.one"][0].Outcome != audit.Pass {
			t.Errorf("%s takes the other check down: %+v", name, got["a.one"])
		}
	}
}

func TestRefusedPolicies(t *testing.T) {
	t.Parallel()
	own := `findings contains {"outcome": "pass", "message": "m"} if true`
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"reserved package":   {map[string]string{"x.rego": "package prelaunch.lib\n\nx := 1\n"}, "reserved"},
		"reserved root":      {map[string]string{"x.rego": "package prelaunch\n\nx := 1\n"}, "reserved"},
		"double id":          {map[string]string{"x.rego": checkModule("a.one", "acme.checks.one", own)}, "declared twice"},
		"shared package":     {map[string]string{"x.rego": checkModule("x.one", "acme.c", own), "y.rego": checkModule("x.two", "acme.c", own)}, "share the package"},
		"http":               {map[string]string{"x.rego": checkModule("x.one", "acme.c", `findings contains http.send({}) if true`)}, "undefined function http.send"},
		"environment":        {map[string]string{"x.rego": checkModule("x.one", "acme.c", `findings contains opa.runtime() if true`)}, "undefined function opa.runtime"},
		"clock":              {map[string]string{"x.rego": checkModule("x.one", "acme.c", `findings contains time.now_ns() if true`)}, "undefined function time.now_ns"},
		"dns":                {map[string]string{"x.rego": checkModule("x.one", "acme.c", `findings contains net.lookup_ip_addr("a") if true`)}, "undefined function net.lookup_ip_addr"},
		"misspelt fact":      {map[string]string{"x.rego": checkModule("x.one", "acme.c", `findings contains f if some f in input.facts["b.fact"]`)}, "undefined ref"},
		"syntax":             {map[string]string{"x.rego": "package acme\n\nx := \n"}, "x.rego"},
		"unknown custom key": {map[string]string{"x.rego": strings.Replace(checkModule("x.one", "acme.c", own), "#   facts:", "#   fact:", 1)}, "unknown field"},
		"no title":           {map[string]string{"x.rego": strings.Replace(checkModule("x.one", "acme.c", own), "# title: A title\n", "", 1)}, "title is missing"},
		"level":              {map[string]string{"x.rego": strings.Replace(checkModule("x.one", "acme.c", own), "required", "must", 1)}, "custom.level"},
		"severity":           {map[string]string{"x.rego": strings.Replace(checkModule("x.one", "acme.c", own), "high", "bad", 1)}, "custom.severity"},
		"no id":              {map[string]string{"x.rego": strings.Replace(checkModule("x.one", "acme.c", own), "#   id: x.one\n", "", 1)}, "x.rego has findings and no check"},
		"no metadata":        {map[string]string{"x.rego": "package acme.c\n\n" + own + "\n"}, "x.rego has findings and no check"},
		"helpers only":       {map[string]string{"x.rego": "package acme.c\n\nx := 1\n"}, "no check is declared"},
		"unknown fact":       {map[string]string{"x.rego": strings.Replace(checkModule("x.one", "acme.c", own), "[a.fact]", "[b.fact]", 1)}, `no facts "b.fact"; there are a.fact`},
		"empty folder":       {map[string]string{"readme.txt": "x"}, "holds no policy"},
	} {
		_, err := verdicts(t, builtin(nil), userPolicies(t, test.files), `{"facts":{"a.fact":[]}}`)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
	if _, err := Load(fstest.MapFS{SchemaFile: {Data: []byte(schema)}, FamiliesFile: {Data: []byte("{}")}}, nil); err == nil {
		t.Error("an empty library is no error")
	}
	if _, err := Load(builtin(nil), []string{filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a missing folder is no error")
	}
}

func TestUserPolicyIsJudgedBesideTheBuiltIn(t *testing.T) {
	t.Parallel()
	dirs := userPolicies(t, map[string]string{"x.rego": checkModule("x.one", "acme.checks.one", `import data.prelaunch.lib

findings contains lib.finding("fail", "m") if count(input.facts["a.fact"]) == 0
`), "x_test.rego": "package acme.checks.one_test\n\ntest_x if false\n"})
	got, err := verdicts(t, builtin(nil), dirs, `{"facts":{"a.fact":[]}}`)
	if err != nil {
		t.Fatal(err)
	}
	if len(got["x.one"]) != 1 || got["x.one"][0].Outcome != audit.Fail {
		t.Errorf("got %+v", got)
	}
}

// TestUserPolicyWithoutEnd: it is inconclusive, and the others are judged.
func TestUserPolicyWithoutEnd(t *testing.T) {
	t.Parallel()
	dirs := userPolicies(t, map[string]string{"x.rego": checkModule("x.one", "acme.checks.one", `findings contains {"outcome": "pass", "message": "m"} if {
	some a in numbers.range(1, 10000)
	some b in numbers.range(1, 10000)
	some c in numbers.range(1, 10000)
	a + b + c < 0
}
`)})
	library, err := Load(builtin(nil), dirs)
	if err != nil {
		t.Fatal(err)
	}
	judge := judgeOf(t, library)
	judge.limit = 2 * time.Second
	got, err := judge.Verdicts(t.Context(), []byte(`{"facts":{"a.fact":[{"text":"seen"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(got["x.one"]) != 1 || got["x.one"][0].Outcome != audit.Inconclusive || !strings.Contains(got["x.one"][0].Message, "no end in time") {
		t.Errorf("the endless check: %+v", got["x.one"])
	}
	if len(got["a.one"]) != 1 || got["a.one"][0].Outcome != audit.Pass {
		t.Errorf("the other check: %+v", got["a.one"])
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := judge.Verdicts(stopped, []byte(`{"facts":{}}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("when interrupted: %v", err)
	}
}

// TestFolderAsKubernetesMountsIt: a volume shows each file as a link into a folder that lies beside it.
func TestFolderAsKubernetesMountsIt(t *testing.T) {
	t.Parallel()
	dir := userPolicies(t, nil)[0]
	if err := os.Mkdir(filepath.Join(dir, "..2026_11_24"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := checkModule("x.one", "acme.checks.one", `findings contains {"outcome": "pass", "message": "m"} if true`)
	if err := os.WriteFile(filepath.Join(dir, "..2026_11_24", "x.rego"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"..data": "..2026_11_24", "x.rego": filepath.Join("..data", "x.rego")} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := verdicts(t, builtin(nil), []string{dir}, `{"facts":{"a.fact":[]}}`)
	if err != nil || len(got["x.one"]) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	two := `findings contains {"outcome": "pass", "message": "m"} if true`
	library, err := Load(builtin(map[string]string{"b/two.rego": strings.Replace(checkModule("b.two", "prelaunch.checks.b.two", two), "required", "recommended", 1)}), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		only, skip []string
		want       string
		partial    bool
		fails      string
	}{
		{want: "a.one b.two"},
		{only: []string{"a.*"}, want: "a.one"},
		{only: []string{"b.*"}, want: "b.two", partial: true},
		{skip: []string{"b.two"}, want: "a.one"},
		{skip: []string{"a.one"}, want: "b.two", partial: true},
		{only: []string{"c.*"}, fails: "no check matches"},
		{skip: []string{"c.*"}, fails: "no check matches"},
		{skip: []string{"*"}, fails: "no check is selected"},
		{only: []string{"[a"}, fails: "no pattern"},
	} {
		selection, err := library.Select(test.only, test.skip)
		if test.fails != "" {
			if err == nil || !strings.Contains(err.Error(), test.fails) {
				t.Errorf("%v %v: error %v, want %q", test.only, test.skip, err, test.fails)
			}
			continue
		}
		var ids []string
		for _, check := range selection.Checks {
			ids = append(ids, check.ID)
		}
		if err != nil || strings.Join(ids, " ") != test.want || selection.Partial != test.partial {
			t.Errorf("%v %v: %v partial %v error %v", test.only, test.skip, ids, selection.Partial, err)
		}
	}
}

func TestDigestDependsOnTheText(t *testing.T) {
	t.Parallel()
	one, err := Load(builtin(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Load(builtin(map[string]string{"lib/more.rego": "package prelaunch.more\n\nx := 1\n"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(builtin(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	if one.Digest() == two.Digest() || one.Digest() != again.Digest() {
		t.Error("the digest is not one of the policies' text")
	}
}

// TestHostileFacts: whatever the facts are, verdicts or an error come out.
func FuzzVerdicts(f *testing.F) {
	for _, seed := range []string{`{}`, `{"facts":null}`, `{"facts":{"a.fact":[{"text":1}]}}`, `[]`, `{"facts":{"a.fact":"x"}}`, `1e999`, "\xff"} {
		f.Add([]byte(seed))
	}
	library, err := Load(builtin(nil), nil)
	if err != nil {
		f.Fatal(err)
	}
	selection, err := library.Select(nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	judge, err := library.Compile(f.Context(), selection)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, facts []byte) {
		got, err := judge.Verdicts(t.Context(), facts)
		if err != nil {
			return
		}
		for _, list := range got {
			for _, verdict := range list {
				if verdict.Outcome == audit.Pass && !json.Valid(facts) {
					t.Error("a pass out of facts that are no JSON")
				}
			}
		}
	})
}

func TestReflow(t *testing.T) {
	t.Parallel()
	got := reflow("one\ntwo\n\nthree\n- four\n- five\n  six\nseven\n")
	if want := "one two\n\nthree\n- four\n- five\n  six seven"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// judgeOf compiles every check of a library.
func judgeOf(t *testing.T, library *Library) *Judge {
	t.Helper()
	selection, err := library.Select(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	judge, err := library.Compile(t.Context(), selection)
	if err != nil {
		t.Fatal(err)
	}
	return judge
}
