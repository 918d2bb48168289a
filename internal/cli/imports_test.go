package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/prelaunch-audit/prelaunch/"

// mayImport says, by pattern of a package, which other packages of this module it may import. The first pattern that matches counts.
// Configuration → probes → facts → policies → findings → report: a line of code belongs to one stage, and only auditor joins them.
var mayImport = []struct{ pattern, may string }{
	{"cmd/prelaunch", "internal/cli"},
	{"cmd/prelaunch-server", "internal/fleet"},
	{"internal/fleet", "internal/auditor internal/policy internal/report internal/fleet/database internal/fleet/notice internal/fleet/settings internal/fleet/web internal/fleet/work"},
	{"internal/fleet/work", "internal/audit internal/auditor internal/history internal/policy internal/report internal/runner internal/secret internal/fleet/*"},
	{"internal/fleet/source", "internal/audit internal/command internal/config internal/policy internal/yamldoc internal/yamldoc/shape internal/fleet/settings"},
	{"internal/fleet/settings", "internal/lazy internal/netprobe internal/secret internal/yamldoc/shape internal/fleet/schedule"},
	{"internal/fleet/findings", "internal/audit internal/history internal/report internal/fleet/database"},
	{"internal/fleet/lease", "internal/audit internal/fleet/database internal/fleet/schedule"},
	{"internal/fleet/schedule", ""},
	{"internal/fleet/database/databasetest", "internal/fleet/database"}, // for tests only
	{"internal/fleet/database", "internal/audit"},
	{"internal/cli", "internal/* internal/provider/delivery internal/yamldoc/shape probes probes/delivery probes/webhook probes/webhook/cases policies"},
	{"probes", "internal/audit probes/*"},
	{"probes/webhook/cases", "internal/provider"},
	{"probes/webhook/response", "internal/secret"},
	{"probes/webhook/send", "internal/audit internal/netprobe probes/webhook/cases probes/webhook/response"},
	{"probes/webhook", "internal/audit internal/secret internal/provider internal/provider/delivery internal/netprobe probes/webhook/*"},
	{"probes/delivery", "internal/audit internal/provider internal/provider/delivery"},
	{"probes/repositories/search", "internal/content internal/keyscan internal/keyscan/match internal/gitrepo internal/gitrepo/object"},
	{"probes/repositories", "internal/audit internal/secret internal/provider internal/content internal/keyscan internal/keyscan/match internal/gitrepo probes/repositories/search internal/lazy"},
	{"probes/*", "internal/audit internal/secret internal/provider internal/netprobe internal/tlsinspect internal/content internal/keyscan/match internal/keyscan internal/gitrepo internal/yamldoc internal/lazy"},
	{"policies", ""},
	{"internal/audit", "internal/secret internal/strictjson"},
	{"internal/audit/audittest", "internal/audit internal/secret"}, // for tests only
	{"internal/verdict", "internal/audit"},
	{"internal/secret", "internal/lazy"},
	{"internal/provider/delivery", "internal/provider internal/lazy"},
	{"internal/provider/providertest", "internal/provider"}, // for tests only
	{"internal/provider", "internal/audit internal/yamldoc internal/yamldoc/shape internal/lazy"},
	{"internal/yamldoc", "internal/lazy"},
	{"internal/yamldoc/shape", "internal/audit internal/secret internal/yamldoc internal/lazy"},
	{"internal/config", "internal/audit internal/secret internal/provider internal/provider/delivery internal/yamldoc internal/yamldoc/shape internal/lazy"},
	{"internal/auditor", "internal/audit internal/netprobe internal/policy internal/provider internal/report internal/runner internal/verdict probes policies"},
	{"internal/command", "internal/audit internal/secret"},
	{"internal/runner", "internal/audit internal/secret"},
	{"internal/netprobe", "internal/audit"},
	{"internal/tlsinspect", "internal/netprobe internal/lazy"},
	{"internal/policy", "internal/audit"},
	{"internal/report", "internal/lazy internal/audit internal/secret internal/strictjson internal/verdict"},
	{"internal/history", "internal/audit internal/report internal/strictjson internal/verdict"},
	{"internal/signoff", "internal/audit internal/report internal/history internal/strictjson internal/verdict"},
	{"internal/keyscan", "internal/audit internal/secret internal/content internal/keyscan/match"},
	{"internal/gitrepo", "internal/gitrepo/object"},
	{"internal/gitrepo/object", ""},
	{"internal/keyscan/match", ""},
	{"internal/sandbox", "internal/audit internal/secret internal/provider internal/sandbox/certs internal/sandbox/gitrepo internal/lazy"},
	{"internal/sandbox/behaviors", "internal/audit internal/provider internal/sandbox internal/sandbox/certs"}, // only tests and the benchmark import it
	{"internal/fleet/web", "internal/audit internal/lazy internal/provider internal/secret internal/report internal/history internal/signoff internal/netprobe internal/yamldoc/shape internal/fleet/database internal/fleet/login internal/fleet/settings"},
	{"internal/fleet/notice", "internal/audit internal/secret internal/netprobe internal/report internal/history internal/yamldoc/shape internal/fleet/database internal/fleet/settings"},
	{"internal/fleet/login", "internal/netprobe internal/secret"},
	{"internal/wording", ""}, // for tests only
	{"internal/*", ""},
	{"internal/*/*", ""},
	{"examples/benchmark", "internal/sandbox internal/sandbox/behaviors"},
	{"examples/*", ""},
	{"examples/*/*", ""},
}

// onlyImporter says which package alone may import a module, and what is below it.
var onlyImporter = map[string]string{
	"github.com/open-policy-agent/opa":    "internal/policy",
	"gopkg.in/yaml.v3":                    "internal/yamldoc",
	"github.com/spf13/cobra":              "internal/cli internal/fleet",
	"github.com/vbauerster/mpb":           "internal/cli",
	"github.com/secure-systems-lab":       "internal/signoff",
	"golang.org/x/crypto/ocsp":            "internal/tlsinspect internal/sandbox/certs",
	"github.com/coreos/go-oidc":           "internal/fleet/login",
	"github.com/prometheus/client_golang": "internal/fleet/web",
	"github.com/klauspost/compress/zstd":  "internal/content internal/fleet/database",
	"modernc.org/sqlite":                  "internal/fleet/database",
	"github.com/jackc/pgx":                "internal/fleet/database",
	"github.com/riverqueue":               "internal/fleet/database internal/fleet/work",
}

func TestImportDirections(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	architecture, err := os.ReadFile("../../.github/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	count := 0
	for decoder.More() {
		var listed struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&listed); err != nil {
			t.Fatal(err)
		}
		count++
		name := strings.TrimPrefix(listed.ImportPath, module)
		may, known := allowed(name)
		if !known {
			t.Errorf("%s stands in no room: add it to mayImport", name)
		}
		if named := regexp.MustCompile("[`/]" + path.Base(name) + `\b`); !named.Match(architecture) && !strings.HasPrefix(name, "examples/") {
			t.Errorf("%s is not in .github/ARCHITECTURE.md: say there what it is for", name)
		}
		for _, imported := range listed.Imports {
			if inside, ours := strings.CutPrefix(imported, module); ours {
				if !slices.ContainsFunc(may, func(pattern string) bool { return matches(pattern, inside) }) {
					t.Errorf("%s must not import %s", name, inside)
				}
				continue
			}
			if name == "internal/audit" && strings.Contains(imported, ".") {
				t.Errorf("internal/audit imports %s: the nouns need nothing but the standard library", imported)
			}
			for prefix, only := range onlyImporter {
				if strings.HasPrefix(imported, prefix) && !slices.Contains(strings.Fields(only), name) {
					t.Errorf("%s imports %s, which is for %s alone", name, imported, only)
				}
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d packages were looked at", count)
	}
}

// TestAuditorHasNoDatabase keeps the reviewer's program small: only the server keeps anything in a database or a queue.
func TestAuditorHasNoDatabase(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", module+"cmd/prelaunch").Output()
	if err != nil {
		t.Fatal(err)
	}
	for imported := range strings.Lines(string(out)) {
		for _, unwanted := range []string{"database/sql\n", "github.com/riverqueue/", "modernc.org/", "github.com/jackc/", module + "internal/fleet"} {
			if strings.HasPrefix(imported, unwanted) {
				t.Errorf("cmd/prelaunch imports %s", strings.TrimSpace(imported))
			}
		}
	}
	if !strings.Contains(string(out), module+"internal/cli\n") {
		t.Error("the imports of cmd/prelaunch were not listed")
	}
}

func allowed(name string) (may []string, known bool) {
	for _, rule := range mayImport {
		if matches(rule.pattern, name) {
			return strings.Fields(rule.may), true
		}
	}
	return nil, false
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}
