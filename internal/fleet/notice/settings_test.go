package notice_test

import (
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/notice"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	env := map[string]string{"SLACK_URL": "https://hooks.slack.example/services/hidden", "WHSEC": string(signing("a").Expose()), "WHSEC_OLD": string(signing("b").Expose()), "GITHUB": "token"}
	read := func(text string) (notice.Channels, int, error) {
		t.Helper()
		found := shape.NewProblems("fleet.yaml")
		root := &shape.Shape{Kind: shape.Object, Fields: []shape.Field{notice.Field()}}
		tree, _ := root.Read([]byte(text), "the settings", "write them", found)
		if err := found.Err(); err != nil {
			return nil, 0, err
		}
		channels, networks, err := notice.From(tree.Field("notices"), func(name string) (string, bool) { value, set := env[name]; return value, set })
		return channels, len(networks), err
	}
	channels, networks, err := read(`
notices:
  networks: [10.2.0.0/16]
  channels:
    - {name: hook, kind: webhook, url: "https://hooks.acme.example/fleet", secrets: [{env: WHSEC}, {env: WHSEC_OLD}]}
    - {name: chat, kind: slack, url_from: {env: SLACK_URL}, teams: [payments], events: [integration.not_ready]}
    - {name: mail, kind: email, server: "mail.acme.example:587", from: a@acme.example, to: b@acme.example}
    - {name: issues, kind: github, repository: acme/payments, token: {env: GITHUB}}
`)
	if err != nil {
		t.Fatal(err)
	}
	if len(channels) != 4 || networks != 1 || len(channels[0].Secrets) != 2 || string(channels[1].URL.Expose()) != env["SLACK_URL"] {
		t.Errorf("%d channels, %d networks: %+v", len(channels), networks, channels)
	}
	if got := strings.Join(channels.For("payments", database.EventReadyLost), " "); got != "hook chat mail" {
		t.Errorf("who hears: %s", got)
	}
	for text, says := range map[string]string{
		`notices: {channels: [{name: x, kind: slack, url_from: {env: MISSING}}]}`:             "MISSING is not set",
		`notices: {channels: [{name: x, kind: slack}]}`:                                       "url must be Slack's",
		`notices: {channels: [{name: x, kind: pager}]}`:                                       "kind",
		`notices: {channels: [{name: x, kind: github, repository: a/b, token: ghp_literal}]}`: "token",
		`notices: {networks: [all], channels: []}`:                                            "networks",
	} {
		if _, _, err := read(text); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "ghp_literal") {
			t.Errorf("%s: %v does not say %q", text, err, says)
		}
	}
}
