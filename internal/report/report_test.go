package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

var update = flag.Bool("update", false, "write the golden files")

// maxGolden is how many bytes of an output a golden file spells out; of the rest it holds the
// digest.
const maxGolden = 30_000

// golden compares got with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if len(got) > maxGolden {
		rest := got[maxGolden:]
		got = fmt.Appendf(slices.Clone(got[:maxGolden]), "\n… and %d bytes more, %s\n", len(rest), audit.Digest(rest))
	}
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run the test with -update", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); if that is meant, run the test with -update:\n%.4000s", path, diff)
	}
}

func render(t *testing.T, format string, r *audit.Report, o Options) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, format, r, o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func reports(t testing.TB) map[string]*audit.Report {
	return map[string]*audit.Report{"sample": sampleReport(t), "awkward": awkwardReport(t), "empty": emptyReport(t)}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, r := range reports(t) {
		for _, format := range Formats {
			t.Run(name+"/"+format.Name, func(t *testing.T) {
				golden(t, name+format.Extension+suffix(format), render(t, format.Name, r, Options{Redactor: sampleRedactor()}))
			})
		}
	}
}

// suffix tells golden files of formats apart that share an extension.
func suffix(f Format) string {
	if "."+f.Name == f.Extension {
		return ""
	}
	return "." + f.Name
}

// TestNoFormatLeaksKeysOrControls holds what every format promises, whatever its escaping.
func TestNoFormatLeaksKeysOrControls(t *testing.T) {
	t.Parallel()
	for name, r := range reports(t) {
		for _, format := range Formats {
			for _, width := range map[bool][]int{true: {0, 60, 80, 200}, false: {0}}[format.Name == "table"] {
				out := render(t, format.Name, r, Options{Redactor: sampleRedactor(), Width: width})
				if bytes.Contains(out, []byte(sampleKey)) {
					t.Errorf("%s as %s: holds the key", name, format.Name)
				}
				if !utf8.Valid(out) {
					t.Errorf("%s as %s: is not UTF-8", name, format.Name)
				}
				if at := strings.IndexFunc(string(out), func(c rune) bool {
					return c != '\n' && (unicode.Is(unicode.Cc, c) || unicode.Is(unicode.Bidi_Control, c) || c == '\ufeff' || c == '\u2028')
				}); at >= 0 {
					t.Errorf("%s as %s: holds a control character: %q", name, format.Name, out[max(0, at-20):min(len(out), at+20)])
				}
			}
		}
	}
}

func TestWriteRefusesUnknownFormat(t *testing.T) {
	t.Parallel()
	err := Write(&bytes.Buffer{}, "pdf", sampleReport(t), Options{})
	if err == nil || !strings.Contains(err.Error(), `"pdf"`) || !strings.Contains(err.Error(), "table, json") {
		t.Errorf("error is %v, should name the format and those there are", err)
	}
}

func TestWriteLeavesTheReportAsItWas(t *testing.T) {
	t.Parallel()
	r, want := awkwardReport(t), awkwardReport(t)
	for _, format := range Formats {
		render(t, format.Name, r, Options{Redactor: sampleRedactor()})
	}
	if diff := cmp.Diff(want, r, cmp.Comparer(func(a, b audit.Date) bool { return a == b })); diff != "" {
		t.Errorf("the report was changed:\n%s", diff)
	}
}

// A key that is a word of the format may not break it.
func TestRedactorCannotBreakJSON(t *testing.T) {
	t.Parallel()
	for _, word := range []string{audit.Production, "not_applicable", "inconclusive", "checklist", "prelaunch.report/v1", "remediation"} {
		out := render(t, "json", sampleReport(t), Options{Redactor: redactorOf(word)})
		if _, err := Read(out); err != nil {
			t.Errorf("with the key %q: %v", word, err)
		}
	}
}

func TestTableFits(t *testing.T) {
	t.Parallel()
	for name, r := range reports(t) {
		for _, width := range []int{0, 48, 80, 120, 140} {
			limit := width
			if width == 0 {
				limit = pipeWidth
			}
			out := render(t, "table", r, Options{Width: width})
			for _, line := range strings.Split(string(out), "\n") {
				if w := displaywidth.String(line); w > limit {
					t.Errorf("%s at %d: a line is %d columns wide: %q", name, width, w, line)
				}
			}
		}
	}
}

func TestTableEndsWithStatus(t *testing.T) {
	t.Parallel()
	for name, r := range reports(t) {
		lines := strings.Split(strings.TrimSuffix(string(render(t, "table", r, Options{})), "\n"), "\n")
		if got := lines[len(lines)-1]; got != verdict.Status(r) {
			t.Errorf("%s: last line is %q, want %q", name, got, verdict.Status(r))
		}
	}
}

func TestTableColours(t *testing.T) {
	t.Parallel()
	colored := string(render(t, "table", sampleReport(t), Options{Width: 80, Color: true}))
	bare := string(render(t, "table", sampleReport(t), Options{Width: 80}))
	if strings.Contains(bare, "\x1b") || !strings.Contains(colored, "\x1b[") {
		t.Error("colour does not follow the option")
	}
	stripped := colored
	for {
		start := strings.Index(stripped, "\x1b[")
		if start < 0 {
			break
		}
		end := strings.IndexByte(stripped[start:], 'm')
		stripped = stripped[:start] + stripped[start+end+1:]
	}
	if diff := cmp.Diff(bare, stripped); diff != "" {
		t.Errorf("colour changes the layout:\n%s", diff)
	}
	for _, line := range strings.Split(colored, "\n") {
		if strings.Count(line, "\x1b[")%2 != 0 {
			t.Errorf("colour bleeds over the end of %q", line)
		}
	}
}

func TestJSONKeepsEverything(t *testing.T) {
	t.Parallel()
	for name, r := range reports(t) {
		out := render(t, "json", r, Options{})
		read, err := Read(out)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if again := render(t, "json", read, Options{}); !bytes.Equal(out, again) {
			t.Errorf("%s: reading and writing again changes it:\n%s", name, cmp.Diff(string(out), string(again)))
		}
		if strings.Contains(string(out), ": null") && name != "awkward" {
			t.Errorf("%s: holds null", name)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, out); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOldReportSaysSo(t *testing.T) {
	t.Parallel()
	r := sampleReport(t)
	for _, format := range Formats {
		if format.Name == "json" {
			continue
		}
		fresh := render(t, format.Name, r, Options{Now: time.Date(2027, 1, 30, 23, 59, 59, 0, time.UTC)})
		old := render(t, format.Name, r, Options{Now: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)})
		if bytes.Contains(fresh, []byte("was valid until")) || !bytes.Contains(old, []byte("was valid until 2027-01-30")) {
			t.Errorf("%s: does not say (only) of an old report that it ran out", format.Name)
		}
	}
}

// What does not come from the report passes the redactor too.
func TestRedactorIsLast(t *testing.T) {
	t.Parallel()
	out := render(t, "sarif", sampleReport(t), Options{Redactor: sampleRedactor(), ConfigFile: "audit/" + sampleKey + ".yaml"})
	if bytes.Contains(out, []byte(sampleKey)) || !json.Valid(out) {
		t.Error("the output holds the key in the configuration's name, or is broken")
	}
}
