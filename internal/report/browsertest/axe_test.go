package browsertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// tool is a file of the npm packages axe-core and vnu-jar, as .ci/run installs them next to this module.
func tool(t *testing.T, path ...string) string {
	t.Helper()
	file := filepath.Join(append([]string{"node_modules"}, path...)...)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("%s is not installed: run npm ci in this directory", path[0])
	}
	return file
}

// options are with a history, which only the sample has.
func options(t *testing.T, name string) report.Options {
	if name == "sample" {
		return report.Options{Earlier: earlier(t)}
	}
	return report.Options{}
}

// TestAxe: axe-core finds nothing against WCAG 2.2 AA and its own best practices.
func TestAxe(t *testing.T) {
	source, err := os.ReadFile(tool(t, "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"light", "dark"} {
		for name, make := range map[string]func(*testing.T) *audit.Report{"sample": sample, "attacked": attacked} {
			b := newBrowser(t)
			b.media(t, "", scheme)
			b.do(t, chromedp.Navigate("about:blank"))
			b.open(t, make(t), options(t, name))
			b.do(t, chromedp.Evaluate[chromedp.Void](`for (const d of document.querySelectorAll("details")) d.open = true`))
			b.do(t, chromedp.Evaluate[chromedp.Void](string(source)+";window.axe.run().then(r => window.found = r.passes.length < 10 ? ['axe-core applied few rules'] : r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).slice(0, 3).join(', ')))"))
			b.do(t, chromedp.Poll[chromedp.Void](`window.found !== undefined`))
			if found := js[[]string](t, b, `window.found`); len(found) > 0 {
				t.Errorf("%s, %s:\n%s", name, scheme, strings.Join(found, "\n"))
			}
		}
	}
}

// TestVnu: the Nu HTML checker finds nothing.
func TestVnu(t *testing.T) {
	jar := tool(t, "vnu-jar", "build", "dist", "vnu.jar")
	if _, err := exec.LookPath("java"); err != nil {
		t.Skip("java is not installed")
	}
	args := []string{"-jar", jar, "--format", "gnu"}
	for name, make := range map[string]func(*testing.T) *audit.Report{"sample": sample, "attacked": attacked} {
		path := filepath.Join(t.TempDir(), name+".html")
		if err := report.WriteFile(path, "html", make(t), options(t, name)); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	if output, err := exec.CommandContext(t.Context(), "java", args...).CombinedOutput(); err != nil || len(output) > 0 {
		t.Errorf("%v\n%s", err, output)
	}
}
