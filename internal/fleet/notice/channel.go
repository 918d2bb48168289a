package notice

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Kinds of channels.
const (
	Webhook    = "webhook"
	Slack      = "slack"
	Email      = "email"
	GitHub     = "github"
	Jira       = "jira"
	ServiceNow = "servicenow"
)

// Channel is where notices go. URL and Token may be secret, so they are kept as keys and appear in no message.
type Channel struct {
	Name   string
	Kind   string
	Teams  []string // whose notices; empty: every team's
	Events []string // kinds of events; empty: what the kind of channel is for

	// URL is that of a webhook, of Slack's incoming webhook, or the base of a tracker's API (default of GitHub: https://api.github.com).
	URL secret.Key
	// Secrets sign a webhook: whsec_ and base64, the current one first. With several, each signs, so that a receiver can rotate.
	Secrets []secret.Key

	Repository string // of GitHub: OWNER/NAME
	Project    string // of Jira: its key
	IssueType  string // of Jira; default: Bug
	Transition string // of Jira: id of the one that closes an issue
	User       string // of Jira, ServiceNow and a mail server that wants one
	Token      secret.Key

	Server   string // of email: HOST:PORT; 465 speaks TLS at once, others must offer STARTTLS
	From, To string // of email; To may list several with commas
}

// Channels are those of a fleet.
type Channels []Channel

// trackers are the kinds that keep a ticket for each finding.
var trackers = []string{GitHub, Jira, ServiceNow}

// findingEvents are those that change a ticket.
var findingEvents = []string{database.EventOpened, database.EventReopened, database.EventUpdated, database.EventWaived, database.EventClosed}

// personEvents are those that a person wants to read about.
var personEvents = []string{database.EventOpened, database.EventReopened, database.EventClosed, database.EventReadyGained, database.EventReadyLost,
	database.EventNotAudited, database.EventAudited, database.EventProblem, database.EventExpiring, database.EventExpired, database.EventRemoved}

// Event is a kind of events.
type Event struct {
	Kind, Means string
	Tickets     bool // it changes a ticket
	People      bool // whoever names no events hears of it
}

// Events are all kinds that a channel can ask for.
func Events() (list []Event) {
	for _, kind := range slices.Sorted(maps.Keys(words)) {
		list = append(list, Event{kind, words[kind], slices.Contains(findingEvents, kind), slices.Contains(personEvents, kind)})
	}
	return list
}

// For returns the names of the channels that a team's event goes to.
func (c Channels) For(team, kind string) []string {
	names := []string{}
	for _, channel := range c {
		if (len(channel.Teams) == 0 || slices.Contains(channel.Teams, team)) && slices.Contains(channel.events(), kind) {
			names = append(names, channel.Name)
		}
	}
	return names
}

func (c Channel) events() []string {
	switch {
	case len(c.Events) > 0:
		return c.Events
	case slices.Contains(trackers, c.Kind):
		return findingEvents
	}
	return personEvents
}

// Check returns what is wrong with the channels. It repeats no secret.
func (c Channels) Check() error {
	var faults []error
	names := map[string]bool{}
	for _, channel := range c {
		if channel.Name == "" || names[channel.Name] {
			faults = append(faults, fmt.Errorf("notices: the name %q is empty or used twice", channel.Name))
		}
		names[channel.Name] = true
		for _, err := range channel.check() {
			faults = append(faults, fmt.Errorf("notices, %q: %w", channel.Name, err))
		}
	}
	return errors.Join(faults...)
}

var repositoryName = regexp.MustCompile(`^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$`)

func (c Channel) check() (faults []error) {
	fault := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, errors.New(text))
		}
	}
	for _, kind := range c.Events {
		known := slices.Contains(personEvents, kind) || slices.Contains(findingEvents, kind)
		fault(!known, fmt.Sprintf("%q is no event", kind))
		fault(known && slices.Contains(trackers, c.Kind) && !slices.Contains(findingEvents, kind), fmt.Sprintf("a ticket is about a finding, so %q has no place here", kind))
	}
	switch c.Kind {
	case Webhook:
		fault(!isHTTPS(c.URL), "url must be https")
		fault(len(c.Secrets) == 0, "secrets is empty: each notice is signed, so list at least one (whsec_ and base64 of 24 to 64 bytes)")
		for _, one := range c.Secrets {
			_, err := signingKey(one)
			fault(err != nil, "a secret is not whsec_ and base64 of 24 to 64 bytes")
		}
	case Slack:
		fault(!isHTTPS(c.URL), "url must be Slack's https URL of an incoming webhook")
	case Email:
		_, _, err := net.SplitHostPort(c.Server)
		fault(err != nil, "server must be HOST:PORT")
		_, err = mail.ParseAddress(c.From)
		fault(err != nil, "from must be an email address")
		_, err = mail.ParseAddressList(c.To)
		fault(err != nil, "to must be one or several email addresses")
		fault((c.User == "") != c.Token.IsZero(), "user and token go together")
	case GitHub:
		fault(!repositoryName.MatchString(c.Repository), "repository must be OWNER/NAME")
		fault(!c.URL.IsZero() && !isHTTPS(c.URL), "url must be https")
		fault(c.Token.IsZero(), "token is required, with the permission issues: write")
	case Jira:
		fault(!isHTTPS(c.URL), "url must be https, such as https://acme.atlassian.net")
		fault(c.Project == "" || c.User == "" || c.Token.IsZero(), "project, user and token are required")
	case ServiceNow:
		fault(!isHTTPS(c.URL), "url must be https, such as https://acme.service-now.com")
		fault(c.User == "" || c.Token.IsZero(), "user and token (the password) are required")
	default:
		fault(true, fmt.Sprintf("the kind is %q, but must be one of %s", c.Kind, strings.Join([]string{Webhook, Slack, Email, GitHub, Jira, ServiceNow}, ", ")))
	}
	return faults
}

// isHTTPS reports whether a URL goes over TLS, or to this machine.
func isHTTPS(text secret.Key) bool {
	parsed, err := url.Parse(string(text.Expose()))
	return err == nil && parsed.Hostname() != "" && (parsed.Scheme == "https" || parsed.Scheme == "http" && netprobe.Loopback(parsed.Hostname()))
}

// signingKey decodes a secret of Standard Webhooks.
func signingKey(text secret.Key) ([]byte, error) {
	encoded, is := strings.CutPrefix(string(text.Expose()), "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !is || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("it is not a secret of Standard Webhooks")
	}
	return key, nil
}
