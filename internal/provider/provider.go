// Package provider holds the profiles of webhook providers as data: how they sign, what they send, which API calls tell what, and
// which checklist they publish. A provider is one value in the list of profiles.
package provider

import (
	"crypto/sha512"
	"fmt"
	"hash"
	"strings"
)

// Profile is one provider.
type Profile struct {
	Name      string
	Signature Signature
	Events    []Event
	Required  []string // paths of the fields that every event must have, dots between names
	API       API
	Addresses string // where the list of addresses that it sends from is to be had
	Checklist []ChecklistItem
	Words     map[string]string
	Features  []string
	UIDs      UIDRule
	KeyNames  []string // words in the names of variables that hold this provider's keys, lower case
	KeyHeader string   // request header of the API that carries the key
}

// ChecklistItem is temporary.
type ChecklistItem struct {
	Title, Source string
	Checks        []string
}

// Signature is how a provider signs a webhook.
type Signature struct {
	Header    string           // canonical form
	Algorithm string           // such as "HMAC-SHA-512"
	Hash      func() hash.Hash // of the HMAC
	Prefix    string           // before the digits, mostly ""
}

// UIDRule is what a provider allows as a user's identifier.
type UIDRule struct {
	Min, Max int // length in characters, which are letters and digits
}

// Event is one type of event.
type Event struct {
	Type    string
	Journey bool   // it tells about the course of an application and carries no result
	Body    string // compact JSON with {{uid}} and {{integration_id}}; worst possible score, times in 1970
}

// Render fills in the template. The values must need no JSON escaping, which config and the probes see to.
func (e Event) Render(uid, integrationID string) []byte {
	return []byte(strings.NewReplacer("{{uid}}", uid, "{{integration_id}}", integrationID).Replace(e.Body))
}

// API is a provider's HTTP API, as far as a key can be tested with it without a lasting effect.
type API struct {
	BaseURL string
	Host    string // the only host to which a key goes unless the user names another on the command line
	Tokens  string // path; POST {uid, integration_id}: 401 no key, 403 wrong key for the integration, 422 right key and invalid uid
	Test    string // path; POST makes the provider deliver a signed test webhook
}

// ByName returns a profile.
func ByName(name string) (Profile, error) {
	for _, profile := range Profiles {
		if profile.Name == name {
			return profile, nil
		}
	}
	return Profile{}, fmt.Errorf("unknown provider %q", name)
}

// Names lists the providers.
func Names() []string {
	names := make([]string, len(Profiles))
	for i, profile := range Profiles {
		names[i] = profile.Name
	}
	return names
}

// Event returns the event of that type.
func (p Profile) Event(eventType string) (Event, bool) {
	for _, event := range p.Events {
		if event.Type == eventType {
			return event, true
		}
	}
	return Event{}, false
}

// EventTypes lists the types of all events.
func (p Profile) EventTypes() []string {
	types := make([]string, len(p.Events))
	for i, event := range p.Events {
		types[i] = event.Type
	}
	return types
}

// Profiles are the built-in providers.
var Profiles = []Profile{begini}

var begini = Profile{
	Name:      "begini",
	Signature: Signature{Header: "X-Signature", Algorithm: "HMAC-SHA-512", Hash: sha512.New},
	Required:  []string{"uid", "integration_id", "event", "event.type"},
	UIDs:      UIDRule{Min: 5, Max: 60},
	KeyNames:  []string{"begini"},
	KeyHeader: "api-key",
	API: API{
		BaseURL: "https://api.begini.co", Host: "api.begini.co",
		Tokens: "/v1/sessions-management/tokens", Test: "/v1/webhooks-management/test",
	},
	Addresses: "the account manager at Begini",
	Checklist: []ChecklistItem{
		{"API key stored securely on the server side", "Begini Security Checklist, Psychometric Integration, 1 (2026-04-14)", []string{"api-key.*"}},
		{"HMAC verification implemented and tested", "Begini Security Checklist, Psychometric Integration, 2 (2026-04-14)", []string{"webhook.*"}},
		{"Production webhook reachable over HTTPS", "Begini Security Checklist, Psychometric Integration, 3 (2026-04-14)", []string{"https.*", "deployment-centre.webhook-registered"}},
		{"Production redirect URLs configured", "Begini Security Checklist, Psychometric Integration, pre-launch list (2026-04-14)", []string{"redirects.*", "deployment-centre.redirects-registered"}},
		{"Test and Production fully separated", "Begini Security Checklist, Psychometric Integration, 4 (2026-04-14)", []string{"api-key.separate-environments", "environments.*"}},
		{"Dashboard access restricted", "Begini Security Checklist, Psychometric Integration, 7 (2026-04-14)", []string{"access.*"}},
		{"Error handling in place on the receiver", "Begini Security Checklist, Psychometric Integration, 5 and 6 (2026-04-14)", []string{"input.*", "errors.*"}},
	},
	Features: []string{"redirects", "registration", "identity", "dashboard", "api"},
	Words: map[string]string{
		"accounts": "Beacon", "addresses": "ask the account manager for the list of the provider's addresses",
		"algorithm": "HMAC-SHA-512", "mac": "HMAC-SHA-512", "dashboard": "Deployment Centre", "encoding": "hex", "notation": "hexadecimal",
		"event_id": "UID and type", "first_tab": " (the tab shown first is Test)", "hint": "; the tab that is shown first is Test",
		"identity": "integration ID", "identities": "integration IDs", "key": "API key", "placement": "X-Signature header", "provider": "Begini",
		"required": "uid, integration_id, event, event.type", "rotate": "rotate the key in the Deployment Centre", "signed": "raw body",
		"status": "200", "success": "exactly 200", "tab": "tab of the Deployment Centre", "tabs": "tabs of the Deployment Centre", "whole": "all 128 digits",
	},
	Events: []Event{
		{Type: "psychometric_score.complete", Body: `{"uid":"{{uid}}","integration_id":"{{integration_id}}","event":{"type":"psychometric_score.complete","details":{"application_started_at":1,"application_completed_at":2,"scored_at":3,"platform":"WEB","calculated":{"score":0,"risk_band":"E","score_confidence":"0.00","traits":[{"key":"prelaunch","value":"0.00","risk_band":"E"}]}}}}`},
		{Type: "android_score.complete", Body: `{"uid":"{{uid}}","integration_id":"{{integration_id}}","event":{"type":"android_score.complete","details":{"application_started_at":1,"application_completed_at":2,"scored_at":3,"platform":"ANDROID","calculated":{"score":0,"risk_band":"E"},"permissions_granted":[],"permissions_denied":["READ_SMS"]}}}`},
		{Type: "ios_score.complete", Body: `{"uid":"{{uid}}","integration_id":"{{integration_id}}","event":{"type":"ios_score.complete","details":{"application_started_at":1,"application_completed_at":2,"scored_at":3,"platform":"IOS","calculated":{"score":0,"risk_band":"E"},"permissions_granted":[],"permissions_denied":["CONTACTS"]}}}`},
		{Type: "application.complete", Journey: true, Body: `{"uid":"{{uid}}","integration_id":"{{integration_id}}","event":{"type":"application.complete","details":{"application_started_at":1,"application_completed_at":2}}}`},
		{Type: "application.expired", Journey: true, Body: `{"uid":"{{uid}}","integration_id":"{{integration_id}}","event":{"type":"application.expired","details":{"application_started_at":1}}}`},
		{Type: "application.incomplete", Journey: true, Body: `{"uid":"{{uid}}","integration_id":"{{integration_id}}","event":{"type":"application.incomplete","details":{"application_started_at":1},"reasons":["prelaunch"]}}`},
		{Type: "application.cancelled", Journey: true, Body: `{"uid":"{{uid}}","integration_id":"{{integration_id}}","event":{"type":"application.cancelled","details":{"application_started_at":1},"reasons":["prelaunch"]}}`},
	},
}

// Variable is the name that the variable of a key most likely has.
func (p *Profile) Variable() string {
	words := append(append([]string{}, p.KeyNames...), "api_key")
	return strings.ToUpper(words[0] + "_" + words[1])
}
