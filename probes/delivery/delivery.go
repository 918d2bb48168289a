// Package delivery holds the recorded deliveries that a configuration names against the provider's recipe
// and the keys of its environments. A real delivery that verifies confirms the recipe of a profile that
// nothing else confirms. No fact holds anything of a recording but its digest.
package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/provider/delivery"
)

// Delivery is a fact of kind "provider.delivery": a recorded delivery of an environment's. There is none
// when the configuration names no recording.
type Delivery struct {
	Environment string `json:"environment"`
	Path        string `json:"path"`     // as written in the configuration
	Digest      string `json:"digest"`   // sha256: and hex, of the recording
	Verified    bool   `json:"verified"` // the recipe and the environment's own key verify it
	// Part is what of the scheme it was verified up to: verified, missing, timestamp, id, key, signature, body-digest, stale or
	// future; empty where it could not be read.
	Part    string `json:"part"`
	Problem string `json:"problem"` // why it was not verified, empty: it was
	// Differences are the kinds of what is otherwise than the recipe has it: encoding, placement, body, key, environment, hash,
	// signed, url or stale.
	Differences []string  `json:"differences"`
	Sent        time.Time `json:"sent,omitzero"` // as the delivery says
}

const kindDelivery = "provider.delivery"

type probe struct{}

// New returns the probe.
func New() audit.Probe { return probe{} }

func (probe) Name() string  { return "delivery" }
func (probe) Title() string { return "recorded deliveries" }

func (probe) Kinds() []audit.Kind { return []audit.Kind{audit.KindOf[Delivery](kindDelivery)} }

func (probe) Plan(integration *audit.Integration, _ func(check string) bool) []audit.Step {
	var steps []audit.Step
	for _, environment := range integration.Environments {
		if environment.Captured != nil {
			steps = append(steps, audit.Step{Probe: "delivery", Environment: environment.Name, Action: "read", Target: environment.Captured.Path, Detail: "recorded delivery, verified with the environment's key"})
		}
	}
	return steps
}

func (probe) Run(ctx context.Context, run *audit.Run) error {
	profile, err := provider.Of(run.Integration.Provider, run.Integration.ProviderProfile)
	if err != nil {
		return fmt.Errorf("verify the recorded deliveries: %w", err)
	}
	for _, environment := range run.Integration.Environments {
		if environment.Captured != nil && ctx.Err() == nil {
			run.Sink.Emit(kindDelivery, verify(&profile, run.Integration, environment))
		}
	}
	return ctx.Err()
}

func verify(profile *provider.Profile, integration *audit.Integration, environment audit.Environment) Delivery {
	fact := Delivery{Environment: environment.Name, Path: environment.Captured.Path, Digest: environment.Captured.SHA256, Differences: []string{}}
	captured, err := delivery.Parse(environment.Captured.Content)
	if err != nil {
		fact.Problem = err.Error()
		return fact
	}
	for i := range captured {
		captured[i].URL = delivery.SignedURL(captured[i].URL, environment.WebhookURL)
	}
	if !environment.Key.Key.Held() {
		fact.Problem = "the environment's key is not held"
		return fact
	}
	result := delivery.Identify([]*provider.Profile{profile}, captured, Secrets(integration, environment.Name))[0]
	fact.Verified, fact.Part, fact.Sent = result.Verified, string(result.Part), result.Sent
	for i, near := range result.Near {
		if i > 0 {
			fact.Problem += "; "
		}
		fact.Problem += near.Text
		fact.Differences = append(fact.Differences, near.Kind)
	}
	if !fact.Verified && fact.Problem == "" {
		fact.Problem = "the key and the recipe make another signature"
	}
	return fact
}

// Secrets are the keys that are held: the environment's own, and for near misses the others.
func Secrets(integration *audit.Integration, environment string) []delivery.Secret {
	var own, others []delivery.Secret
	for _, e := range integration.Environments {
		if !e.Key.Key.Held() {
			continue
		}
		one := delivery.Secret{Name: "the key of " + e.Name, Value: e.Key.Key.Expose(), Foreign: e.Name != environment}
		if one.Foreign {
			others = append(others, one)
		} else {
			own = append(own, one)
		}
	}
	for _, retired := range integration.RetiredKeys {
		if retired.Key.Held() {
			others = append(others, delivery.Secret{Name: "a retired key of " + retired.Environment, Value: retired.Key.Expose(), Foreign: true})
		}
	}
	return append(own, others...)
}
