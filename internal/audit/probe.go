package audit

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Probe looks at one part of an integration and describes what it sees; it never judges. An instance serves one run.
type Probe interface {
	// Name is the probe's directory, lower case.
	Name() string
	// Title is what a person reads while it runs, such as "webhook receiver".
	Title() string
	// Kinds are the facts it may emit.
	Kinds() []Kind
	// Plan lists what Run would send, read and run where selected are the checks, without doing any of it. Nil: all are.
	Plan(integration *Integration, selected func(check string) bool) []Step
	// Run gathers the facts. It returns promptly with ctx.Err() once ctx is done, having emitted what it knows by then. Any
	// error means that the absence of a fact proves nothing; its text reaches the report, so it holds nothing that was received.
	Run(ctx context.Context, run *Run) error
}

// Follower is a probe with a second phase, which starts when the first phase of every probe has ended: the logs are read again once
// the receivers have been written to.
type Follower interface {
	Probe
	Follow(ctx context.Context, run *Run) error
}

// Preparer is a probe that must look before any other does something: where a log ends is noted before the receivers are written to.
// Prepare returns soon; what it could not do, Run does.
type Preparer interface {
	Probe
	Prepare(ctx context.Context, run *Run)
}

// Kind is a kind of fact.
type Kind struct {
	Name string       // "area.noun"
	Type reflect.Type // struct with json tags and jsonschema descriptions
}

// KindOf is the kind of that name whose facts are values of T.
func KindOf[T any](name string) Kind { return Kind{Name: name, Type: reflect.TypeFor[T]()} }

// Step is one thing that a probe would do.
type Step struct {
	Probe       string `json:"probe"`
	Environment string `json:"environment,omitempty"`
	Action      string `json:"action"` // send, connect, read, run, look up
	Target      string `json:"target"` // URL, path or program
	Detail      string `json:"detail,omitempty"`
	Count       int    `json:"count,omitempty"` // how many such requests at most, where more than one
}

// Run is what a probe gets from outside: the integration, and every side effect that it may have.
type Run struct {
	Integration *Integration
	ID          string // of the run, random
	UserAgent   string // "prelaunch/VERSION run/ID"
	Now         func() time.Time
	Network     Network
	Exec        Exec
	Roots       Roots
	Ledger      *Ledger
	Sink        Sink
	Progress    func(done, total int) // see Advance; may be nil
	// Notice tells the person who waits, at once, what must not wait for the report. May be nil.
	Notice func(text string)
	// Sending is told of each event with a UID that is about to be sent to a receiver; where it returns an error the event is not sent.
	// May be nil.
	Sending func(ctx context.Context, event SentEvent) error
	// Selected reports whether a check is selected; only what selected checks read is sent. Nil: all are.
	Selected func(check string) bool
	// Shared is what the probes of a run have in common. Nil: each makes its own.
	Shared *Shared
	// OnlyMarked leaves out the share of requests that do not name the auditor.
	OnlyMarked bool
}

// Advance says how far the probe got, where anybody asks. A total of 0 is not known.
func (r *Run) Advance(done, total int) {
	if r.Progress != nil {
		r.Progress(done, total)
	}
}

// Shared holds what several probes need and is expensive to make: whoever needs it first makes it.
// One probe can also hold back others. The zero value is ready; it is safe for concurrent use.
type Shared struct{ made, held sync.Map }

// Hold makes Wait wait for name until release is called, once or several times. A probe holds in
// Prepare, before any other runs.
func (s *Shared) Hold(name string) (release func()) {
	if s == nil {
		return func() {}
	}
	released, end := context.WithCancel(context.Background())
	s.held.Store(name, released)
	return end
}

// Receiver is the name under which an environment's webhook receiver is held.
func Receiver(environment string) string { return "receiver " + environment }

// Wait waits until nothing holds name any more, or ctx is done.
func (s *Shared) Wait(ctx context.Context, name string) error {
	if s == nil {
		return ctx.Err()
	}
	if held, ok := s.held.Load(name); ok {
		select {
		case <-held.(context.Context).Done():
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// Once returns what make returned when it was first called for that name. A nil Shared calls it
// each time.
func (s *Shared) Once(name string, make func() (any, error)) (any, error) {
	if s == nil {
		return make()
	}
	once, _ := s.made.LoadOrStore(name, sync.OnceValues(make))
	return once.(func() (any, error))()
}

// Network connects to what is audited, honoring network.resolve, without proxies, and only to addresses that may be contacted.
type Network interface {
	// Addresses are the "address:port" at which a host's port is to be reached, in a stable order.
	Addresses(ctx context.Context, host, port string) ([]string, error)
	// Unresolved are the types of DNS records, A or AAAA, of a host that has addresses of the other type, of which the lookup
	// failed: it may have more addresses than Addresses returned.
	Unresolved(host string) []string
	// DialContext connects to "host:port", the host as a URL names it.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	// DialAddress connects to one of Addresses, as it is: network.resolve does not apply to it again.
	DialAddress(ctx context.Context, network, address string) (net.Conn, error)
	// Pace waits until one more request may be sent to an environment's receiver.
	Pace(ctx context.Context, environment string) error
}

// Roots are the certificate authorities that are trusted.
type Roots struct {
	System *x509.CertPool // the machine's own
	All    *x509.CertPool // with those of network.ca_file
}

// Command is a program that the configuration names.
type Command struct {
	Args []string // the program and its arguments
	Env  []string // the names of the variables that it is passed next to PATH and HOME
}

// String shows a command as far as its arguments read like words: a key may have been written where an argument was expected.
func (c Command) String() string {
	shown := make([]string, 0, len(c.Args))
	for i, argument := range c.Args {
		switch {
		case i == 0:
			argument = secret.ProgramName(argument)
		case argument != "" && !secret.PlainWords(argument):
			argument = "(withheld)"
		}
		if argument == "" || strings.ContainsAny(argument, " '") {
			argument = strconv.Quote(argument)
		}
		shown = append(shown, argument)
	}
	text := strings.Join(shown, " ")
	if len(c.Env) > 0 {
		text += " (with " + strings.Join(c.Env, ", ") + ")"
	}
	return text
}

// Exec runs a command of the configuration in its directory with a minimal environment (PATH, HOME and the variables that it
// names), a timeout and a bound on its output. Its standard error is withheld. An exit status other than 0 is no error.
type Exec func(ctx context.Context, command Command) (output []byte, exit int, err error)

// ErrOutputLimit is returned by Exec, together with the output up to there, when a command printed more than is read.
var ErrOutputLimit = errors.New("the output is larger than what is read of it")

// ErrCommandsNotAllowed is returned by Exec without --allow-commands.
var ErrCommandsNotAllowed = errors.New("commands of the configuration run only with --allow-commands")

// Sink takes what a probe has found. It is safe for concurrent use.
type Sink interface {
	// Emit adds a fact of one of the probe's kinds.
	Emit(kind string, fact any)
	// Scope lets the probe add to the scope.
	Scope(change func(*Scope))
}

// Redactor takes every key of the integration out of text.
func (i *Integration) Redactor() *secret.Redactor { return secret.NewRedactor(i.Keys()...) }
