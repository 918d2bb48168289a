package repositories

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

const (
	testKey       = "tk_4f9Qw82L+mZx71/bNc03Re6Ty"
	productionKey = "pk_8Jd72KsPq0Zm41XvBn95Wc3L"
	retiredKey    = "rk_1Ha63GuYt9Eo28CiDl57Fj4N"

	testID       = "1111222233334444555"
	productionID = "9999888877776666555"
)

func integration(directory string, paths ...string) *audit.Integration {
	known := audittest.Fingerprinted(retiredKey)
	i := &audit.Integration{
		Provider: "begini", Directory: directory,
		Environments: []audit.Environment{
			{Name: audit.Test, IntegrationID: testID, WebhookURL: "https://hooks-test.acme.example/begini", APIBaseURL: "https://api.begini.co", Key: audit.KeyReference{Key: secret.New([]byte(testKey))}},
			{Name: audit.Production, IntegrationID: productionID, WebhookURL: "https://hooks.acme.example/begini", APIBaseURL: "https://api.begini.co", Key: audit.KeyReference{Key: secret.New([]byte(productionKey))}},
		},
		RetiredKeys: []audit.RetiredKey{{Environment: audit.Production, KeyReference: audit.KeyReference{Key: known}}},
	}
	for _, path := range paths {
		i.Repositories = append(i.Repositories, audit.Repository{Path: path})
	}
	return i
}

// repo is a git repository in a folder of its own.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T) *repo {
	t.Helper()
	r := &repo{t, t.TempDir()}
	r.git("init", "-q", "-b", "main")
	r.write("README.md", "# acme\n")
	r.commit("begin")
	return r
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	command := exec.Command("git", args...)
	command.Dir = r.dir
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=Jane", "GIT_AUTHOR_EMAIL=jane@acme.example", "GIT_COMMITTER_NAME=Jane", "GIT_COMMITTER_EMAIL=jane@acme.example",
		"GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
	output, err := command.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", args[0], err, output)
	}
	return strings.TrimSpace(string(output))
}

func (r *repo) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) commit(message string) {
	r.t.Helper()
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", message)
}

func (r *repo) look() *audittest.Sink {
	r.t.Helper()
	return r.lookFor(searchLimit)
}

func (r *repo) lookFor(limit int) *audittest.Sink {
	r.t.Helper()
	out := &audittest.Sink{}
	if err := (&probe{limit: limit}).Run(r.t.Context(), &audit.Run{Integration: integration(r.dir, "."), Sink: out}); err != nil {
		r.t.Fatal(err)
	}
	raw, err := json.Marshal([]any{out.All(), out.Scoped()})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, key := range []string{testKey, productionKey, retiredKey} {
		for _, spelling := range secret.Spellings([]byte(key)) {
			if bytes.Contains(raw, spelling.Bytes) {
				r.t.Errorf("a fact holds a key (%s)", spelling.Name)
			}
		}
	}
	return out
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

// TestEverySpellingInEveryHidingPlace plants every spelling of a key in each place and wants each attributed to that place; the same
// repository without a key must be clean.
func TestEverySpellingInEveryHidingPlace(t *testing.T) {
	t.Parallel()
	// text can stand in file contents only; names and messages take the spellings without bytes that git refuses there.
	places := map[string]struct {
		area, place string
		plant       func(r *repo, text string)
		lines       bool // messages and names: no zero byte
		single      bool // only one line, without a slash
	}{
		"tracked file":   {areaFiles, "tracked", func(r *repo, text string) { r.write("a.txt", text); r.commit("add") }, false, false},
		"untracked file": {areaFiles, "untracked", func(r *repo, text string) { r.write("a.txt", text) }, false, false},
		"archive":        {areaFiles, "tracked", func(r *repo, text string) { r.write("a.zip", zipped(r.t, "in.txt", text)); r.commit("add") }, false, false},
		"removed file": {areaHistory, "blob", func(r *repo, text string) {
			r.write("a.txt", text)
			r.commit("add")
			r.git("rm", "-q", "a.txt")
			r.commit("drop")
		}, false, false},
		"other branch": {areaHistory, "blob", func(r *repo, text string) {
			r.git("checkout", "-q", "-b", "other")
			r.write("a.txt", text)
			r.commit("add")
			r.git("checkout", "-q", "main")
		}, false, false},
		"amended commit": {areaHistory, "blob", func(r *repo, text string) {
			r.write("a.txt", text)
			r.commit("add")
			r.write("a.txt", "x")
			r.git("add", "-A")
			r.git("commit", "-q", "--amend", "-m", "x")
		}, false, false},
		"stash":      {areaHistory, "blob", func(r *repo, text string) { r.write("README.md", text); r.git("stash", "-q") }, false, false},
		"index only": {areaHistory, "blob", func(r *repo, text string) { r.write("a.txt", text); r.git("add", "a.txt"); r.write("a.txt", "x") }, false, false},
		"packed delta": {areaHistory, "blob", func(r *repo, text string) {
			filler := strings.Repeat("a line that is the same in both\n", 300)
			r.write("a.txt", filler+text)
			r.commit("add")
			r.write("a.txt", filler)
			r.commit("drop")
			r.git("gc", "-q")
		}, false, false},
		"commit message": {areaHistory, "commit", func(r *repo, text string) { r.commit("see\n\n" + text) }, true, false},
		"tag message":    {areaHistory, "tag", func(r *repo, text string) { r.git("tag", "-a", "v1", "-m", text) }, true, false},
		"note":           {areaHistory, "blob", func(r *repo, text string) { r.git("notes", "add", "-m", text) }, true, false},
		"git's config": {areaHistory, "config", func(r *repo, text string) {
			r.write(".git/config", "[remote \"x\"]\n# "+strings.ReplaceAll(text, "\n", "\n# "))
		}, true, false},
		"hook":        {areaHistory, "hook", func(r *repo, text string) { r.write(".git/hooks/pre-push", text) }, false, false},
		"reflog":      {areaHistory, "reflog", func(r *repo, text string) { r.git("update-ref", "-m", text, "HEAD", "HEAD") }, true, true},
		"file name":   {areaHistory, "tree", func(r *repo, text string) { r.write("secrets-"+text, "x"); r.commit("add") }, true, true},
		"branch name": {areaHistory, "ref", func(r *repo, text string) { r.git("branch", "b-"+text) }, true, true},
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := productionKey // of letters, digits and _, so that names can hold it
			wanted := map[string]bool{}
			var lines []string
			for _, spelling := range secret.Spellings([]byte(key)) {
				if place.lines && (bytes.IndexByte(spelling.Bytes, 0) >= 0 || place.single && bytes.ContainsAny(spelling.Bytes, `\/%`)) {
					continue
				}
				if place.single && len(lines) == 1 {
					break
				}
				lines = append(lines, string(spelling.Bytes))
				wanted[spelling.Name] = true
			}
			r := newRepo(t)
			place.plant(r, strings.Join(lines, "\n"))
			out := r.look()
			for _, hit := range audittest.Of[Hit](out) {
				if hit.Area == place.area && hit.Place == place.place && hit.KeyEnvironment == audit.Production && hit.Role == "current" {
					delete(wanted, hit.Spelling)
				}
				if hit.KeyEnvironment != audit.Production || hit.Fingerprint != secret.New([]byte(key)).Fingerprint() {
					t.Errorf("attributed to another key: %+v", hit)
				}
			}
			if len(wanted) > 0 {
				t.Errorf("not found: %v\nhits: %+v", wanted, audittest.Of[Hit](out))
			}
			if place.area == areaHistory && (place.place == "blob" || place.place == "commit") && slices.ContainsFunc(audittest.Of[Hit](out), func(h Hit) bool { return h.Area == areaFiles }) {
				t.Errorf("also reported as standing in the files: %+v", audittest.Of[Hit](out))
			}

			clean := newRepo(t)
			filler := "nothing"
			place.plant(clean, filler)
			if without := clean.look(); len(audittest.Of[Hit](without)) != 0 || len(audittest.Of[Suspect](without)) != 0 || len(audittest.Of[Status](without)[0].Gaps) != 0 {
				t.Errorf("without a key: %+v %+v %+v", audittest.Of[Hit](without), audittest.Of[Suspect](without), audittest.Of[Status](without))
			}
		})
	}
}

func TestEachKeyIsToldApart(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("a", testKey)
	r.write("b", base64.StdEncoding.EncodeToString([]byte("x"+productionKey)))
	r.write("c", retiredKey)
	r.write(".gitignore", "ignored\n")
	r.write("ignored", productionKey)
	r.commit("add")
	var got []string
	for _, hit := range audittest.Of[Hit](r.look()) {
		if hit.Area == areaFiles {
			got = append(got, fmt.Sprint(hit.Path, " ", hit.KeyEnvironment, " ", hit.Role, " ", hit.Spelling))
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"a test current plain", "b production current base64", "c production retired plain"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("state.bin", audittest.Noise())
	r.commit("two")
	shallow := filepath.Join(t.TempDir(), "shallow")
	r.git("clone", "-q", "--depth", "1", "file://"+r.dir, shallow)
	bare := filepath.Join(t.TempDir(), "bare")
	r.write("a", testKey)
	r.commit("key")
	r.git("clone", "-q", "--bare", "file://"+r.dir, bare)
	out := &audittest.Sink{}
	err := (&probe{}).Run(t.Context(), &audit.Run{Integration: integration(r.dir, ".", shallow, bare, "absent"), Sink: out})
	if err != nil {
		t.Fatal(err)
	}
	if len(audittest.Of[Status](out)) != 4 || len(out.Scoped().Repositories) != 4 {
		t.Fatalf("%+v", audittest.Of[Status](out))
	}
	if s := audittest.Of[Status](out)[0]; !s.Searched || s.Bare || len(s.Gaps) != 0 || s.Objects == 0 || s.Files == 0 || s.NotDecoded != 2 { // the object and the file
		t.Errorf("whole: %+v", s)
	}
	if s := audittest.Of[Status](out)[1]; !s.Searched || len(s.Gaps) != 1 || s.Gaps[0].Reason != "shallow-clone" || s.Gaps[0].Area != areaHistory {
		t.Errorf("shallow: %+v", s)
	}
	if s := audittest.Of[Status](out)[2]; !s.Searched || !s.Bare || len(s.Gaps) != 0 {
		t.Errorf("bare: %+v", s)
	}
	if s := audittest.Of[Status](out)[3]; s.Searched || len(s.Gaps) != 1 || s.Gaps[0].Path != "absent" || s.Gaps[0].Area != areaBoth {
		t.Errorf("absent: %+v", s)
	}
	if scope := out.Scoped().Repositories[0]; scope.Head != r.git("rev-parse", "HEAD") || !strings.HasPrefix(scope.RefsDigest, "sha256:") || scope.Objects == 0 {
		t.Errorf("scope: %+v", scope)
	}
	if !slices.ContainsFunc(audittest.Of[Hit](out), func(h Hit) bool { return h.Repository == bare && h.Area == areaFiles && h.Path == "a" }) {
		t.Errorf("a bare repository's current files: %+v", audittest.Of[Hit](out))
	}
}

func TestPairings(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write(".env.production", "ID="+testID+"\nURL=https://hooks-test.acme.example/begini\n")
	r.write("config/test.json", `{"id": "`+productionID+`"}`)
	r.write("deploy/production/values.yaml", "key: "+testKey+"\n")
	r.write("tests/fixtures/test.json", productionID)
	r.write("src/test/resources/test.properties", productionID)
	r.write("both-test-and-production.yml", testID+productionID)
	r.write("webhook_test.go", productionID)
	r.write(".env.test", testID)
	r.write("prod.tfvars", productionID)
	r.write("settings.yaml", testID+" "+productionID)
	r.write("production.json", `{"order": "9`+testID+`", "hash": "`+testID+`ab", "url": "https://hooks-test.acme.example/begini2"}`)
	r.commit("add")
	var got []string
	for _, pairing := range audittest.Of[Pairing](r.look()) {
		got = append(got, fmt.Sprint(pairing.Path, " ", pairing.Belongs, " ", pairing.Carries, " ", pairing.Of, " ", pairing.Line))
	}
	slices.Sort(got)
	want := []string{
		".env.production production integration_id test 1", ".env.production production webhook_url test 2",
		"config/test.json test integration_id production 1", "deploy/production/values.yaml production key test 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestMarksThatTellNothing: what both environments share, or what is part of the other's, is no sign of a mix-up.
func TestMarksThatTellNothing(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	i := integration(r.dir, ".")
	i.Environments[0].IntegrationID = productionID
	i.Environments[0].WebhookURL = "https://hooks.acme.example/begini"
	i.Environments[1].WebhookURL = "https://hooks.acme.example/begini/production"
	i.Environments[0].Key = i.Environments[1].Key
	r.write(".env.production", productionID+" https://hooks.acme.example/begini/production "+productionKey)
	r.write(".env.test", productionID+" https://hooks.acme.example/begini "+productionKey)
	r.commit("add")
	out := &audittest.Sink{}
	if err := (&probe{limit: searchLimit}).Run(t.Context(), &audit.Run{Integration: i, Sink: out}); err != nil {
		t.Fatal(err)
	}
	if len(audittest.Of[Pairing](out)) != 0 || len(audittest.Of[Hit](out)) == 0 {
		t.Errorf("%+v %+v", audittest.Of[Pairing](out), audittest.Of[Hit](out))
	}
}

func TestPlainAPI(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("client.go", "x\nconst base = \"http://api.begini.co/v1\"\n")
	r.write("client.php", `{"u":"http:\/\/api.begini.co\/v1"}`)
	r.write("secure.go", "const base = \"https://api.begini.co/v1\"\n")
	r.write("other.go", "const base = \"http://api.begini.com/v1\"\n")
	r.write("upper.go", "const base = \"HTTP://API.BEGINI.CO/v1\"\n")
	r.write("query.go", "const next = \"?to=http%3A%2F%2Fapi.begini.co%2Fv1\"\n")
	r.write("end.sh", "curl http://api.begini.co")
	r.write("longer.go", "const base = \"http://api.begini.co.acme.example/\" // and http://api.begini.com, http://api.begini.co-op.example\n")
	r.write("docs/api.md", "never use http://api.begini.co/ here\n")
	r.write("client_test.go", "refuses(\"http://api.begini.co\")\n")
	r.commit("add")
	r.write("old.go", "http://api.begini.co/")
	r.commit("add")
	r.git("rm", "-q", "old.go")
	r.commit("drop")
	var got []string
	for _, plain := range audittest.Of[PlainAPI](r.look()) {
		got = append(got, fmt.Sprint(plain.Path, " ", plain.Line, " ", plain.Host, " ", plain.Content))
	}
	slices.Sort(got)
	got = slices.Compact(got)
	want := []string{"client.go 2 api.begini.co code", "client.php 1 api.begini.co code", "client_test.go 1 api.begini.co test", "docs/api.md 1 api.begini.co text",
		"end.sh 1 api.begini.co code", "query.go 1 api.begini.co code", "upper.go 1 api.begini.co code"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSuspects(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("settings.py", "BEGINI_API_KEY = \"q8Zr41XvBn95Wc3LpT0m\"\nBEGINI_API_KEY_NAME = \"your-key-goes-here\"\n")
	r.commit("add")
	out := r.look()
	if !slices.ContainsFunc(audittest.Of[Suspect](out), func(s Suspect) bool {
		return s.Path == "settings.py" && s.Area == areaFiles && s.What == "assignment" && s.Line == 1
	}) {
		t.Errorf("%+v", audittest.Of[Suspect](out))
	}
	for _, suspect := range audittest.Of[Suspect](out) {
		if suspect.Line != 1 {
			t.Errorf("%+v", suspect)
		}
	}
}

// TestManyHits: what is told is bounded, and says so.
func TestManyHits(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	for i := range maxHits + 50 {
		r.write(fmt.Sprintf("f/%d", i), testKey)
	}
	out := r.look()
	if len(audittest.Of[Hit](out)) != maxHits || audittest.Of[Status](out)[0].HitsCut != 50 {
		t.Errorf("%d hits, %d cut", len(audittest.Of[Hit](out)), audittest.Of[Status](out)[0].HitsCut)
	}
}

// TestKeysAreNotCrowdedOut: thousands of places with an integration ID do not hide the one with a key.
func TestKeysAreNotCrowdedOut(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	for i := range 60 {
		r.write(fmt.Sprintf("f/%d", i), testID)
	}
	r.write("z", testKey)
	r.commit("key")
	r.git("rm", "-q", "z")
	r.commit("drop")
	out := r.lookFor(50)
	if len(audittest.Of[Hit](out)) != 1 || audittest.Of[Hit](out)[0].Area != areaHistory || audittest.Of[Status](out)[0].HitsCut != 0 || audittest.Of[Status](out)[0].OthersCut == 0 {
		t.Errorf("%+v %+v", audittest.Of[Hit](out), audittest.Of[Status](out))
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&probe{}).Run(ctx, &audit.Run{Integration: integration(r.dir, "."), Sink: &audittest.Sink{}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
