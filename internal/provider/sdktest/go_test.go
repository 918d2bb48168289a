package sdktest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/PagerDuty/go-pagerduty/webhookv3"
	"github.com/mailgun/mailgun-go/v5"
	"github.com/mailgun/mailgun-go/v5/mtypes"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// SDKs that are written in Go.
var goSDKs = map[string]func(secret string, m provider.Message) bool{
	"mailgun": func(secret string, m provider.Message) bool {
		var payload mtypes.WebhookPayload
		if json.Unmarshal(m.Body, &payload) != nil {
			return false
		}
		mg := mailgun.NewMailgun("prelaunch")
		mg.SetWebhookSigningKey(secret)
		verified, err := mg.VerifyWebhookSignature(payload.Signature)
		return verified && err == nil
	},
	"pagerduty": func(secret string, m provider.Message) bool {
		r, err := http.NewRequest(http.MethodPost, m.URL, bytes.NewReader(m.Body))
		if err != nil {
			return false
		}
		r.Header = m.Header
		return webhookv3.VerifySignature(r, secret) == nil
	},
}

func TestGoSDKs(t *testing.T) {
	for name, accepts := range goSDKs {
		t.Run(name, func(t *testing.T) {
			p := profile(t, name)
			secret, other := secretsOf(name)
			for _, event := range p.Events {
				m := sign(t, p, secret, unsigned(p, event, time.Now()))
				if !accepts(secret, m) {
					t.Errorf("the SDK rejects %s", describe(m))
				}
			}
			for _, forged := range forgeries(t, p, secret, other) {
				if forged.name == "another body" && !p.Signature.Covers().Body {
					continue // nothing of the event is signed
				}
				if accepts(secret, forged.m) {
					t.Errorf("the SDK accepts %s: %s", forged.name, describe(forged.m))
				}
			}
		})
	}
}
