package webhook

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

// Rules of this file: a request is printed as shell commands in which openssl computes the signature
// from a variable. How a case changes the signature is read off requests that are made with random
// keys in place of the real ones, which are never used here: what differs between them and is a part
// of a digest is computed, and what is the same in all of them is written as it is. A case in which a
// part cannot be explained has no command.

// instances is how many requests of a case are compared: two digests share a character at one place
// by chance, and six do not.
const instances = 6

// Command is a test case as shell commands.
type Command struct {
	cases.Case
	Script  string
	NotSent string // why there is none, in words
}

// errUnexplained reports that a request holds something made with a key that is no whole digest and no part of one.
var errUnexplained = errors.New("what it changes about the signature cannot be written as a command")

// Commands returns the selected cases as shell commands. No key need be known.
func (r Replay) Commands(ctx context.Context) ([]Command, error) {
	type instance struct {
		p    *prober
		t    *transcript
		jobs []job
		made *digests
	}
	list := make([]instance, instances)
	names := map[string]string{} // key → variable
	for i := range list {
		replay := r
		replay.Environment = r.standIn(&replay.Run, names)
		p, t, jobs, err := replay.prepare()
		if err != nil {
			return nil, err
		}
		t.offersTwo = true
		list[i] = instance{p, t, jobs, &digests{}}
		p.source.Made = list[i].made.add
	}
	if r.Environment.Probing == audit.Passive {
		return nil, fmt.Errorf("nothing is sent to %s: its probing is passive", r.Environment.Name)
	}
	var commands []Command
	for i, j := range list[0].jobs {
		var made []attempt
		reason := ""
		for _, one := range list {
			one.made.forget()
			f, why := one.p.prepare(one.t, one.jobs[i])
			if reason = why; reason != "" {
				break
			}
			made = append(made, attempt{f, one.p.sender.Client.Request(ctx, f), one.made.list()})
		}
		command := Command{Case: j.Case}
		if reason != "" {
			command.NotSent = whyOne(reason)
		} else if script, err := r.script(made, names); err != nil {
			command.NotSent = err.Error()
		} else {
			command.Script = script
		}
		commands = append(commands, command)
	}
	return commands, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// standIn puts a random key in the place of each key of a copy of the run, and notes the variables
// that stand for them in a command.
func (r Replay) standIn(run **audit.Run, names map[string]string) audit.Environment {
	integration := *r.Run.Integration
	taken := map[string]bool{}
	replace := func(reference audit.KeyReference, fallback string) audit.KeyReference {
		name := reference.Variable
		if !variableName.MatchString(name) || taken[name] {
			name = fallback
		}
		taken[name] = true
		key := cases.RandomHex(32)
		names[key] = name
		reference.Key = secret.New([]byte(key))
		return reference
	}
	integration.Environments = slices.Clone(integration.Environments)
	for i := range integration.Environments {
		e := &integration.Environments[i]
		e.Key = replace(e.Key, "PRELAUNCH_"+strings.ToUpper(e.Name)+"_KEY")
	}
	integration.RetiredKeys = slices.Clone(integration.RetiredKeys)
	for i := range integration.RetiredKeys {
		integration.RetiredKeys[i].KeyReference = replace(integration.RetiredKeys[i].KeyReference, fmt.Sprintf("PRELAUNCH_RETIRED_KEY_%d", i))
	}
	copied := *r.Run
	copied.Integration = &integration
	*run = &copied
	environment := r.Environment
	own, _ := integration.Environment(environment.Name)
	environment.Key = own.Key
	return environment
}

// attempt is one request of a case with the digests that went into it.
type attempt struct {
	f       *cases.Request
	request *http.Request
	made    []cases.Digest
}

// script is a case as shell commands. made are equal but for what is random.
func (r Replay) script(made []attempt, names map[string]string) (string, error) {
	first := made[0]
	if first.f.Abort {
		return "", errors.New("the connection is closed in the middle of the body, which curl cannot do")
	}
	for _, a := range made {
		for _, d := range a.made {
			if names[string(d.Secret)] != "" && (strings.Contains(string(a.f.Body), hex.EncodeToString(d.Sum)) || strings.Contains(string(a.f.Body), base64.StdEncoding.EncodeToString(d.Sum))) {
				return "", errUnexplained
			}
		}
	}
	w := &shell{names: names, first: first}
	target, err := w.word(values(made, func(a attempt) string { return a.request.URL.String() }), made)
	if err != nil {
		return "", err
	}
	arguments := []string{"-X " + first.f.Method, target}
	for _, name := range slices.Sorted(headerNames(first.request)) {
		for i := range first.request.Header[name] {
			text, err := w.word(values(made, func(a attempt) string { return header(a.request, name, i) }), made)
			if err != nil {
				return "", err
			}
			arguments = append(arguments, "-H "+text)
		}
	}
	if first.request.Header.Get("Content-Type") == "" {
		arguments = append(arguments, "-H 'Content-Type:'")
	}
	if !first.f.Expect {
		arguments = append(arguments, "-H 'Expect:'")
	}
	if first.f.Chunked {
		arguments = append(arguments, "-H 'Transfer-Encoding: chunked'")
	}
	version := "--http1.1"
	if first.f.HTTP2 {
		version = "--http2"
	}
	arguments = append(arguments, r.connection(first.request.URL)...)
	var script strings.Builder
	script.WriteString("(\n") // so that a variable that is not set ends this and not the user's shell
	for _, name := range w.used {
		fmt.Fprintf(&script, "  : \"${%s:?holds no key}\"\n", name)
	}
	fmt.Fprintf(&script, "  body() { %s; }\n%s  body | curl -sS -i -g --path-as-is %s -w '\\n' --data-binary @- \\\n    %s\n)\n",
		printing(first.f.Body), w.lines.String(), version, strings.Join(arguments, " \\\n    "))
	return script.String(), nil
}

func headerNames(request *http.Request) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range request.Header {
			if !yield(name) {
				return
			}
		}
	}
}

// header is a header as curl takes it.
func header(request *http.Request, name string, i int) string {
	list := request.Header[name]
	if i >= len(list) || list[i] == "" {
		return name + ";"
	}
	return name + ": " + list[i]
}

func values(made []attempt, of func(attempt) string) []string {
	list := make([]string, len(made))
	for i, a := range made {
		list[i] = of(a)
	}
	return list
}

// connection is how curl reaches the receiver as this program does.
func (r Replay) connection(target *url.URL) []string {
	network := r.Run.Integration.Network
	port := cmp.Or(target.Port(), map[string]string{"http": "80"}[target.Scheme], "443")
	var list []string
	if to := network.Resolve[net.JoinHostPort(target.Hostname(), port)]; len(to) > 0 && !netprobe.Loopback(target.Hostname()) {
		list = append(list, "--connect-to "+quote(net.JoinHostPort(target.Hostname(), port)+":"+to[0]))
	}
	for _, file := range [][2]string{{"--cacert", network.CAFile}, {"--cert", network.ClientCert}, {"--key", network.ClientKey}} {
		if file[1] != "" {
			list = append(list, file[0]+" "+quote(r.Run.Integration.Resolve(file[1])))
		}
	}
	return list
}
