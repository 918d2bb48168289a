package provider

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"testing/fstest"
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

// TestACompletedProfileIsReadAgain holds the text of a profile that is carried in facts to what it was made of.
func TestACompletedProfileIsReadAgain(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		profile := Must(name)
		completed, err := profile.Complete(nil, []Event{{Type: "added", Body: profile.Events[0].Body}}, func(path, message, next string) {
			t.Errorf("%s: %s: %s: %s", name, path, message, next)
		})
		if err != nil {
			t.Fatal(err)
		}
		again, err := Of(name, completed.Source)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again.Source, completed.Source = "", ""
		if !reflect.DeepEqual(&again, completed) {
			t.Errorf("%s: %+v\nwas %+v", name, again, completed)
		}
	}
}

// TestTheDigestCoversEveryProfile: what pins the policies pins the profiles.
func TestTheDigestCoversEveryProfile(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{}
	for _, name := range Names() {
		text, err := embedded.ReadFile("profiles/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		files["profiles/"+name+".yaml"] = &fstest.MapFile{Data: text}
	}
	if got := digestOf(files); got != Digest() {
		t.Errorf("the same profiles have the digests %s and %s", got, Digest())
	}
	for _, name := range Names() {
		file := files["profiles/"+name+".yaml"]
		text := file.Data
		file.Data = append(bytes.Clone(text), '\n')
		if digestOf(files) == Digest() {
			t.Errorf("a change of %s does not show", name)
		}
		file.Data = text
	}
}

// TestAnotherAPIIsNotTheBuiltInOne: no key goes to a host that a text names under a built-in name.
func TestAnotherAPIIsNotTheBuiltInOne(t *testing.T) {
	t.Parallel()
	profile := *Must(Default)
	profile.API.BaseURL = "https://api.elsewhere.example"
	text, err := json.Marshal(profile)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := Of(Default, string(text)); err != nil || other.BuiltIn {
		t.Errorf("built in: %v, %v", other.BuiltIn, err)
	}
}
