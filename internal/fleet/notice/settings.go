package notice

import (
	"errors"
	"net/netip"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

var network = shape.Form{Is: "an address or a range", Next: "write it like 10.1.0.0/16", Check: func(s string) bool { _, err := netprobe.ParseAllowed(s); return err == nil }}

// Field are the settings of notices in fleet.yaml.
func Field() shape.Field {
	text := shape.Texts(shape.Prose)
	texts := &shape.Shape{Kind: shape.List, Item: text, Distinct: true}
	var kinds []string
	for _, one := range Events() {
		kinds = append(kinds, one.Kind)
	}
	channel := &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		{Name: "name", Required: true, Shape: text, About: "name of the channel"},
		{Name: "kind", Required: true, Shape: shape.OneOf(Webhook, Slack, Email, GitHub, Jira, ServiceNow), About: "what it is"},
		{Name: "teams", Shape: texts, About: "whose notices; default: every team's"},
		{Name: "events", Shape: &shape.Shape{Kind: shape.List, Item: shape.OneOf(kinds...), Distinct: true}, About: "kinds of events; default: what the kind of channel is for"},
		{Name: "url", Shape: text, About: "of a webhook, or of a tracker's API"},
		{Name: "url_from", Shape: settings.Secret(), About: "reference to a URL that is secret, such as Slack's"},
		{Name: "secrets", Shape: &shape.Shape{Kind: shape.List, Item: settings.Secret()}, About: "that sign a webhook per Standard Webhooks (whsec_…), the current one first"},
		{Name: "repository", Shape: text, About: "of GitHub: OWNER/NAME"},
		{Name: "project", Shape: text, About: "of Jira: its key"},
		{Name: "issue_type", Shape: text, About: "of Jira; default: Bug"},
		{Name: "transition", Shape: text, About: "of Jira: id of the transition that closes an issue"},
		{Name: "user", Shape: text, About: "of Jira, ServiceNow or the mail server"},
		{Name: "token", Shape: settings.Secret(), About: "of a tracker, or password of the user"},
		{Name: "server", Shape: text, About: "mail server as HOST:PORT; with STARTTLS, or TLS at port 465"},
		{Name: "from", Shape: text, About: "sender of emails"},
		{Name: "to", Shape: text, About: "recipients of emails, with commas"},
	}}
	return shape.Field{Name: "notices", About: "who hears of what happens", Shape: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		{Name: "networks", Shape: &shape.Shape{Kind: shape.List, Item: shape.Texts(network)}, About: "addresses that are not public and may get notices"},
		{Name: "channels", Required: true, Shape: &shape.Shape{Kind: shape.List, Item: channel}, About: "channels"},
	}}}
}

// From reads the settings. Its error lists all that cannot be used.
func From(v *shape.Value, lookupEnv func(name string) (value string, set bool)) (channels Channels, networks []netip.Prefix, err error) {
	var faults []error
	resolve := func(v *shape.Value) secret.Key {
		key, err := settings.ReadSecret(v, lookupEnv)
		if err != nil {
			faults = append(faults, err)
		}
		return key
	}
	for _, one := range v.Field("channels").List() {
		text := func(name string) string { return one.Field(name).String() }
		channel := Channel{
			Name: text("name"), Kind: text("kind"), Teams: one.Field("teams").Strings(), Events: one.Field("events").Strings(), Repository: text("repository"), Project: text("project"),
			IssueType: text("issue_type"), Transition: text("transition"), User: text("user"), Token: resolve(one.Field("token")), Server: text("server"), From: text("from"), To: text("to"),
			URL: resolve(one.Field("url_from")),
		}
		if plain := text("url"); plain != "" {
			channel.URL = secret.New([]byte(plain))
		}
		for _, reference := range one.Field("secrets").List() {
			channel.Secrets = append(channel.Secrets, resolve(reference))
		}
		channels = append(channels, channel)
	}
	for _, text := range v.Field("networks").Strings() {
		if prefix, err := netprobe.ParseAllowed(text); err == nil { // its form was checked
			networks = append(networks, prefix)
		}
	}
	if len(faults) == 0 { // a secret that could not be read is one fault, not two
		faults = append(faults, channels.Check())
	}
	return channels, networks, errors.Join(faults...)
}
