package webhook

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/send"
)

// Rules of this file: a replay makes its requests as the probe does, so that it sends nothing that an
// audit would not. What it shows is shown to people: keys and whatever was made with one are taken
// out, in requests and responses, unless Reveal says that the key is no secret.

// Replay sends single cases to one environment's receiver, one after the other.
type Replay struct {
	Run         *audit.Run
	Environment audit.Environment
	// Selects reports whether a case is wanted.
	Selects func(c cases.Case) bool
	// Reveal shows signatures: they were made with a key that is no secret.
	Reveal bool
}

// Exchanged is a case, and what was sent and received.
type Exchanged struct {
	cases.Case
	Purpose   string // one of the Purpose constants
	EventType string
	NotSent   string // why it was not sent, in words; then nothing below is set
	Sent      Message
	Received  Message
	Method    string
	URL       string
	Status    int    // 0 where there was no response
	Failure   string // class of what went wrong, as in Exchange
	Cut       bool   // the response goes on
	Attempts  int
	Started   time.Time
	Took      time.Duration
}

// Message is one half of an exchange.
type Message struct {
	Header [][2]string
	Body   []byte
}

// ErrNothingSelected reports that no case that can be sent to this environment was selected.
var ErrNothingSelected = errors.New("no test case is selected")

// prepared is a prober with the selected jobs.
func (r Replay) prepare() (*prober, *transcript, []job, error) {
	profile, err := provider.Of(r.Run.Integration.Provider, r.Run.Integration.ProviderProfile)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("replay: %w", err)
	}
	r.Environment.Captured = nil // what is shown holds nothing of a recording
	p, t := newProber(r.Run, profile, r.Environment, newProgress(nil)), newTranscript(r.Environment, &profile)
	if p.sender == nil {
		return nil, nil, nil, fmt.Errorf("the webhook URL %.200q is not valid", r.Environment.WebhookURL)
	}
	p.chooseEvent(t, "")
	t.baseline.Genuine = true // unusual valid events are sent whatever the plain one got
	jobs, err := p.every(t)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("replay: %w", err)
	}
	seen := map[string]bool{}
	jobs = slices.DeleteFunc(jobs, func(j job) bool {
		drop := seen[j.Label()] || !r.Selects(j.Case)
		seen[j.Label()] = true
		return drop
	})
	if len(jobs) == 0 {
		return nil, nil, nil, ErrNothingSelected
	}
	return p, t, jobs, nil
}

// every is each job of the suite, in the order in which the probe sends them.
func (p *prober) every(t *transcript) ([]job, error) {
	var jobs []job
	for _, event := range p.configured() {
		jobs = append(jobs, validJob(cases.FamilyType, event.Type, event))
	}
	jobs = append(jobs, job{Case: p.forged[0], purpose: PurposeForgery, event: t.event})
	jobs = append(jobs, p.forgedJobs(t)...)
	jobs = append(jobs, p.variantJobs(t)...)
	jobs = append(jobs, p.invalidJobs(t)...)
	again, err := p.redeliveryJobs(t)
	if err != nil {
		return nil, err
	}
	return slices.Concat(jobs, again, p.diagnosisJobs(t)), nil
}

// Send sends the cases. It returns what it has when ctx ends.
func (r Replay) Send(ctx context.Context) ([]Exchanged, error) {
	p, t, jobs, err := r.prepare()
	if err != nil {
		return nil, err
	}
	defer p.sender.CloseIdle()
	if r.Environment.Probing == audit.Passive {
		return nil, fmt.Errorf("nothing is sent to %s: its probing is passive", r.Environment.Name)
	}
	if slices.ContainsFunc(jobs, func(j job) bool { return j.Name == "http2" }) {
		p.offerTwo(ctx, t)
	}
	var made digests
	p.source.Made = made.add
	var shown []Exchanged
	for _, j := range jobs {
		made.forget()
		result := p.sender.Do(ctx, "", false, func() (*cases.Request, string) { return p.prepare(t, j) })
		if ctx.Err() != nil {
			return shown, ctx.Err()
		}
		shown = append(shown, r.show(ctx, p, j, result, &made))
	}
	return shown, nil
}

// show is an exchange as people may see it.
func (r Replay) show(ctx context.Context, p *prober, j job, result send.Result, made *digests) Exchanged {
	e := Exchanged{Case: j.Case, Purpose: j.purpose, EventType: j.event.Type, NotSent: result.NotSent}
	if e.NotSent != "" {
		e.NotSent = whyOne(result.NotSent)
		return e
	}
	f, a := result.Request, &result.Response
	request := p.sender.Client.Request(ctx, f)
	last := result.Attempts[len(result.Attempts)-1]
	redact := func(text string) string { return text }
	if !r.Reveal {
		redactor := r.redactor(p, f, made)
		redact = redactor.RedactString
	}
	e.Method, e.URL, e.Status, e.Failure, e.Cut = request.Method, redact(request.URL.String()), a.Status, a.Failure, a.Cut
	e.Attempts, e.Started, e.Took = len(result.Attempts), last.At, last.Ended.Sub(last.Begun)
	e.Sent = Message{headers(request.Header, redact), []byte(redact(string(f.Body)))}
	if f.Keyed && !f.Unsigned && !r.Reveal { // a single digit of a signature is no text to search for
		for i, pair := range e.Sent.Header {
			if strings.EqualFold(pair[0], cases.SchemeOf(&p.profile).Header()) {
				e.Sent.Header[i][1] = redacted
			}
		}
	}
	e.Received = Message{headers(a.Header, redact), []byte(redact(string(a.Body)))}
	return e
}

const redacted = "[redacted]"

// redactor takes out the keys, and every digest that was or could be made with one for a request.
func (r Replay) redactor(p *prober, f *cases.Request, made *digests) *secret.Redactor {
	redactor := r.Run.Integration.Redactor()
	sums := p.source.ExpectedSignatures(f)
	for _, digest := range made.list() {
		if r.secretKey(p, digest.Secret) {
			sums = append(sums, digest.Sum)
		}
	}
	for _, sum := range sums {
		for _, text := range []string{
			hex.EncodeToString(sum), strings.ToUpper(hex.EncodeToString(sum)),
			base64.StdEncoding.EncodeToString(sum), base64.RawURLEncoding.EncodeToString(sum),
		} {
			redactor.AddText(text, "redacted")
		}
	}
	if f.Keyed {
		redactor.AddText(f.Signature, "redacted")
	}
	return redactor
}

// secretKey reports whether a key is one of the integration's. Signatures made with a guessable key
// are no secret.
func (r Replay) secretKey(p *prober, key []byte) bool {
	return slices.ContainsFunc(r.Run.Integration.Keys(), func(own secret.Key) bool {
		return own.Held() && cases.SchemeOf(&p.profile).SameKey(own.Expose(), key)
	})
}

func headers(header http.Header, redact func(string) string) [][2]string {
	list := [][2]string{}
	for name, values := range header {
		for _, value := range values {
			list = append(list, [2]string{redact(name), redact(value)})
		}
	}
	slices.SortStableFunc(list, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return list
}

// whyOne is why one case was not sent, for readers.
func whyOne(reason string) string {
	if text := whyNotSent[reason]; text != "" {
		return text
	}
	return map[string]string{
		cases.NotSentSameKey:     "the key to sign it with is the receiver's own",
		cases.NotSentNotPossible: "this event or URL has no such variant",
		cases.NotSentNotOffered:  "the receiver does not offer HTTP/2",
	}[reason]
}

// digests are those made with a key while a request was prepared.
type digests struct {
	mu   sync.Mutex
	made []cases.Digest
}

func (d *digests) add(one cases.Digest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	one.Secret, one.Key = bytes.Clone(one.Secret), bytes.Clone(one.Key)
	d.made = append(d.made, one)
}

func (d *digests) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.made = nil
}

func (d *digests) list() []cases.Digest {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.made)
}

// Failed completes "the request …" for the classes of failure that people meet.
func Failed(class string) string {
	switch class {
	case netprobe.Refused:
		return "found no listener: the connection was refused"
	case netprobe.Timeout:
		return "got no response in time"
	case netprobe.Reset:
		return "got no response: the connection was closed"
	}
	return "failed: " + class
}
