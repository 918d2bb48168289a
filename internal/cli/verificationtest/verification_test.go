package verificationtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// framework is one on which a snippet is run as it is printed, next to the files of testdata.
type framework struct {
	name, file string     // the file that the snippet is
	npm        bool       // needs node_modules
	needs      [][]string // commands that succeed where it is installed
	build      []string
	serve      []string // at a port that the system picks
}

// spring is the class path of Spring MVC on Tomcat, as Debian has them; "." alone where it has not.
var spring = func() string {
	path := []string{"."}
	for _, name := range []string{"spring3-*", "tomcat9-*", "jackson-*", "commons-logging"} {
		found, _ := filepath.Glob("/usr/share/java/" + name + ".jar")
		path = append(path, found...)
	}
	return strings.Join(path, ":")
}()

var frameworks = []framework{
	{name: "go", file: "main.go", build: []string{"go", "build", "-o", "receiver", "main.go"}, serve: []string{"./receiver"}},
	{name: "express", file: "receiver.mjs", npm: true, serve: []string{"node", "receiver.mjs"}},
	{name: "fastify", file: "receiver.mjs", npm: true, serve: []string{"node", "receiver.mjs"}},
	{name: "hono", file: "receiver.mjs", npm: true, serve: []string{"node", "receiver.mjs"}},
	{
		name: "nest", file: "main.ts", npm: true,
		build: []string{"node", "../../node_modules/typescript/bin/tsc"}, serve: []string{"node", "main.js"},
	},
	{
		name: "next", file: "app/webhook/route.js", npm: true,
		build: []string{"node", "../../node_modules/next/dist/bin/next", "build"},
		serve: []string{"node", "../../node_modules/next/dist/bin/next", "start", "-p", "0"},
	},
	{name: "flask", file: "receiver.py", needs: [][]string{{"python3", "-c", "import flask"}}, serve: []string{"python3", "-m", "flask", "--app", "receiver", "run", "-p", "0"}},
	{
		name: "django", file: "views.py", needs: [][]string{{"python3", "-c", "import django, uvicorn"}},
		serve: []string{"python3", "-m", "uvicorn", "--port", "0", "asgi:application"},
	},
	{name: "fastapi", file: "receiver.py", needs: [][]string{{"python3", "-c", "import fastapi, uvicorn"}}, serve: []string{"python3", "-m", "uvicorn", "--port", "0", "receiver:app"}},
	{name: "php", file: "index.php", needs: [][]string{{"php", "--version"}}, serve: []string{"php", "-S", "127.0.0.1:0", "index.php"}},
	{
		name: "symfony", file: "WebhookController.php", needs: [][]string{{"php", "-r", "require '/usr/share/php/Symfony/Bundle/FrameworkBundle/autoload.php';"}},
		serve: []string{"php", "-S", "127.0.0.1:0", "index.php"},
	},
	{
		name: "laravel", file: "api.php", needs: [][]string{{"php", "-r", "require '/usr/share/php/Illuminate/autoload.php';"}},
		serve: []string{"php", "-S", "127.0.0.1:0", "index.php"},
	},
	{name: "rack", file: "config.ru", needs: [][]string{{"ruby", "-e", "require 'rack'; require 'puma'"}}, serve: []string{"puma", "-b", "tcp://127.0.0.1:0"}},
	{
		name: "rails", file: "webhooks_controller.rb", needs: [][]string{{"ruby", "-e", "require 'action_controller/railtie'; require 'puma'"}},
		serve: []string{"puma", "-b", "tcp://127.0.0.1:0"},
	},
	{
		name: "spring", file: "WebhookController.java", needs: [][]string{{"javac", "--version"}, {"ls", "/usr/share/java/spring3-web.servlet.jar", "/usr/share/java/tomcat9-catalina.jar", "/usr/share/java/jackson-databind.jar"}},
		build: []string{"javac", "-cp", spring, "Receiver.java", "WebhookController.java"}, serve: []string{"java", "-cp", spring, "Receiver", "work"},
	},
	{name: "aspnet", file: "Program.cs", needs: [][]string{{"dotnet", "--version"}}, build: []string{"dotnet", "build"}, serve: []string{"dotnet", "run", "--urls", "http://127.0.0.1:0"}},
}

// TestSnippetsPass runs each snippet whose framework is installed, and sends it the whole test suite: a verification that is recommended
// passes it. It goes on with the port at which the process listens, so that no port is chosen before it is taken.
func TestSnippetsPass(t *testing.T) {
	t.Setenv("PATH", "/usr/bin:"+os.Getenv("PATH")) // where the system's packages are, before any other Python
	program := filepath.Join(t.TempDir(), "prelaunch")
	build := exec.Command("go", "build", "-o", program, "./cmd/prelaunch")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	listed, err := exec.Command(program, "explain", "verification").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, listed)
	}
	for _, f := range frameworks {
		if !slices.Contains(strings.FieldsFunc(string(listed), func(c rune) bool { return c < 'a' || c > 'z' }), f.name) {
			t.Errorf("there is no snippet for %s:\n%s", f.name, listed)
		}
		providers := []string{"begini"}
		if slices.Contains([]string{"go", "express", "flask", "php", "rack", "spring"}, f.name) {
			providers = append(providers, "shopify") // in base64: the code for that is one of each language's
		}
		for _, provider := range providers {
			t.Run(f.name+"/"+provider, func(t *testing.T) {
				t.Parallel()
				f.test(t, program, provider)
			})
		}
	}
}

func (f framework) test(t *testing.T, program, provider string) {
	f.installed(t)
	snippet, err := exec.Command(program, "explain", "verification", f.name, "--provider", provider).Output()
	if err != nil {
		t.Fatal(err)
	}
	directory := f.directory(t)
	if err := os.CopyFS(directory, os.DirFS(filepath.Join("testdata", f.name))); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	file := filepath.Join(directory, f.file)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, snippet, 0o600); err != nil {
		t.Fatal(err)
	}
	variable := strings.ToUpper(provider) + "_API_KEY"
	environment := append(os.Environ(), variable+"=key-7Jq2mXw9Lr4VzT0s", "PORT=0", "NEXT_TELEMETRY_DISABLED=1", "GOFLAGS=-mod=mod", "RAILS_ENV=production", "RACK_ENV=production")
	if f.build != nil {
		build := exec.Command(f.build[0], f.build[1:]...)
		build.Dir, build.Env = directory, environment
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
	}
	var said bytes.Buffer
	serve := exec.Command(f.serve[0], f.serve[1:]...)
	serve.Dir, serve.Env, serve.Stdout, serve.Stderr = directory, environment, &said, &said
	serve.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = serve.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-serve.Process.Pid, syscall.SIGKILL)
		<-ended
	})
	var port int
	for port == 0 {
		select {
		case <-ended:
			t.Fatalf("the receiver ended: %s", &said)
		case <-time.After(50 * time.Millisecond): // these runtimes do not all tell when they listen
			port = listeningPort(t, serve.Process.Pid)
		}
	}
	audit := exec.Command(program, "dev", "--url", fmt.Sprintf("http://127.0.0.1:%d/webhook", port), "--provider", provider, "--key-env", variable)
	audit.Env = environment
	table, err := audit.CombinedOutput()
	warned := slices.DeleteFunc(warning.FindAllStringSubmatch(string(table), -1), func(found []string) bool {
		return found[1] == "webhook.answers-in-time" // how fast it is depends on what else this machine does
	})
	if err != nil || len(warned) > 0 {
		t.Errorf("%v\n%s", err, table)
	}
}

var warning = regexp.MustCompile(`(?m)^warn +(\S+)`)

// installed skips the test where the framework is not there. In CI only those may be missing that not every Debian has.
func (f framework) installed(t *testing.T) {
	t.Helper()
	absent := func(what string, err error) {
		if os.Getenv("CI") != "" && !slices.Contains([]string{"aspnet", "laravel", "spring", "symfony"}, f.name) {
			t.Fatalf("%s is not installed: %v", what, err)
		}
		t.Skipf("%s is not installed", what)
	}
	for _, command := range f.needs {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			absent(strings.Join(command, " ")+": "+string(out), err)
		}
	}
	if f.npm {
		if _, err := os.Stat("node_modules"); err != nil {
			absent("npm ci", err)
		}
	}
}

// directory is where the receiver lies: below node_modules' own directory, where that is needed.
func (f framework) directory(t *testing.T) string {
	t.Helper()
	if !f.npm {
		return t.TempDir()
	}
	if err := os.MkdirAll(".run", 0o700); err != nil {
		t.Fatal(err)
	}
	directory, err := os.MkdirTemp(".run", f.name+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(directory); err != nil {
			t.Error(err)
		}
	})
	return directory
}

var socket = regexp.MustCompile(`^socket:\[(\d+)\]$`)

// listeningPort is the TCP port at which a process of a group listens, as the kernel has it; 0 where none does yet.
func listeningPort(t *testing.T, group int) int {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/fd")
	if err != nil {
		t.Fatal(err)
	}
	sockets := map[string]bool{}
	for _, link := range links {
		pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
		if of, err := syscall.Getpgid(pid); err != nil || of != group {
			continue
		}
		files, _ := os.ReadDir(link) // the process may have ended
		for _, file := range files {
			target, _ := os.Readlink(filepath.Join(link, file.Name()))
			if found := socket.FindStringSubmatch(target); found != nil {
				sockets[found[1]] = true
			}
		}
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		raw, _ := os.ReadFile(table)
		for line := range strings.Lines(string(raw)) {
			const local, state, listening, inode = 1, 3, "0A", 9
			if fields := strings.Fields(line); len(fields) > inode && fields[state] == listening && sockets[fields[inode]] {
				_, hex, _ := strings.Cut(fields[local], ":")
				port, err := strconv.ParseInt(hex, 16, 32)
				if err != nil {
					t.Fatal(err)
				}
				return int(port)
			}
		}
	}
	return 0
}
