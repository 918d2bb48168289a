package clients

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

const (
	testKey       = "tk_4f9Qw82L+mZx71/bNc03Re6Ty"
	productionKey = "pk_8Jd72KsPq0Zm41XvBn95Wc3L"
	retiredKey    = "rk_1Ha63GuYt9Eo28CiDl57Fj4N"
)

func newIntegration(directory string, clients ...audit.Client) *audit.Integration {
	known := audittest.Fingerprinted(retiredKey)
	return &audit.Integration{
		Provider: "begini", Directory: directory, Clients: clients,
		Environments: []audit.Environment{
			{Name: audit.Test, APIBaseURL: "https://api.begini.co", Key: audit.KeyReference{Key: secret.New([]byte(testKey))}},
			{Name: audit.Production, APIBaseURL: "https://api.begini.co", Key: audit.KeyReference{Key: secret.New([]byte(productionKey))}},
		},
		RetiredKeys: []audit.RetiredKey{{Environment: audit.Production, KeyReference: audit.KeyReference{Key: known}}},
	}
}

func look(t *testing.T, integration *audit.Integration, roots *x509.CertPool) *audittest.Sink {
	t.Helper()
	out := &audittest.Sink{}
	run := &audit.Run{Integration: integration, Sink: out, Network: netprobe.New(integration, nil), Roots: audit.Roots{All: roots}, UserAgent: "prelaunch/test run/x"}
	if err := New().Run(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal([]any{out.All(), out.Scoped()})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{testKey, productionKey, retiredKey} {
		for _, spelling := range secret.Spellings([]byte(key)) {
			if bytes.Contains(raw, spelling.Bytes) {
				t.Errorf("a fact holds a key (%s): %s", spelling.Name, raw)
			}
		}
	}
	return out
}

func write(t *testing.T, directory, name, text string) {
	t.Helper()
	path := filepath.Join(directory, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func zipped(t *testing.T, name, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.Create(name)
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestEverySpellingInEveryKindOfBundle plants every spelling in each kind of file.
func TestEverySpellingInEveryKindOfBundle(t *testing.T) {
	t.Parallel()
	var lines []string
	wanted := map[string]bool{}
	for _, spelling := range secret.Spellings([]byte(productionKey)) {
		lines = append(lines, string(spelling.Bytes))
		wanted[spelling.Name] = true
	}
	text := strings.Join(lines, "\n")
	for name, file := range map[string]struct{ name, content, member string }{
		"script":             {"assets/app.js", "const k='" + text + "'", ""},
		"source map":         {"app.js.map", text, ""},
		"page":               {"index.html", "<html>" + text, ""},
		"WebAssembly":        {"app.wasm", "\x00asm\x01\x00\x00\x00" + text, ""},
		"compressed script":  {"app.js.gz", gzipped(t, text), "content"},
		"Android package":    {"app.apk", zipped(t, "classes.dex", "dex\n035\x00"+text), "classes.dex"},
		"bundle of packages": {"app.aab", zipped(t, "base.apk", zipped(t, "assets/config.json", text)), "base.apk!/assets/config.json"},
		"iOS package":        {"app.ipa", zipped(t, "Payload/A.app/Info.plist", "bplist00"+text), "Payload/A.app/Info.plist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			write(t, directory, "dist/"+file.name, file.content)
			write(t, directory, "dist/clean.js", "1")
			out := look(t, newIntegration(directory, audit.Client{Path: "dist", Environment: audit.Production}), nil)
			got := map[string]bool{}
			for _, hit := range audittest.Of[Hit](out) {
				if hit.Member == file.member {
					got[hit.Spelling] = true
				}
				if hit.Path != file.name || hit.KeyEnvironment != audit.Production || hit.Role != "current" || hit.Target != "dist" || hit.Environment != audit.Production {
					t.Errorf("%+v", hit)
				}
			}
			for spelling := range wanted {
				if !got[spelling] && !strings.Contains(spelling, " of ") { // those decode only with what stands around them
					t.Errorf("%s is missed: %v", spelling, got)
				}
			}
			if s := audittest.Of[Status](out)[0]; s.State != "searched" || s.Files != 2 || len(s.Gaps) != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestBundleStates(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for _, name := range []string{"empty", "brotli", "both", "linked", "outside", "noise"} {
		if err := os.MkdirAll(filepath.Join(directory, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, directory, "one.js", testKey+retiredKey[:3]+" "+retiredKey)
	write(t, directory, "brotli/app.js.br", "\xff\x00 no brotli")
	write(t, directory, "both/app.js.br", brotlied(t, "key "+testKey))
	write(t, directory, "both/app.js", "x")
	write(t, directory, "outside/x.js", "x")
	write(t, directory, "damaged.zip", "PK\x03\x04 broken")
	write(t, directory, "noise/x.bin", audittest.Noise())
	if err := os.Symlink(filepath.Join(directory, "outside"), filepath.Join(directory, "linked/other")); err != nil {
		t.Fatal(err)
	}
	out := look(t, newIntegration(directory, audit.Client{Path: "absent"}, audit.Client{Path: "empty"}, audit.Client{Path: "one.js"},
		audit.Client{Path: "brotli"}, audit.Client{Path: "both"}, audit.Client{Path: "linked"}, audit.Client{Path: "damaged.zip"}, audit.Client{Path: "noise"}), nil)
	var got []string
	for _, s := range audittest.Of[Status](out) {
		got = append(got, fmt.Sprint(s.Target, " ", s.State, " ", s.Files, " ", len(s.Gaps), " ", s.NotDecoded))
	}
	want := []string{"absent missing 0 0 0", "empty empty 0 0 0", "one.js searched 1 0 0", "brotli searched 1 1 0", "both searched 2 0 0", "linked searched 0 1 0", "damaged.zip searched 1 1 0",
		"noise searched 1 0 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var hits []string
	for _, hit := range audittest.Of[Hit](out) {
		hits = append(hits, hit.Path+" "+hit.KeyEnvironment+" "+hit.Role)
	}
	slices.Sort(hits)
	if diff := cmp.Diff([]string{"app.js.br test current", "app.js.br test current", "one.js production retired", "one.js test current"}, hits); diff != "" {
		t.Error(diff)
	}
}

func brotlied(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := brotli.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCalls(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		file, text string
		want       []string
	}{
		"session API":                {"a.js", `fetch("https://api.begini.co/v1/sessions-management/tokens")`, []string{"session_api true"}},
		"in two texts":               {"a.js", `b="https://api.begini.co";fetch(b+"/v1/sessions-management/tokens",{headers:{"api-key":k}})`, []string{"key_header true", "session_api true"}},
		"escaped":                    {"a.html", `{"u":"https:\/\/api.begini.co\/v1\/sessions-management\/tokens"}`, []string{"session_api true"}},
		"source map":                 {"a.js.map", `{"sourcesContent":["fetch(\"https://api.begini.co\",{headers:{\"api-key\":k}})"]}`, []string{"key_header true"}},
		"Android":                    {"classes.dex", "\x15https://api.begini.co\x00\x07api-key\x00", []string{"key_header true"}},
		"a backend's own path":       {"a.js", `fetch("/v1/sessions-management/tokens")`, []string{"session_api false"}},
		"another service's header":   {"a.js", `{headers:{"api-key":k}}`, nil},
		"only the host":              {"a.js", `open("https://api.begini.co")`, nil},
		"the page of the assessment": {"a.js", `location="https://app.begini.co/session"`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			write(t, directory, test.file, test.text)
			var got []string
			for _, call := range audittest.Of[APICall](look(t, newIntegration(directory, audit.Client{Path: test.file}), nil)) {
				got = append(got, fmt.Sprint(call.What, " ", call.WithHost))
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// site serves files by host and path, and notes what was asked for.
type site struct {
	files map[string]string // "host/path" → content
	mu    sync.Mutex
	asked []string
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Host+r.URL.Path)
	s.mu.Unlock()
	content, ok := s.files[r.Host+r.URL.Path]
	for strings.HasPrefix(content, "header ") { // header NAME: VALUE, and the content on the next line
		line, rest, _ := strings.Cut(content[len("header "):], "\n")
		name, value, _ := strings.Cut(line, ": ")
		w.Header().Set(name, value)
		content = rest
	}
	switch {
	case !ok:
		http.NotFound(w, r)
	case strings.HasPrefix(content, "redirect "):
		http.Redirect(w, r, content[len("redirect "):], http.StatusFound)
	case content == "broken":
		w.WriteHeader(http.StatusInternalServerError)
	default:
		if strings.HasPrefix(content, "<") {
			w.Header().Set("Content-Type", "text/html")
		}
		fmt.Fprint(w, content)
	}
}

func (s *site) look(t *testing.T, page string) *audittest.Sink {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	integration := newIntegration(t.TempDir(), audit.Client{URL: page, Environment: audit.Production})
	integration.Network = audit.NetworkOptions{Timeout: 5 * time.Second, Resolve: map[string][]string{}}
	for _, host := range []string{"app.acme.example:80", "static.acme.example:80", "elsewhere.example:80"} {
		integration.Network.Resolve[host] = []string{strings.TrimPrefix(server.URL, "http://")}
	}
	return look(t, integration, nil)
}

func TestLivePages(t *testing.T) {
	t.Parallel()
	leak := "k='" + testKey + "'"
	page := `<!doctype html><script src="/app.js"></script>`
	for name, test := range map[string]struct {
		files map[string]string
		want  string // where the key is found; empty: nowhere
		gaps  int
	}{
		"in the page":             {map[string]string{"app.acme.example/": "<script>" + leak + "</script>"}, "http://app.acme.example/", 0},
		"in a script":             {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": leak}, "http://app.acme.example/app.js", 0},
		"in a named source map":   {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": "x\n//# sourceMappingURL=maps/app.js.map\n", "app.acme.example/maps/app.js.map": leak}, "http://app.acme.example/maps/app.js.map", 0},
		"in a chunk":              {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": `import("./part.js")`, "app.acme.example/part.js": leak}, "http://app.acme.example/part.js", 0},
		"in a chunk from the top": {map[string]string{"app.acme.example/": `<script type="module" src="/a/app.js"></script>`, "app.acme.example/a/app.js": `deps=["assets/part.js"]`, "app.acme.example/assets/part.js": leak}, "http://app.acme.example/assets/part.js", 0},
		"in a computed chunk": {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": `self.webpackChunk=[];l.u=e=>"js/"+({7:"cart"}[e]||e)+"."+{7:"ab12",9:"cd34"}[e]+".chunk.js"`,
			"app.acme.example/js/cart.ab12.chunk.js": "1", "app.acme.example/js/9.cd34.chunk.js": leak}, "http://app.acme.example/js/9.cd34.chunk.js", 0},
		"on a host of the same site": {map[string]string{"app.acme.example/": `<script src="http://static.acme.example/x.js"></script>`, "static.acme.example/x.js": leak}, "http://static.acme.example/x.js", 0},
		"after a redirect":           {map[string]string{"app.acme.example/": "redirect /start", "app.acme.example/start": `<link rel=modulepreload href=m.js>`, "app.acme.example/m.js": leak}, "http://app.acme.example/m.js", 0},
		"under a base":               {map[string]string{"app.acme.example/": `<base href="/v2/"><script src="x.js"></script>`, "app.acme.example/v2/x.js": leak}, "http://app.acme.example/v2/x.js", 0},
		"in a header":                {map[string]string{"app.acme.example/": "header Set-Cookie: k=" + testKey + "\n<p>"}, "http://app.acme.example/", 0},
		"in a redirect's header":     {map[string]string{"app.acme.example/": "redirect /start?k=" + testKey, "app.acme.example/start": "<p>"}, "http://app.acme.example/", 0},
		"in what a header preloads":  {map[string]string{"app.acme.example/": "header Link: <https://other.example/x.css>; rel=preload; as=style, </m.js>; rel=modulepreload\n<p>", "app.acme.example/m.js": leak}, "http://app.acme.example/m.js", 0},
		"in a frame's script":        {map[string]string{"app.acme.example/": `<iframe src="/inner"></iframe>`, "app.acme.example/inner": page, "app.acme.example/app.js": leak}, "http://app.acme.example/app.js", 0},
		"in a frame's own text":      {map[string]string{"app.acme.example/": `<iframe srcdoc="&lt;script src=/app.js&gt;&lt;/script&gt;"></iframe>`, "app.acme.example/app.js": leak}, "http://app.acme.example/app.js", 0},
		"compressed unasked":         {map[string]string{"app.acme.example/": "header Content-Encoding: br\n" + brotlied(t, "<script>"+leak+"</script>")}, "http://app.acme.example/", 0},
		"compressed in another way":  {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": "header Content-Encoding: compress\n" + leak}, "", 1},
		"in a chunk of Next.js": {map[string]string{"app.acme.example/": `<script src="/_next/static/chunks/webpack-1.js"></script>`,
			"app.acme.example/_next/static/chunks/webpack-1.js": `self.webpackChunk=[];l.u=e=>"static/chunks/"+({7:"cart"}[e]||e)+"."+{7:"ab12",9:"cd34"}[e]+".js"`,
			"app.acme.example/_next/static/chunks/cart.ab12.js": "1", "app.acme.example/_next/static/chunks/9.cd34.js": leak}, "http://app.acme.example/_next/static/chunks/9.cd34.js", 0},
		"in settings that a script fetches": {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": `fetch('/config.json').then(r=>r.json())`, "app.acme.example/config.json": leak}, "http://app.acme.example/config.json", 0},
		"in settings that the page fetches": {map[string]string{"app.acme.example/": "<script>axios.get(`config/prod.json?v=3`)</script>", "app.acme.example/config/prod.json": leak}, "http://app.acme.example/config/prod.json", 0},
		"in settings named elsewhere":       {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": `const u="assets/app-config.json";load(u)`, "app.acme.example/assets/app-config.json": leak}, "http://app.acme.example/assets/app-config.json", 0},
		"in settings without an extension":  {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": `fetch("/api/runtime-config")`, "app.acme.example/api/runtime-config": leak}, "http://app.acme.example/api/runtime-config", 0},
		"settings of another site":          {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": `fetch("http://elsewhere.example/config.json")`, "elsewhere.example/config.json": leak}, "", 0},
		"what is no data is not fetched":    {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": `fetch("/logout");axios.get("/users/1")`, "app.acme.example/logout": leak, "app.acme.example/users/1": leak}, "", 0},
		"clean":                             {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": `n="chart.js"`}, "", 0},
		"a computed chunk is absent":        {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": `l.u=e=>"js/"+e+"."+{9:"cd34"}[e]+".chunk.js"`}, "", 1},
		"chunks computed otherwise":         {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": `self.webpackChunk=[];l.u=e=>name(e)`}, "", 1},
		"a script that breaks":              {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": "broken"}, "", 1},
		"scripts of another site only":      {map[string]string{"app.acme.example/": `<script src="http://elsewhere.example/x.js"></script>`, "elsewhere.example/x.js": leak}, "", 1},
		"another site beside":               {map[string]string{"app.acme.example/": `<script src="http://elsewhere.example/x.js"></script><script src=app.js></script>`, "app.acme.example/app.js": "1"}, "", 0},
		"a redirect to another site":        {map[string]string{"app.acme.example/": page, "app.acme.example/app.js": "redirect http://elsewhere.example/x.js", "elsewhere.example/x.js": leak}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{files: test.files}
			out := s.look(t, "http://app.acme.example/?session=1")
			var got []string
			for _, hit := range audittest.Of[Hit](out) {
				got = append(got, hit.Path)
			}
			if want := strings.Fields(test.want); !cmp.Equal(want, append([]string{}, got...)) {
				t.Errorf("found in %v, want %v", got, want)
			}
			if status := audittest.Of[Status](out)[0]; status.State != "searched" || len(status.Gaps) != test.gaps || status.Target != "http://app.acme.example/" {
				t.Errorf("%+v", status)
			}
			for _, asked := range s.asked {
				if strings.HasPrefix(asked, "elsewhere") {
					t.Errorf("it went to another site: %s", asked)
				}
			}
		})
	}
}

func TestPagesThatCannotBeFetched(t *testing.T) {
	t.Parallel()
	s := &site{files: map[string]string{"app.acme.example/empty": " ", "app.acme.example/broken": "broken", "app.acme.example/round": "redirect /round"}}
	for path, want := range map[string]string{"/empty": "empty", "/broken": "unreachable", "/absent": "unreachable", "/round": "unreachable"} {
		if got := audittest.Of[Status](s.look(t, "http://app.acme.example"+path))[0]; got.State != want {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if got := audittest.Of[Status](s.look(t, "ftp://app.acme.example/"))[0]; got.State != "unreachable" {
		t.Errorf("%+v", got)
	}
}

func TestPageOverTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, testKey) }))
	defer server.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	integration := newIntegration(t.TempDir(), audit.Client{URL: server.URL})
	if out := look(t, integration, trusted); len(audittest.Of[Hit](out)) != 1 {
		t.Errorf("%+v %+v", audittest.Of[Hit](out), audittest.Of[Status](out))
	}
	if out := look(t, integration, x509.NewCertPool()); len(audittest.Of[Hit](out)) != 0 || audittest.Of[Status](out)[0].State != "unreachable" || audittest.Of[Status](out)[0].Gaps[0].Reason != "its certificate does not verify" {
		t.Errorf("%+v", audittest.Of[Status](out))
	}
}

// TestPagesAreBounded: a page that names scripts without end ends in a gap.
func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `import("./a%s.js")`, strings.Repeat("a", len(r.URL.Path)%200))
		if r.URL.Path == "/" {
			fmt.Fprint(w, `<script src="/big.js"></script>`)
		}
		if r.URL.Path == "/big.js" {
			fmt.Fprint(w, strings.Repeat("x", 1000))
		}
	}))
	defer server.Close()
	for name, bounds := range map[string]pageBounds{
		"files":    {files: 5, requests: 100, bytes: 1 << 20, total: time.Minute, request: time.Minute},
		"requests": {files: 100, requests: 5, bytes: 1 << 20, total: time.Minute, request: time.Minute},
		"bytes":    {files: 100, requests: 100, bytes: 500, total: time.Minute, request: time.Minute},
	} {
		out := &audittest.Sink{}
		integration := newIntegration(t.TempDir(), audit.Client{URL: server.URL + "/"})
		run := &audit.Run{Integration: integration, Sink: out, Network: netprobe.New(integration, nil)}
		if err := (&probe{bounds: bounds}).Run(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		if status := audittest.Of[Status](out)[0]; len(status.Gaps) == 0 || status.Files > 6 {
			t.Errorf("%s: %+v", name, status)
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	write(t, directory, "a.js", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	integration := newIntegration(directory, audit.Client{Path: "a.js"})
	if err := New().Run(ctx, &audit.Run{Integration: integration, Sink: &audittest.Sink{}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func FuzzNames(f *testing.F) {
	for _, seed := range []string{`import("./a.js")`, `l.u=e=>"js/"+({7:"c"}[e]||e)+"."+{7:"ab"}[e]+".js"`, "//# sourceMappingURL=x.map", `<script src=//[::1>`, `"%zz.js"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		page, _ := url.Parse("https://app.acme.example/a/")
		out := &audittest.Sink{}
		integration := newIntegration(t.TempDir())
		searching, err := newSearcher(&audit.Run{Integration: integration, Sink: out})
		if err != nil {
			t.Fatal(err)
		}
		fetch := &fetcher{searcher: searching, page: page, site: "acme.example", queued: map[string]bool{}}
		fetch.namedByPage(fetched{url: page, body: text})
		fetch.namedByScript(fetched{url: page, body: text})
		for _, wanted := range fetch.queue {
			for _, at := range wanted.at {
				if siteOf(at.Hostname()) != "acme.example" {
					t.Errorf("another site is queued: %s", at)
				}
			}
		}
	})
}

func TestBundleThatTakesTooLong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 20 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d.js", i)), []byte("console.log(1)\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := newSearcher(&audit.Run{Integration: &audit.Integration{Provider: "begini"}})
	if err != nil {
		t.Fatal(err)
	}
	for patience, gaps := range map[time.Duration]int{time.Hour: 0, -1: 1} {
		s.status = Status{}
		s.bundle(t.Context(), dir, patience)
		if len(s.status.Gaps) != gaps {
			t.Errorf("with %v: %d files, gaps %v", patience, s.status.Files, s.status.Gaps)
		}
	}
}
