package provider

import (
	"encoding/json"
	"testing"
)

func TestEveryEventIsCompactJSONWithItsFields(t *testing.T) {
	t.Parallel()
	for _, event := range Must(Default).Events {
		body := event.Render(Values{UID: "PRELAUNCHabc123", IntegrationID: "1234567890987654321"})
		var parsed struct {
			UID           string `json:"uid"`
			IntegrationID string `json:"integration_id"`
			Event         struct {
				Type    string         `json:"type"`
				Details map[string]any `json:"details"`
			} `json:"event"`
		}
		if err := json.Unmarshal(body, &parsed); err != nil {
			t.Fatalf("%s: %v", event.Type, err)
		}
		if parsed.UID != "PRELAUNCHabc123" || parsed.IntegrationID != "1234567890987654321" || parsed.Event.Type != event.Type || len(parsed.Event.Details) == 0 {
			t.Errorf("%s: a field is missing: %s", event.Type, body)
		}
		compact, err := json.Marshal(json.RawMessage(body))
		if err != nil || string(compact) != string(body) {
			t.Errorf("%s is not compact", event.Type)
		}
	}
}

func TestEveryBuiltInProfileIsSound(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		profile, err := ByName(name)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if profile.Name != name || !profile.BuiltIn {
			t.Errorf("%s is called %s", name, profile.Name)
		}
	}
}
