package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/probes/webhook"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

// Formats of replay beyond those of listings.
const (
	asCommand = "curl"
	asHAR     = "har"
)

func (a *app) replayCommand() *cobra.Command {
	var format string
	var r receiver
	var permissions permissions
	flags := map[string]*bool{asJSON: new(bool), asCommand: new(bool), asHAR: new(bool)}
	cmd := &cobra.Command{
		Use: "replay CHECK-OR-CASE [FILE]", Short: "Send a test case and show the request and the response", Args: cobra.RangeArgs(1, 2),
		Long: `Send one test case, or all that a check reads, to the receiver that FILE (default prelaunch.yaml) or --url names, and show what was
sent and received. Test is meant unless --environment says production, and nothing is sent that an audit would not send there. Keys and
signatures are redacted, except those made with a throw-away key. --curl sends nothing: it prints shell commands in which openssl
computes the signature from a variable.`,
		Example: `  prelaunch replay truncated-signature/first-16
  prelaunch replay webhook.rejects-tampered --url http://localhost:8080/webhook
  prelaunch replay tampered/value-changed --curl | sh`,
		ValidArgsFunction: completeCases(&r.provider),
		RunE: func(cmd *cobra.Command, args []string) error {
			for name, set := range flags {
				if *set {
					format = name
				}
			}
			replay, reveal, err := a.replayOf(cmd, args, r, permissions, format != asCommand)
			if err != nil {
				return err
			}
			profile, err := provider.Of(replay.Run.Integration.Provider, replay.Run.Integration.ProviderProfile)
			if err != nil {
				return err
			}
			replay.Reveal = reveal
			if replay.Selects, err = selects(&profile, args[0]); err != nil {
				return err
			}
			if format == asCommand {
				err := a.printCommands(cmd.Context(), replay)
				if errors.Is(err, webhook.ErrNothingSelected) {
					return nothingToSend(&profile, args[0])
				}
				return err
			}
			list, err := replay.Send(cmd.Context())
			if errors.Is(err, webhook.ErrNothingSelected) {
				return nothingToSend(&profile, args[0])
			}
			if err != nil {
				return err
			}
			return a.printExchanges(list, replay, format)
		},
	}
	r.flags(cmd)
	permissions.flags(cmd)
	cmd.Flags().Lookup("environment").Usage = "the environment of the configuration, by `NAME` (default test)"
	must(cmd.RegisterFlagCompletionFunc("environment", cobra.FixedCompletions([]string{audit.Test, audit.Production}, cobra.ShellCompDirectiveNoFileComp)))
	listingFlag(cmd, &format, asCommand, asHAR)
	for _, name := range []string{asJSON, asCommand, asHAR} {
		cmd.Flags().BoolVar(flags[name], name, false, "the same as -o "+name)
	}
	cmd.MarkFlagsMutuallyExclusive(asJSON, asCommand, asHAR, "output")
	return cmd
}

// replayOf is what the flags name: the receiver of --url, or an environment of a configuration. Keys are resolved if something is to
// be sent. reveal says that the key is no secret.
func (a *app) replayOf(cmd *cobra.Command, args []string, r receiver, permissions permissions, resolve bool) (replay webhook.Replay, reveal bool, err error) {
	ctx := cmd.Context()
	var prepared *prepared
	if r.url != "" {
		if len(args) > 1 || cmd.Flags().Changed("environment") {
			return replay, false, errors.New("--url names a receiver of its own: give no configuration and no --environment with it")
		}
		local, err := a.local(ctx, r)
		if err != nil {
			return replay, false, err
		}
		if prepared, err = a.probing(local.integration, permissions, nil); err != nil {
			return replay, false, err
		}
		reveal = local.throwAway != ""
	} else {
		for _, name := range []string{"key-env", "integration-id", "uid", "ca-file", "provider"} {
			if cmd.Flags().Changed(name) {
				return replay, false, fmt.Errorf("--%s describes the receiver of --url, which is missing: the configuration has its own", name)
			}
		}
		if prepared, err = a.replayConfiguration(ctx, args[0], fileArgument(args[1:]), &permissions, resolve); err != nil {
			return replay, false, err
		}
	}
	integration := prepared.integration
	chosen := integration.Environments[0]
	if r.url == "" {
		var known bool
		if chosen, known = integration.Environment(permissions.environment); !known {
			return replay, false, fmt.Errorf("%s has no environment %.40q", integration.File, permissions.environment)
		}
	}
	id := strings.ToLower(rand.Text()[:12])
	run := &audit.Run{
		Integration: integration, ID: id, UserAgent: tool().Name + "/" + tool().Version + " run/" + id, Now: a.now,
		Network: prepared.options.Network, Exec: prepared.options.Exec, Roots: prepared.options.Roots, Ledger: &audit.Ledger{}, OnlyMarked: true,
	}
	return webhook.Replay{Run: run, Environment: chosen}, reveal, nil
}

// replayConfiguration reads a configuration for one environment, that of the flag or else Test. The keys of others are needed only
// where they sign the case.
func (a *app) replayConfiguration(ctx context.Context, selector, file string, permissions *permissions, resolve bool) (*prepared, error) {
	library, err := (&choice{}).load()
	if err != nil {
		return nil, err
	}
	integration, err := a.load(ctx, file, library, permissions.reading())
	if err != nil {
		return nil, err
	}
	if permissions.environment == "" {
		permissions.environment = integration.Environments[0].Name
		if _, known := integration.Environment(audit.Test); known {
			permissions.environment = audit.Test
		}
	}
	narrowed := *permissions
	if strings.HasPrefix(selector, "other-environment") || selector == "environments.credentials-not-interchangeable" || selector == "diagnosis/other-environment" {
		narrowed.environment = ""
	}
	if resolve {
		return a.prepare(ctx, file, library, &choice{}, narrowed)
	}
	if err := narrow(integration, narrowed.environment); err != nil {
		return nil, err
	}
	return a.probing(integration, narrowed, nil)
}

// nothingToSend says why a selector chose nothing: it names nothing, or what its cases are made of is missing.
func nothingToSend(profile *provider.Profile, selector string) error {
	if _, err := chooseCases(profile, selector); err != nil {
		return err
	}
	return fmt.Errorf("%s cannot be sent here: it needs something that the receiver's description lacks, such as the key of another environment", selector)
}

// selects is whether a case is one that a selector names. Which there are depends on the configuration too: retired keys have cases.
func selects(profile *provider.Profile, selector string) (func(cases.Case) bool, error) {
	name, _, _ := strings.Cut(selector, "/")
	family := slices.ContainsFunc(cases.Families, func(f cases.Family) bool { return f.Name == name || slices.Contains(f.Checks, selector) })
	if !family {
		if _, err := chooseCases(profile, selector); err != nil {
			return nil, err
		}
	}
	return func(c cases.Case) bool { return chooses(selector, c) }, nil
}

// shownExchange is one exchange as `replay -o json` has it.
type shownExchange struct {
	Case      string         `json:"case"`
	Changes   string         `json:"changes"`
	Checks    []string       `json:"checks"`
	EventType string         `json:"event_type"`
	Expected  string         `json:"expected"`
	NotSent   string         `json:"not_sent,omitempty"` // why; then nothing below is set
	Request   *shownMessage  `json:"request,omitempty"`
	Response  *shownResponse `json:"response,omitempty"`
	Error     string         `json:"error,omitempty"` // class of what went wrong
	Attempts  int            `json:"attempts,omitempty"`
	StartedAt string         `json:"started_at,omitempty"`
	Took      int64          `json:"milliseconds,omitempty"`
}

type shownMessage struct {
	Method  string        `json:"method,omitempty"`
	URL     string        `json:"url,omitempty"`
	Headers []shownHeader `json:"headers"`
	shownBody
}

type shownResponse struct {
	Status int `json:"status"`
	shownMessage
	Truncated bool `json:"truncated,omitempty"`
}

type shownHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// shownBody is a body as text, or in base64 where it is no text.
type shownBody struct {
	Body   string `json:"body,omitempty"`
	Base64 string `json:"body_base64,omitempty"`
}

// expected is what a correct receiver does with a case.
func expected(e webhook.Exchanged) string {
	family, _, _ := strings.Cut(e.Label(), "/")
	switch {
	case e.Purpose == webhook.PurposeGenuine:
		return "accepted with the provider's success status"
	case e.Purpose == webhook.PurposeForgery:
		return "rejected with a 4xx status"
	case family == "malformed" || family == "missing-field":
		return "rejected with a 4xx status"
	case e.Purpose == webhook.PurposeInvalid:
		return "accepted or rejected with a 4xx status, without a server error"
	}
	return "nothing in particular: it shows what the receiver verifies"
}

func messageOf(m webhook.Message) shownMessage {
	shown := shownMessage{Headers: []shownHeader{}}
	for _, pair := range m.Header {
		shown.Headers = append(shown.Headers, shownHeader{pair[0], pair[1]})
	}
	if utf8.Valid(m.Body) {
		shown.Body = string(m.Body)
	} else {
		shown.Base64 = base64.StdEncoding.EncodeToString(m.Body)
	}
	return shown
}

func showExchange(e webhook.Exchanged) shownExchange {
	shown := shownExchange{
		Case: e.Label(), Changes: e.Words(), Checks: append([]string{}, e.Checks()...), EventType: e.EventType,
		Expected: expected(e), NotSent: e.NotSent, Error: e.Failure, Attempts: e.Attempts, Took: e.Took.Milliseconds(),
	}
	if e.NotSent != "" {
		return shown
	}
	request := messageOf(e.Sent)
	request.Method, request.URL = e.Method, e.URL
	shown.Request, shown.StartedAt = &request, e.Started.UTC().Format(time.RFC3339Nano)
	if e.Status != 0 {
		shown.Response = &shownResponse{e.Status, messageOf(e.Received), e.Cut}
	}
	return shown
}

// replaySchema names the document of `replay -o json`.
const replaySchema = "prelaunch.replay/v1"

type replayDocument struct {
	Schema      string          `json:"schema"`
	Environment string          `json:"environment"`
	URL         string          `json:"url"`
	Exchanges   []shownExchange `json:"exchanges"`
}

func (a *app) printExchanges(list []webhook.Exchanged, replay webhook.Replay, format string) error {
	sent := 0
	for _, e := range list {
		if e.NotSent == "" {
			sent++
		}
	}
	if sent == 0 {
		return fmt.Errorf("%s was not sent: %s", list[0].Label(), list[0].NotSent)
	}
	switch format {
	case asJSON:
		document := replayDocument{replaySchema, replay.Environment.Name, replay.Environment.WebhookURL, []shownExchange{}}
		for _, e := range list {
			document.Exchanges = append(document.Exchanges, showExchange(e))
		}
		return a.printJSON(document)
	case asHAR:
		return a.printJSON(archive(list))
	}
	var text strings.Builder
	for i, e := range list {
		if i > 0 {
			text.WriteByte('\n')
		}
		writeExchange(&text, e)
	}
	return a.print(text.String())
}

// maxShown is how many bytes of a body the table shows.
const maxShown = 2000

func writeExchange(text *strings.Builder, e webhook.Exchanged) {
	fmt.Fprintf(text, "%s: %s\n", e.Label(), e.Words())
	if len(e.Checks()) > 0 {
		fmt.Fprintf(text, "  checks: %s\n", strings.Join(e.Checks(), ", "))
	}
	fmt.Fprintf(text, "  expected: %s\n", expected(e))
	if e.NotSent != "" {
		fmt.Fprintf(text, "  not sent: %s\n", e.NotSent)
		return
	}
	half := func(mark, first string, m webhook.Message) {
		fmt.Fprintf(text, "%s %s\n", mark, first)
		for _, pair := range m.Header {
			fmt.Fprintf(text, "%s %s: %s\n", mark, pair[0], pair[1])
		}
		if body := legibleBody(m.Body); body != "" {
			fmt.Fprintf(text, "%s\n%s %s\n", mark, mark, strings.ReplaceAll(body, "\n", "\n"+mark+" "))
		}
	}
	target := e.URL
	if parsed, err := url.Parse(e.URL); err == nil {
		target = parsed.RequestURI()
		e.Sent.Header = append([][2]string{{"Host", parsed.Host}}, e.Sent.Header...)
	}
	half(">", e.Method+" "+target, e.Sent)
	took := e.Took.Round(time.Millisecond)
	if e.Status == 0 {
		fmt.Fprintf(text, "< (the request %s, after %s)\n", webhook.Failed(e.Failure), took)
		return
	}
	half("<", fmt.Sprintf("%d %s (%s)", e.Status, http.StatusText(e.Status), took), e.Received)
	if e.Attempts > 1 {
		fmt.Fprintf(text, "  sent %d times; the last exchange is shown\n", e.Attempts)
	}
}

// legibleBody is a body as text, as much as the table shows.
func legibleBody(body []byte) string {
	if !utf8.Valid(body) {
		return fmt.Sprintf("(%s that are not UTF-8; -o json shows them)", counted(len(body), "byte"))
	}
	if len(body) > maxShown {
		return fmt.Sprintf("%s… (%s in all)", strings.ToValidUTF8(string(body[:maxShown]), ""), counted(len(body), "byte"))
	}
	return string(body)
}

// archive is an HTTP Archive 1.2.
func archive(list []webhook.Exchanged) any {
	type named struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	pairs := func(m webhook.Message) []named {
		shown := []named{}
		for _, pair := range m.Header {
			shown = append(shown, named{pair[0], pair[1]})
		}
		return shown
	}
	value := func(m webhook.Message, name string) string {
		for _, pair := range m.Header {
			if strings.EqualFold(pair[0], name) {
				return pair[1]
			}
		}
		return ""
	}
	content := func(m webhook.Message) map[string]any {
		body := messageOf(m).shownBody
		c := map[string]any{"mimeType": value(m, "Content-Type"), "text": body.Body}
		if body.Base64 != "" {
			c["text"], c["encoding"] = body.Base64, "base64"
		}
		return c
	}
	entries := []any{}
	for _, e := range list {
		if e.NotSent != "" {
			continue
		}
		query := []named{}
		if parsed, err := url.Parse(e.URL); err == nil {
			for name, values := range parsed.Query() {
				for _, one := range values {
					query = append(query, named{name, one})
				}
			}
		}
		milliseconds := float64(e.Took.Microseconds()) / 1000
		received := content(e.Received)
		received["size"] = len(e.Received.Body)
		entries = append(entries, map[string]any{
			"startedDateTime": e.Started.UTC().Format(time.RFC3339Nano), "time": milliseconds, "comment": e.Label(), "cache": map[string]any{},
			"timings": map[string]any{"send": 0, "wait": milliseconds, "receive": 0},
			"request": map[string]any{
				"method": e.Method, "url": e.URL, "httpVersion": "HTTP/1.1", "cookies": []any{}, "headers": pairs(e.Sent), "queryString": query,
				"postData": content(e.Sent), "headersSize": -1, "bodySize": len(e.Sent.Body),
			},
			"response": map[string]any{
				"status": e.Status, "statusText": http.StatusText(e.Status), "httpVersion": "HTTP/1.1", "cookies": []any{}, "headers": pairs(e.Received),
				"content": received, "redirectURL": value(e.Received, "Location"), "headersSize": -1, "bodySize": len(e.Received.Body),
			},
		})
	}
	return map[string]any{"log": map[string]any{
		"version": "1.2", "creator": map[string]any{"name": tool().Name, "version": tool().Version}, "entries": entries,
	}}
}

func (a *app) printCommands(ctx context.Context, replay webhook.Replay) error {
	list, err := replay.Commands(ctx)
	if err != nil {
		return err
	}
	var text strings.Builder
	written := 0
	for _, command := range list {
		if command.NotSent != "" {
			fmt.Fprintf(&text, "# %s: %s\n", command.Label(), report.Plain(command.NotSent))
			continue
		}
		written++
		fmt.Fprintf(&text, "# %s: %s\n%s", command.Label(), report.Plain(command.Words()), command.Script)
	}
	if written == 0 {
		return fmt.Errorf("%s: %s", list[0].Label(), list[0].NotSent)
	}
	_, err = fmt.Fprint(a.Out, text.String())
	return err
}
