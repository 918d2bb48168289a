package source_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/source"
)

// place is a directory of configurations with a directory of keys.
type place struct {
	t             *testing.T
	root, secrets string
	env           map[string]string
	reader        *source.Reader
}

// newPlace has one source. fleet is added to the settings.
func newPlace(t *testing.T, one, fleet string) *place {
	t.Helper()
	p := &place{t: t, root: t.TempDir(), secrets: t.TempDir(), env: map[string]string{"PATH": os.Getenv("PATH"), "HOME": t.TempDir(), "GITHUB_KEY": "key-of-the-server-0123456789"}}
	if one == "" {
		one = "{name: own, directory: " + p.root + "}"
	}
	file := filepath.Join(t.TempDir(), "fleet.yaml")
	p.write(file, fmt.Sprintf("version: 1\nsources: [%s]\nsecrets: %s/{team}/{integration}\n%s", one, p.secrets, fleet))
	read, err := settings.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	library, err := auditor.Policies(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.reader = source.NewReader(read, library, func(name string) (string, bool) { value, ok := p.env[name]; return value, ok }, time.Now, slog.New(slog.DiscardHandler))
	for _, owner := range []string{"payments/acme", "loans/other"} {
		p.write(filepath.Join(p.secrets, owner, "live"), "key-of-"+strings.ReplaceAll(owner, "/", "-")+"-0123456789")
	}
	return p
}

func (p *place) write(file, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// configuration is one whose key is the given reference.
func configuration(name, key, more string) string {
	return "version: 1\nintegration: \"" + name + "\"\nprovider: github\nenvironments:\n  live: {webhook_url: \"https://hooks.acme.example/hook\", secret: " + key + "}\n" + more
}

func (p *place) read(name string) []source.Found {
	p.t.Helper()
	found, ok := p.reader.Read(p.t.Context())[name]
	if !ok {
		p.t.Fatalf("the source %s cannot be read", name)
	}
	return found
}

func TestConfigurationsOfTeams(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "", "")
	own := configuration("acme", "{file: "+p.secrets+"/payments/acme/live}", "")
	p.write(filepath.Join(p.root, "payments", "acme", "prelaunch.yaml"), own+"waivers: [{check: input.bounded, reason: r, owner: bob@acme.example, approved_by: jane@acme.example, expires: 2026-12-31}]\n")
	p.write(filepath.Join(p.root, "loans", "deep", "down", "x.prelaunch.yaml"), configuration("other", "{file: "+p.secrets+"/loans/other/live}", ""))
	p.write(filepath.Join(p.root, "payments", ".git", "prelaunch.yaml"), own)
	p.write(filepath.Join(p.root, "payments", "acme", "other.yaml"), own)
	p.write(filepath.Join(p.root, "prelaunch.yaml"), own)
	found := p.read("own")
	if len(found) != 3 {
		t.Fatalf("found are %+v", found)
	}
	loans, acme, nobody := found[0], found[1], found[2]
	if loans.Name != "other" || loans.Team != "loans" || loans.Problem != "" {
		t.Errorf("%+v", loans)
	}
	if acme.Team != "payments" || acme.Provider != "github" || acme.Problem != "" || len(acme.Expiries) != 1 || acme.Expiries[0].At.Format("2006-01-02") != "2027-01-01" {
		t.Errorf("%+v", acme)
	}
	if nobody.Team != "" || !strings.Contains(nobody.Problem, "no team") {
		t.Errorf("a configuration of no team: %+v", nobody)
	}
	if again := p.read("own")[1]; again.Content != acme.Content {
		t.Error("what has not changed is different")
	}
	p.write(filepath.Join(p.root, "payments", "acme", "prelaunch.yaml"), own+"clients: []\n")
	if changed := p.read("own")[1]; changed.Content == acme.Content || changed.Digest == acme.Digest {
		t.Error("a change is not seen")
	}
}

// TestHostileConfigurations holds that a configuration reaches nothing that is not its own.
func TestHostileConfigurations(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "", "allow: [{teams: [payments], commands: [[/bin/cat, \"/srv/{integration}/*\"]]}]\n")
	outside := t.TempDir()
	p.write(filepath.Join(outside, "prelaunch.yaml"), configuration("acme", "{file: "+p.secrets+"/payments/acme/live}", ""))
	own := "{file: " + p.secrets + "/payments/acme/live}"
	for name, text := range map[string]string{
		"another team's key":         configuration("acme", "{file: "+p.secrets+"/loans/other/live}", ""),
		"another team's name":        configuration("other", "{file: "+p.secrets+"/loans/other/live}", ""),
		"a name with a way up":       configuration("../loans/other", "{file: "+p.secrets+"/loans/other/live}", ""),
		"a name that is a pattern":   configuration("*", own, ""),
		"a variable of the server's": configuration("acme", "{env: GITHUB_KEY}", ""),
		"files of the server's":      configuration("acme", own, "clients: [{path: /etc}]\n"),
		"a repository of another":    configuration("acme", own, "repositories: [{path: ../../loans}]\n"),
		"evidence of another":        configuration("acme", own, "attestations: [{check: network.ip-allowlist, statement: s, by: j, on: 2026-11-01, evidence: ../../loans/x}]\n"),
		"a literal key":              configuration("acme", "key-of-payments-acme-0123456789", ""),
		"no YAML":                    "\x00\x01",
		"a bomb":                     "a: &a [x,x]\nb: &b [*a,*a]\nintegration: *b\n",
		"a profile of the server's":  strings.Replace(configuration("acme", own, ""), "provider: github", "provider: /etc/profile.yaml", 1),
		"roots of another":           configuration("acme", own, "network: {ca_file: ../../loans/ca.pem}\n"),
		"logs of the server's":       configuration("acme", own, "logs: [{path: /var/log/*.log}]\n"),
	} {
		file := filepath.Join(p.root, "payments", "acme", "prelaunch.yaml")
		p.write(file, text)
		found := p.read("own")[0]
		if found.Problem == "" {
			t.Errorf("%s is accepted: %+v", name, found)
		}
		if strings.Contains(found.Problem, "0123456789") || strings.Contains(found.Problem, "--allow") {
			t.Errorf("%s: the problem repeats a key, or names a flag that the server does not have: %s", name, found.Problem)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"out of the source": filepath.Join(outside, "prelaunch.yaml"), "to the server's files": "/etc/passwd", "to nothing": "/nowhere"} {
		link := filepath.Join(p.root, "payments", "prelaunch.yaml")
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if found := p.read("own")[0]; found.Problem == "" || strings.Contains(found.Problem, "root:") {
			t.Errorf("a link %s is followed: %+v", name, found)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(p.root, "payments", "linked")); err != nil {
		t.Fatal(err)
	}
	if found := p.read("own"); len(found) > 0 {
		t.Errorf("a directory behind a link is searched: %+v", found)
	}
}

// TestLoad holds what an audit gets of a configuration: its key, the addresses and the commands that are its own.
func TestLoad(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "", "allow: [{teams: [payments], commands: [[/bin/echo, \"{integration}-*\"]], networks: [10.0.0.0/8]}]\n")
	load := func(text string) (*audit.Integration, audit.Exec, error) {
		p.write(filepath.Join(p.root, "payments", "acme", "prelaunch.yaml"), text)
		return p.reader.Load(t.Context(), "acme", "payments", "own", "payments/acme/prelaunch.yaml")
	}
	integration, exec, err := load(configuration("acme", "{file: "+p.secrets+"/payments/acme/live}", ""))
	if err != nil {
		t.Fatal(err)
	}
	if key := integration.Environments[0].Key.Key; !key.Held() || string(key.Expose()) != "key-of-payments-acme-0123456789" {
		t.Error("its key is not resolved")
	}
	if !integration.PublicOnly || len(integration.AllowedAddresses) != 1 {
		t.Errorf("it may contact %v, public only: %v", integration.AllowedAddresses, integration.PublicOnly)
	}
	if output, _, err := exec(t.Context(), audit.Command{Args: []string{"/bin/echo", "acme-x"}}); err != nil || string(output) != "acme-x\n" {
		t.Errorf("a command that is allowed: %q, %v", output, err)
	}
	if _, _, err := exec(t.Context(), audit.Command{Args: []string{"/bin/echo", "other-x"}}); err == nil {
		t.Error("a command of another integration runs")
	}
	for name, text := range map[string]string{
		"another name since":      configuration("other", "{file: "+p.secrets+"/payments/acme/live}", ""),
		"a command not allowed":   configuration("acme", "{command: [/bin/cat, /etc/passwd]}", ""),
		"a log's command":         configuration("acme", "{file: "+p.secrets+"/payments/acme/live}", "logs: [{command: [/bin/cat, /etc/passwd]}]\n"),
		"a key that is not there": configuration("acme", "{file: "+p.secrets+"/payments/acme/none}", ""),
	} {
		integration, exec, err := load(text)
		if name == "a log's command" && err == nil { // it is refused when the log is read
			_, _, err = exec(t.Context(), integration.Logs[0].Command)
		}
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, _, err := p.reader.Load(t.Context(), "acme", "payments", "own", "../acme/prelaunch.yaml"); err == nil {
		t.Error("a path leads out of the source")
	}
	if _, _, err := p.reader.Load(t.Context(), "acme", "payments", "none", "payments/acme/prelaunch.yaml"); err == nil {
		t.Error("a source that is not configured is read")
	}
}

// TestGitSource holds that a repository is followed, and that it runs nothing.
func TestGitSource(t *testing.T) {
	t.Parallel()
	repository := t.TempDir()
	git := func(arguments ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", repository, "-c", "user.name=jane", "-c", "user.email=jane@acme.example"}, arguments...)...)
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", arguments, err, output)
		}
	}
	clone := filepath.Join(t.TempDir(), "clone")
	p := newPlace(t, fmt.Sprintf("{name: repo, directory: %s, git: \"file://%s\"}", clone, repository), "")
	git("init", "-q", "-b", "main")
	file := filepath.Join(repository, "payments", "prelaunch.yaml")
	p.write(file, configuration("acme", "{file: "+p.secrets+"/payments/acme/live}", ""))
	git("add", ".")
	git("commit", "-q", "-m", "first")
	first := p.read("repo")
	if len(first) != 1 || first[0].Problem != "" || first[0].Team != "payments" {
		t.Fatalf("found are %+v", first)
	}
	p.write(file, configuration("acme", "{file: "+p.secrets+"/payments/acme/live}", "clients: []\n"))
	git("commit", "-q", "-a", "-m", "second")
	if second := p.read("repo"); second[0].Content == first[0].Content {
		t.Error("a new commit is not seen")
	}
	git("commit", "-q", "--amend", "-m", "rewritten")
	git("rm", "-q", "payments/prelaunch.yaml")
	git("commit", "-q", "-m", "third")
	if third := p.read("repo"); len(third) > 0 {
		t.Errorf("what was removed is found: %+v", third)
	}
	if err := os.Rename(repository, repository+"-gone"); err != nil {
		t.Fatal(err)
	}
	if _, read := p.reader.Read(t.Context())["repo"]; read {
		t.Error("a repository that is away is taken for one without configurations")
	}
}

// TestHostileRepositories: a repository that names one file billions of times writes nothing, and a forge that says nothing is
// left with no process. Neither keeps others from being read.
// TestTeamsShareASource holds that a team with too many files, or with a directory that cannot be read, harms nobody but itself.
func TestTeamsShareASource(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(p *place){
		"too many files": func(p *place) {
			for n := range 8 {
				p.write(filepath.Join(p.root, "attackers", fmt.Sprint(n)), "")
			}
		},
		"too many configurations": func(p *place) {
			for n := range 4 {
				p.write(filepath.Join(p.root, "attackers", fmt.Sprintf("%d.prelaunch.yaml", n)), "integration: x")
			}
		},
		"a directory that cannot be read": func(p *place) {
			p.write(filepath.Join(p.root, "attackers", "closed", "x"), "")
			if err := os.Chmod(filepath.Join(p.root, "attackers", "closed"), 0); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(filepath.Join(p.root, "attackers", "closed"), 0o700) })
		},
	} {
		if name == "a directory that cannot be read" && os.Getuid() == 0 {
			continue // root reads it
		}
		p := newPlace(t, "", "")
		p.reader.BoundTeams(2, 7)
		spoil(p)
		p.write(filepath.Join(p.root, "payments", "acme", "prelaunch.yaml"), configuration("acme", "{file: "+p.secrets+"/payments/acme/live}", ""))
		whole, unread := false, 0
		for _, one := range p.read("own") {
			whole = whole || one.Name == "acme" && one.Problem == ""
			if one.Unread && one.Team == "attackers" && one.Problem != "" {
				unread++
			}
		}
		if !whole || unread != 1 {
			t.Errorf("%s: %+v", name, p.read("own"))
		}
	}
}

func TestHostileRepositories(t *testing.T) {
	t.Parallel()
	bomb, clone := t.TempDir(), filepath.Join(t.TempDir(), "clone")
	git := func(input string, arguments ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", bomb, "-c", "user.name=jane", "-c", "user.email=jane@acme.example"}, arguments...)...)
		cmd.Stdin = strings.NewReader(input)
		output, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %v: %v", arguments, err)
		}
		return strings.TrimSpace(string(output))
	}
	git("", "init", "-q", "-b", "main")
	entry := "100644 blob " + git(strings.Repeat("\x00", 16<<20), "hash-object", "-w", "--stdin")
	for range 10 {
		var tree strings.Builder
		for n := range 10 {
			fmt.Fprintf(&tree, "%s\tf%d\n", entry, n)
		}
		entry = "040000 tree " + git(tree.String(), "mktree")
	}
	git("", "update-ref", "refs/heads/main", git("", "commit-tree", "-m", "bomb", strings.TrimPrefix(entry, "040000 tree ")))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hungUp := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			cancel() // as the time that a fetch has would
			_, err = io.Copy(io.Discard, conn)
		}
		hungUp <- err
	}()
	p := newPlace(t, fmt.Sprintf("{name: bomb, directory: %s, git: \"file://%s\"}, {name: own, directory: %s}, {name: silent, directory: %s, git: \"https://%s/x.git\"}",
		clone, bomb, t.TempDir(), filepath.Join(t.TempDir(), "silent"), listener.Addr()), "")
	found := p.reader.Read(ctx)
	if _, read := found["own"]; !read || len(found) != 1 {
		t.Errorf("found are %v", found)
	}
	if entries, err := os.ReadDir(clone); err != nil || len(entries) != 1 {
		t.Errorf("the clone holds %v: %v", entries, err)
	}
	if err := <-hungUp; err != nil {
		t.Error(err)
	}
}
