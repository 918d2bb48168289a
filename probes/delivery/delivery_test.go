package delivery

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

const webhookURL = "https://hooks.acme.example/acme"

// recorded is what a profile delivers, signed with a key and written as JSON.
func recorded(t *testing.T, profile *provider.Profile, key, url string) []byte {
	t.Helper()
	message, err := profile.Signature.Sign([]byte(key), profile.Message(profile.Events[0], url, provider.Values{UID: "PRELAUNCHabc"}))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"url": strings.Replace(message.URL, "hooks.acme.example", "10.0.0.1:8080", 1), "headers": message.Header, "body": string(message.Body)})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestARecordedDeliveryIsVerifiedWithItsEnvironmentsKey(t *testing.T) {
	t.Parallel()
	const own, other = "0123456789abcdef-the-test-key", "0123456789abcdef-production"
	for _, row := range []struct {
		name, provider, key string
		content             []byte
		verified            bool
		differences         string
	}{
		{"own key", "github", own, nil, true, ""},
		{"other environment's key", "github", other, nil, false, "environment"},
		{"unknown key", "github", "another key", nil, false, ""},
		{"signed URL, recorded behind a proxy", "square", own, nil, true, ""},
		{"digest in the query", "twilio-json", own, nil, true, ""},
		{"no recording", "github", "", []byte("hello"), false, ""},
	} {
		profile := provider.Must(row.provider)
		content := row.content
		if content == nil {
			content = recorded(t, profile, row.key, webhookURL)
		}
		integration := &audit.Integration{Provider: row.provider, Environments: []audit.Environment{
			{Name: "test", WebhookURL: webhookURL, Key: audit.KeyReference{Key: secret.New([]byte(own))}, Captured: &audit.Capture{Path: "d.json", Content: content}},
			{Name: "production", Key: audit.KeyReference{Key: secret.New([]byte(other))}},
		}}
		fact := verify(profile, integration, integration.Environments[0])
		if fact.Verified != row.verified || strings.Join(fact.Differences, " ") != row.differences || (fact.Problem == "") != row.verified {
			t.Errorf("%s: %+v", row.name, fact)
		}
	}
}
