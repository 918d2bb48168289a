package cli_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// A bundle can be handed on: it has the outcomes, and none of the names.
func TestBundleHoldsNoNames(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.PairOptions{Probing: map[string]string{audit.Test: audit.Passive, audit.Production: audit.Passive}})
	configuration, err := os.ReadFile(s.File)
	if err != nil {
		t.Fatal(err)
	}
	configuration = append(configuration, "\nauthorized: {by: jane@acme.example, on: 2026-11-01, reference: Project Bluebird}\n"...)
	if err := os.WriteFile(s.File, configuration, 0o600); err != nil {
		t.Fatal(err)
	}
	report, facts := filepath.Join(s.Dir, "report.json"), filepath.Join(s.Dir, "facts.json")
	if code, _, stderr := s.audit("-o", "json="+report, "-o", "facts="+facts); code != 3 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	pack := func(name string) []byte {
		t.Helper()
		to := filepath.Join(t.TempDir(), name)
		if code, stdout, stderr := s.call(t.Context(), "bundle", report, "--facts", facts, "--to", to); code != 0 || stdout != "" {
			t.Fatalf("exit %d: %s%s", code, stdout, stderr)
		}
		packed, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		return packed
	}
	packed := pack("a.zip")
	if !bytes.Equal(packed, pack("b.zip")) {
		t.Error("packed twice, it differs")
	}
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, file := range archive.File {
		opened, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[file.Name], err = io.ReadAll(opened); err != nil {
			t.Fatal(err)
		}
	}
	var original, bundled audit.Report
	raw, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		raw  []byte
		into *audit.Report
	}{{raw, &original}, {files["report.json"], &bundled}} {
		if err := json.Unmarshal(one.raw, one.into); err != nil {
			t.Fatal(err)
		}
	}
	if bundled.Summary != original.Summary || len(bundled.Checks) != len(original.Checks) || bundled.PolicyDigest != original.PolicyDigest {
		t.Errorf("it says something else than the report: %+v of %s, and %+v of %s", bundled.Summary, bundled.PolicyDigest, original.Summary, original.PolicyDigest)
	}
	for i, check := range original.Checks {
		if bundled.Checks[i].ID != check.ID || bundled.Checks[i].Outcome != check.Outcome || len(bundled.Checks[i].Findings) != len(check.Findings) {
			t.Errorf("%s is %+v", check.ID, bundled.Checks[i])
		}
	}
	for _, name := range []string{"report.json", "facts.json"} {
		for _, secret := range []string{original.Integration, "acme.example", "127.0.0.1", "jane", "Bluebird", "ca.pem", s.Dir, "1234567890987654321"} {
			if strings.Contains(string(files[name]), secret) {
				at := bytes.Index(files[name], []byte(secret))
				t.Errorf("%s holds %s: %s", name, secret, files[name][max(0, at-80):min(len(files[name]), at+80)])
			}
		}
	}
	if !bytes.Contains(files["versions.json"], []byte(original.PolicyDigest)) || len(files["README.txt"]) == 0 {
		t.Errorf("versions: %s", files["versions.json"])
	}
}
