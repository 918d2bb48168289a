package browsertest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

const attack = `"><script>document.title='owned'</script><img src=https://evil.example/x onerror="document.title='owned'"><style>body{display:none}</style></style></svg>&lt; ` +
	"\u202egnp.exe `'" + `{{.Status}} javascript:alert(1)`

// sample reads the report that the golden files show.
func sample(t *testing.T) *audit.Report {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "report", "testdata", "sample.json"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// attacked is the sample with an attack in each field of text.
func attacked(t *testing.T) *audit.Report {
	r := sample(t)
	r.Integration, r.Provider, r.Tool.Version = attack, attack, attack
	r.Notes = append(r.Notes, attack, strings.Repeat("long", 2000))
	for i := range r.Checklist {
		r.Checklist[i].Title += attack
	}
	for i := range r.Checks {
		check := &r.Checks[i]
		check.ID, check.Title, check.Section, check.Remediation, check.Severity = fmt.Sprint(check.ID, attack), attack, attack, attack, attack
		for j := range check.Findings {
			finding := &check.Findings[j]
			finding.ID, finding.Message = attack, fmt.Sprint(attack, j)
			finding.Evidence = map[string]any{"path": attack, "line": 3, "url": "javascript:alert(1)", attack: attack, "list": []any{attack, 1}}
			if finding.Waiver != nil {
				finding.Waiver.Reason, finding.Waiver.Owner = attack, attack
			}
		}
	}
	r.Scope.Overrides = append(r.Scope.Overrides, audit.Override{Setting: attack, Value: attack})
	r.Scope.Sent = append(r.Scope.Sent, audit.SentEvent{Environment: attack, UID: attack, EventType: attack})
	r.Scope.Digests[attack] = attack
	return r
}

// earlier are reports from the days before, with other outcomes.
func earlier(t *testing.T) []*audit.Report {
	var all []*audit.Report
	for days := 1; days <= 6; days++ {
		r := sample(t)
		r.FinishedAt = r.FinishedAt.AddDate(0, 0, -days)
		r.FactsDigest = fmt.Sprint("sha256:", days)
		for i := range r.Checks {
			r.Checks[i].Outcome = audit.Outcome((i*days + days) % 6)
		}
		r.Checks = r.Checks[:len(r.Checks)-days%3]
		all = append(all, r)
	}
	return all
}

// open writes the report as html and opens the file.
func (b *browser) open(t *testing.T, r *audit.Report, o report.Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	if err := report.WriteFile(path, "html", r, o); err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.Navigate("file://"+path), chromedp.WaitReady("footer"))
	return "file://" + path
}

func TestAttackStaysText(t *testing.T) {
	b := newBrowser(t)
	r := attacked(t)
	url := b.open(t, r, report.Options{})
	title, body := get(t, b, chromedp.Title()), get(t, b, chromedp.Text("body"))
	scripts, images := js[int](t, b, `document.scripts.length`), js[int](t, b, `document.images.length`)
	handlers := js[int](t, b, `[...document.querySelectorAll("*")].filter(e => [...e.attributes].some(a =>
  /^on|^(src|srcset|action|formaction|data|poster|background)$/i.test(a.name) || a.name == "href" && a.value[0] != "#")).length`)
	visible := js[int](t, b, `document.querySelectorAll("article").length`)
	if !strings.HasPrefix(title, verdict.Status(r)) || scripts != 0 || images != 0 || handlers != 0 {
		t.Errorf("the page is %q, with %d scripts, %d images, %d attributes that act", title, scripts, images, handlers)
	}
	if visible == 0 || !strings.Contains(body, "document.title='owned'") || !strings.Contains(body, "{{.Status}}") {
		t.Error("the attack does not stand there as text")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) != 1 || b.requests[0] != url {
		t.Errorf("the page asked for %v", b.requests)
	}
	if len(b.complaints) != 0 {
		t.Errorf("the browser complains: %v", b.complaints)
	}
}

// tooFaint lists texts whose contrast with what is behind them is below 4.5 to 1 (WCAG 2.2, AA).
const tooFaint = `(() => {
  const lum = c => { const v = c.map(x => x / 255).map(x => x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4); return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
  const rgb = s => s.match(/[\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const bad = [];
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some(n => n.nodeType == 3 && n.textContent.trim()) || !e.getClientRects().length) continue;
    const a = lum(rgb(getComputedStyle(e).color).slice(0, 3)), b = lum(behind(e).slice(0, 3));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.push(e.tagName + "." + e.className + " " + ratio.toFixed(2));
  }
  return bad;
})()`

func TestLooks(t *testing.T) {
	for _, look := range []struct {
		name   string
		scheme string
		width  int64
		report func(*testing.T) *audit.Report
	}{
		{"light", "light", 1280, sample}, {"dark", "dark", 1280, sample}, {"narrow", "light", 320, sample}, {"attacked", "light", 800, attacked}, {"attacked-narrow", "dark", 320, attacked},
	} {
		t.Run(look.name, func(t *testing.T) {
			b := newBrowser(t)
			b.media(t, "", look.scheme)
			b.do(t, chromedp.EmulateViewport(look.width, 900))
			o := report.Options{Now: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)}
			r := look.report(t)
			if look.name == "light" || look.name == "dark" || look.name == "narrow" {
				o.Earlier = earlier(t)
			}
			b.open(t, r, o)
			faint := js[[]string](t, b, tooFaint)
			wide, page := js[float64](t, b, `document.documentElement.scrollWidth`), js[float64](t, b, `document.documentElement.clientWidth`)
			background := js[string](t, b, `getComputedStyle(document.body).backgroundColor`)
			picture := get(t, b, chromedp.FullScreenshot(100))
			keep(t, look.name+".png", picture)
			if len(faint) > 0 {
				t.Errorf("too little contrast: %v", faint)
			}
			if wide > page {
				t.Errorf("the page is %v wide in a window of %v", wide, page)
			}
			if isDark := background != "rgb(255, 255, 255)"; isDark != (look.scheme == "dark") {
				t.Errorf("the background is %s in the %s scheme", background, look.scheme)
			}
		})
	}
}

func TestKeyboard(t *testing.T) {
	b := newBrowser(t)
	b.open(t, sample(t), report.Options{})
	const focused = `document.activeElement.tagName + " " + document.activeElement.textContent.trim()`
	const open = `document.querySelector("details").open`
	b.do(t, chromedp.KeyEvent(kb.Tab))
	first := js[string](t, b, focused)
	b.do(t, chromedp.KeyEvent(kb.Enter))
	after := js[bool](t, b, `document.activeElement.id == "main"`)
	b.do(t, chromedp.KeyEvent(kb.Tab))
	link := js[string](t, b, focused)
	b.do(t, chromedp.KeyEvent(kb.Enter))
	there := js[bool](t, b, `!!document.querySelector(":target") && location.hash == "#check.api-key.stored-securely"`)
	b.do(t, chromedp.Evaluate[chromedp.Void](`document.querySelector("details summary").focus()`))
	second, closed := js[string](t, b, focused), js[bool](t, b, open)
	b.do(t, chromedp.KeyEvent(kb.Enter))
	opened := js[bool](t, b, open)
	if link != "A ?inconclusive: api-key.stored-securely" || !there {
		t.Errorf("the first item links to %q, and the check is reached: %t", link, there)
	}
	if first != "A Skip to the report" || !after {
		t.Errorf("the first stop is %q, and it leads to the report: %t", first, after)
	}
	if second != "SUMMARY Passed: 1" || closed || !opened {
		t.Errorf("the next stop is %q; it was open %t, then %t", second, closed, opened)
	}
}

// TestScreenReader asks for what a screen reader goes by: one first heading, headings without gaps,
// a main part, names for pictures and sections, headers for table cells, and the word of an outcome
// wherever there is a colour.
func TestScreenReader(t *testing.T) {
	b := newBrowser(t)
	b.open(t, sample(t), report.Options{Earlier: earlier(t)})
	faults := js[[]string](t, b, `(() => {
  const faults = [];
  const all = s => [...document.querySelectorAll(s)];
  if (all("h1").length != 1) faults.push("first headings: " + all("h1").length);
  let last = 0;
  for (const h of all("h1,h2,h3,h4,h5,h6")) { const n = +h.tagName[1]; if (n > last + 1) faults.push("heading skips to " + h.textContent); last = n; }
  if (all("main").length != 1 || !document.documentElement.lang || !document.title) faults.push("no main part, language or title");
  for (const s of all("section")) if (!document.getElementById(s.getAttribute("aria-labelledby"))) faults.push("section without a name");
  for (const s of all("svg")) if (s.getAttribute("role") != "img" || !s.getAttribute("aria-label")) faults.push("picture without a name");
  for (const table of all("table")) if (!table.querySelector("th[scope=col]")) faults.push("table without headers");
  for (const e of all(".glyph")) if (e.getAttribute("aria-hidden") != "true" || !e.nextSibling || !e.nextSibling.textContent.trim()) faults.push("a sign without its word");
  for (const e of all(".strip li")) if (!/: [a-z ]+$/.test(e.querySelector(".hidden").textContent)) faults.push("a square without its word");
  const ids = all("[id]").map(e => e.id); if (new Set(ids).size != ids.length) faults.push("doubled ids");
  return faults;
})()`)
	if len(faults) > 0 {
		t.Error(faults)
	}
}

func TestPrints(t *testing.T) {
	b := newBrowser(t)
	r := sample(t)
	b.media(t, "", "dark") // paper stays white all the same
	b.open(t, r, report.Options{Earlier: earlier(t)})
	pdf := get(t, b, chromedp.PrintToPDF(chromedp.PDFPrintBackground(), chromedp.PDFPreferCSSPageSize()))
	b.media(t, "print", "dark")
	background, sign := js[string](t, b, `getComputedStyle(document.body).backgroundColor`), js[string](t, b, `getComputedStyle(document.querySelector(".sign")).display`)
	signed := js[float64](t, b, `document.querySelector(".sign").getBoundingClientRect().bottom`)
	if paper := 267 * 96 / 25.4; signed > paper { // a page of A4 without its margins
		t.Errorf("the place to sign ends %v pixels down: not on the first page", signed)
	}
	keep(t, "report.pdf", pdf)
	pages := bytes.Count(pdf, []byte("/Type /Page\n")) + bytes.Count(pdf, []byte("/Type /Page/")) + bytes.Count(pdf, []byte("/Type /Page "))
	if !bytes.HasPrefix(pdf, []byte("%PDF-")) || pages < 2 || pages > 6 {
		t.Errorf("%d bytes of PDF, %d pages; want 2 to 6", len(pdf), pages)
	}
	if background != "rgb(255, 255, 255)" || sign != "block" {
		t.Errorf("on paper the background is %s and the place to sign is shown as %q", background, sign)
	}
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
	axe := axeCore(t)
	for _, scheme := range []string{"light", "dark"} {
		for name, make := range map[string]func(*testing.T) *audit.Report{"sample": sample, "attacked": attacked} {
			b := newBrowser(t)
			b.media(t, "", scheme)
			b.do(t, chromedp.Navigate("about:blank"))
			b.open(t, make(t), options(t, name))
			b.do(t, chromedp.Evaluate[chromedp.Void](`for (const d of document.querySelectorAll("details")) d.open = true`))
			if found := b.audit(t, axe); len(found) > 0 {
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
