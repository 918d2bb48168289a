// Package notice tells people and programs about what happened to an integration: by webhooks signed per Standard Webhooks, Slack,
// email, and tickets in GitHub, Jira and ServiceNow.
//
// Rules of this package:
//   - what is sent comes from the outbox, which is written in the transaction of what it is about, so nothing is lost and nothing is
//     told that did not happen; it is sent at least once, and a receiver recognizes a duplicate by its id;
//   - a ticket is brought to the state that its finding has now, not to the one of the event: the order of deliveries does not matter,
//     and there is one ticket a finding;
//   - connections go to public addresses, unless the operator's configuration allows others: checked when connecting, so no DNS answer
//     changes it, and redirects are not followed;
//   - texts come from configurations and audited systems: each channel escapes them for its reader;
//   - no problem that is kept or logged holds a URL, a token or what a server responded with.
package notice

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// Bounds of sending.
const (
	batch    = 100 // messages that one Pump takes
	leased   = 5 * time.Minute
	timeout  = 20 * time.Second // of one request
	maxBody  = 1 << 20          // of a response, in bytes
	maxLines = 20               // of a notice about several events
)

// pauses are those after each attempt that failed; after the last the message is given up, some three days after the first.
var pauses = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour}

// Options say what a Notifier works with.
type Options struct {
	DB        *database.DB
	Channels  Channels
	PublicURL string         // of the pages, for links; "": no links
	Networks  []netip.Prefix // addresses that are not public and may be contacted
	Resolver  netprobe.Resolver
	Roots     *x509.CertPool // nil: the machine's
	Version   string
	Log       *slog.Logger
}

// Notifier sends what is in the outbox.
type Notifier struct{ Options }

// New makes a notifier of channels that were checked.
func New(o Options) *Notifier { return &Notifier{o} }

// Channels are the names of those who hear of an event.
func (n *Notifier) Channels(e database.Event) []string {
	return n.Options.Channels.For(e.Team, e.Kind)
}

// errGone is returned where a receiver wants no further notice.
var errGone = errors.New("the receiver responded with 410 Gone")

// Pump sends what is due and notes what became of it. Processes may pump at the same time.
func (n *Notifier) Pump(ctx context.Context) error {
	for {
		var due []database.Message
		err := n.DB.Write(ctx, func(tx *database.Tx) (err error) {
			due, err = tx.DueMessages(ctx, tx.Now(), tx.Now().Add(leased), batch)
			return err
		})
		if err != nil {
			return err
		}
		// A receiver that is slow holds up its own channel only.
		end := n.DB.Now().Add(leased / 2)
		var sending errgroup.Group
		for _, groups := range n.grouped(due) {
			sending.Go(func() error {
				for _, together := range groups {
					if ctx.Err() != nil || n.DB.Now().After(end) {
						return ctx.Err() // what was not sent is due again when the lease is over
					}
					if err := n.deliver(ctx, together); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := sending.Wait(); err != nil || len(due) < batch {
			return err
		}
	}
}

// grouped sorts messages by channel, and puts together what one person reads at once: the events of one run. Programs get each alone.
func (n *Notifier) grouped(due []database.Message) map[string][][]database.Message {
	groups, at := map[string][][]database.Message{}, map[string]int{}
	for _, message := range due {
		channel, known := n.channel(message.Channel)
		key := message.Channel + "\x00" + message.Event.Integration + "\x00" + message.Event.Run
		if i, begun := at[key]; known && begun && (channel.Kind == Slack || channel.Kind == Email) {
			groups[message.Channel][i] = append(groups[message.Channel][i], message)
			continue
		}
		at[key] = len(groups[message.Channel])
		groups[message.Channel] = append(groups[message.Channel], []database.Message{message})
	}
	return groups
}

func (n *Notifier) channel(name string) (Channel, bool) {
	for _, channel := range n.Options.Channels {
		if channel.Name == name {
			return channel, true
		}
	}
	return Channel{}, false
}

// deliver sends messages of one channel and notes what became of them. Its error is one of the database.
func (n *Notifier) deliver(ctx context.Context, messages []database.Message) error {
	channel, known := n.channel(messages[0].Channel)
	var failed error
	var ticket string
	if known {
		bounded, cancel := context.WithTimeout(ctx, leased/2)
		ticket, failed = n.send(bounded, channel, messages)
		cancel()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return n.DB.Write(ctx, func(tx *database.Tx) error {
		if ticket != "" {
			if err := tx.SetTicket(ctx, messages[0].Event.Finding, ticket); err != nil {
				return err
			}
		}
		for _, message := range messages {
			if failed == nil && known {
				if err := tx.MessageSent(ctx, message.ID); err != nil {
					return err
				}
				continue
			}
			next, problem := time.Time{}, "the configuration has no such channel anymore"
			if known {
				problem = failed.Error()
				if message.Attempts < len(pauses) && !errors.Is(failed, errGone) {
					next = tx.Now().Add(max(pauses[message.Attempts], wanted(failed)))
				}
			}
			n.Log.WarnContext(ctx, "a notice was not sent", "channel", message.Channel, "message", message.ID, "attempt", message.Attempts+1, "gave_up", next.IsZero(), "problem", problem)
			if err := tx.MessageFailed(ctx, message.ID, next, problem); err != nil {
				return err
			}
		}
		return nil
	})
}

// statusError is a response that is no success.
type statusError struct {
	status int
	after  time.Duration // as Retry-After asks
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the receiver responded with %d %s", e.status, http.StatusText(e.status))
}

// wanted is how long a receiver asks to be left alone, at most a day.
func wanted(err error) time.Duration {
	var status *statusError
	if errors.As(err, &status) {
		return min(status.after, 24*time.Hour)
	}
	return 0
}

func (n *Notifier) send(ctx context.Context, channel Channel, messages []database.Message) (ticket string, err error) {
	switch channel.Kind {
	case Webhook:
		return "", n.webhook(ctx, channel, messages[0])
	case Slack:
		return "", n.slack(ctx, channel, messages)
	case Email:
		return "", n.email(ctx, channel, messages)
	}
	return n.ticket(ctx, channel, messages[0].Event)
}

// payload is the body of a webhook.
type payload struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      eventData `json:"data"`
}

type eventData struct {
	ID          string            `json:"id"` // the same in every delivery of this event
	Integration string            `json:"integration"`
	Team        string            `json:"team"`
	Run         string            `json:"run,omitempty"`
	Finding     string            `json:"finding,omitempty"`
	Message     string            `json:"message"`
	URL         string            `json:"url,omitempty"`
	Details     map[string]string `json:"details,omitempty"`
}

// page is the address of an integration's page.
func (n *Notifier) page(integration string) string {
	if n.PublicURL == "" {
		return ""
	}
	return strings.TrimRight(n.PublicURL, "/") + "/integrations/" + url.PathEscape(integration)
}

func (n *Notifier) webhook(ctx context.Context, channel Channel, message database.Message) error {
	event := message.Event
	body, err := json.Marshal(payload{event.Kind, event.At.UTC(), eventData{
		ID: message.Key(), Integration: event.Integration, Team: event.Team, Run: event.Run, Finding: event.Finding,
		Message: event.Message, URL: n.page(event.Integration), Details: event.Data,
	}})
	if err != nil {
		return fmt.Errorf("write the notice: %w", err)
	}
	id, at := "msg_"+message.Key(), strconv.FormatInt(n.DB.Now().Unix(), 10)
	var signatures []string
	for _, one := range channel.Secrets {
		key, err := signingKey(one)
		if err != nil {
			return err
		}
		mac := hmac.New(sha256.New, key)
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, at, body) // a hash takes everything
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	header := http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {id}, "Webhook-Timestamp": {at}, "Webhook-Signature": {strings.Join(signatures, " ")}}
	_, err = n.request(ctx, http.MethodPost, string(channel.URL.Expose()), header, body)
	return err
}

// slack writes one message. Only the three characters that Slack's markup begins with need escaping: without them there is no mention,
// no link and no channel-wide alert.
func (n *Notifier) slack(ctx context.Context, channel Channel, messages []database.Message) error {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	lines := []string{escape(subject(messages))}
	for _, line := range summary(messages) {
		lines = append(lines, "• "+escape(line))
	}
	if page := n.page(messages[0].Event.Integration); page != "" {
		lines = append(lines, "<"+escape(page)+">")
	}
	body, err := json.Marshal(map[string]any{"text": strings.Join(lines, "\n"), "unfurl_links": false, "mrkdwn": false})
	if err != nil {
		return fmt.Errorf("write the notice: %w", err)
	}
	_, err = n.request(ctx, http.MethodPost, string(channel.URL.Expose()), http.Header{"Content-Type": {"application/json"}}, body)
	return err
}

// words are what a person reads for a kind of event.
var words = map[string]string{
	database.EventOpened: "new finding", database.EventReopened: "finding is back", database.EventUpdated: "finding changed", database.EventWaived: "finding waived",
	database.EventClosed: "finding fixed", database.EventReadyGained: "ready", database.EventReadyLost: "no longer ready",
	database.EventNotAudited: "cannot be audited", database.EventAudited: "can be audited again", database.EventProblem: "configuration cannot be used",
	database.EventExpiring: "expires soon", database.EventExpired: "expired", database.EventRemoved: "removed",
}

// subject is one line about all the messages.
func subject(messages []database.Message) string {
	event := messages[0].Event
	for _, message := range messages { // what became of the integration says more than one finding
		if kind := message.Event.Kind; kind == database.EventReadyLost || kind == database.EventReadyGained {
			event = message.Event
		}
	}
	what := words[event.Kind]
	if what == "" {
		what = event.Kind
	}
	text := report.Plain(event.Integration) + ": " + report.Plain(what)
	if more := len(messages) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// summary is a line for each message.
func summary(messages []database.Message) (lines []string) {
	for _, message := range messages[:min(len(messages), maxLines)] {
		what := words[message.Event.Kind]
		if what == "" {
			what = message.Event.Kind
		}
		lines = append(lines, report.Plain(what)+": "+report.Plain(message.Event.Message))
	}
	if more := len(messages) - maxLines; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return lines
}

// request sends one request and returns the body of a success.
func (n *Notifier) request(ctx context.Context, method, address string, header http.Header, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL of the channel is not valid")
	}
	request.Header = header
	request.Header.Set("User-Agent", "prelaunch-server/"+n.Version)
	transport := netprobe.NewTransport(n.network().DialContext, &tls.Config{RootCAs: n.Roots, MinVersion: tls.VersionTLS12})
	defer transport.CloseIdleConnections()
	// A redirect that is followed could lead anywhere, with the token: none is, and its response is a failure.
	response, err := netprobe.Exchange(ctx, transport, request, netprobe.Limits{Timeout: timeout, Body: maxBody})
	if err != nil {
		return nil, reason(ctx, err)
	}
	switch {
	case response.Status == http.StatusGone:
		return nil, errGone
	case response.Status < 200 || response.Status > 299:
		after, _ := netprobe.RetryAfter(response.Header, n.DB.Now())
		return nil, &statusError{response.Status, after}
	}
	return response.Body, nil
}

// network reaches public addresses and those of Networks. Names are looked up anew for each notice.
func (n *Notifier) network() *netprobe.Network {
	return netprobe.New(&audit.Integration{AllowedAddresses: n.Networks}, n.Resolver)
}

// reason says why a server was not reached, without its name: the URL may be secret.
func reason(ctx context.Context, err error) error {
	var blocked *netprobe.BlockedError
	if errors.As(err, &blocked) {
		return fmt.Errorf("the receiver has %s address, which networks does not allow", blocked.Kind)
	}
	return fmt.Errorf("the receiver was not reached: %s", netprobe.Classify(ctx, err))
}
