package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/command"
	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/provider/delivery"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	probe "github.com/prelaunch-audit/prelaunch/probes/delivery"
)

// verifyOptions are the flags of verify-delivery.
type verifyOptions struct {
	provider, keyEnv, keyFile, url, configuration, environment string
	permissions                                                permissions
}

// verifiedDelivery is what `verify-delivery -o json` prints.
type verifiedDelivery struct {
	Verified bool              `json:"verified"`
	Requests int               `json:"requests"` // in the recording
	Format   string            `json:"format"`   // http, json or har
	Digest   string            `json:"digest"`   // of the recording
	Results  []deliveryVerdict `json:"results"`
}

// deliveryVerdict is how far a recording verifies by one profile.
type deliveryVerdict struct {
	Provider    string   `json:"provider"`
	Verified    bool     `json:"verified"`
	Part        string   `json:"part"`          // of the scheme up to which it was verified
	Key         string   `json:"key,omitempty"` // which one, never its value
	Differences []string `json:"differences"`   // what is otherwise than the recipe has it, in words
	Sent        string   `json:"sent,omitempty"`
}

func (a *app) verifyDeliveryCommand() *cobra.Command {
	var options verifyOptions
	var format string
	cmd := &cobra.Command{
		Use: "verify-delivery FILE", Short: "Verify a recorded delivery: by which provider's recipe and which key, or what is different", Args: cobra.ExactArgs(1),
		Long: `Verify a recorded real delivery with the key that the receiver has. FILE is the text of the HTTP request (also as
curl -v shows it, or headers and body alone), JSON such as {"url": …, "headers": {…}, "body": "…"} (function services' events
too) or a HAR; the body must be as it was received.
It exits with 0 where a recipe and a key verify it, and with 1 where none does; then it names what is different: the encoding,
a body that was serialized again, another environment's key, a key that was not decoded, another hash, a time that is too old.
Neither key nor signature is ever printed.`,
		Example: `  prelaunch verify-delivery delivery.http --provider stripe --key-env STRIPE_TEST_SECRET
  prelaunch verify-delivery delivery.har --key-file secret.txt
  prelaunch verify-delivery delivery.json --config prelaunch.yaml --environment test`,
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := a.verifyDelivery(cmd.Context(), args[0], options)
			if err != nil {
				return err
			}
			if format == asJSON {
				err = a.printJSON(result)
			} else {
				_, err = fmt.Fprint(a.Out, plainLines(a.redactor.RedactString(result.text())))
			}
			if err != nil || result.Verified {
				return err
			}
			return exitWith(1)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&options.provider, "provider", "", "`NAME` of the webhook provider or path of a profile (default: all are tried)")
	flags.StringVar(&options.keyEnv, "key-env", "", "environment variable `NAME` that holds the key")
	flags.StringVar(&options.keyFile, "key-file", "", "`FILE` that holds the key")
	flags.StringVar(&options.configuration, "config", "", "configuration `FILE` whose provider, keys and URL are used")
	flags.StringVar(&options.environment, "environment", "", "environment `NAME` of the configuration that the delivery went to (default: any)")
	flags.StringVar(&options.url, "url", "", "`URL` as it is registered with the provider, where that is signed and not recorded")
	flags.BoolVar(&options.permissions.commands, "allow-commands", false, "run the commands by which the configuration refers to keys")
	options.permissions.readFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("key-env", "key-file", "config")
	cmd.MarkFlagsOneRequired("key-env", "key-file", "config")
	listingFlag(cmd, &format)
	return cmd
}

// attempt is what a recording is held against together.
type attempt struct {
	profiles []*provider.Profile
	secrets  []delivery.Secret
	url      string // as it is registered; "": as it was recorded
}

func (a *app) verifyDelivery(ctx context.Context, file string, options verifyOptions) (*verifiedDelivery, error) {
	raw, err := readBounded(file, delivery.MaxSize)
	if err != nil {
		return nil, fmt.Errorf("read the recording: %w", err)
	}
	recorded, err := delivery.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("read the recording: %w", err)
	}
	attempts, err := a.attempts(ctx, options)
	if err != nil {
		return nil, err
	}
	result := &verifiedDelivery{Requests: len(recorded), Format: recorded[0].Format, Digest: audit.Digest(raw), Results: []deliveryVerdict{}}
	for i, attempt := range attempts {
		if options.url != "" {
			attempt.url = options.url
		}
		captured := slices.Clone(recorded)
		for i := range captured {
			if attempt.url != "" {
				captured[i].URL = delivery.SignedURL(captured[i].URL, attempt.url)
			}
		}
		verdicts, verified := verdictsOf(delivery.Identify(attempt.profiles, captured, attempt.secrets))
		if verified || i == 0 {
			result.Results, result.Verified = verdicts, verified
		}
		if verified {
			break
		}
	}
	return result, nil
}

func verdictsOf(results []delivery.Result) (verdicts []deliveryVerdict, verified bool) {
	verdicts = []deliveryVerdict{}
	for _, one := range results {
		verdict := deliveryVerdict{Provider: one.Profile, Verified: one.Verified, Part: string(one.Part), Key: one.Secret, Differences: []string{}}
		for _, difference := range one.Near {
			verdict.Differences = append(verdict.Differences, difference.Text)
		}
		if !one.Sent.IsZero() {
			verdict.Sent = one.Sent.UTC().Format(time.RFC3339)
		}
		verified = verified || one.Verified
		verdicts = append(verdicts, verdict)
	}
	return verdicts, verified
}

// attempts are the profiles, keys and URLs of the command line or of a configuration.
func (a *app) attempts(ctx context.Context, options verifyOptions) ([]attempt, error) {
	var one attempt
	names := provider.Names()
	if options.provider != "" {
		names = []string{options.provider}
	}
	if options.provider != "" || options.configuration == "" {
		for _, name := range names {
			profile, err := profileNamed(name)
			if err != nil {
				return nil, err
			}
			one.profiles = append(one.profiles, profile)
		}
	}
	if options.configuration != "" {
		return a.attemptsOf(ctx, options, one.profiles)
	}
	origin := "the variable of --key-env"
	var key []byte
	if options.keyEnv != "" {
		value, set := a.LookupEnv(options.keyEnv)
		if !set {
			return nil, errors.New(origin + " is not set: export it before the run")
		}
		key = []byte(value)
	} else {
		origin = "the file of --key-file"
		content, err := readBounded(options.keyFile, 64<<10)
		if err != nil {
			return nil, fmt.Errorf("read the key: %w", err)
		}
		key = bytes.TrimSuffix(bytes.TrimSuffix(content, []byte("\n")), []byte("\r"))
	}
	if len(key) == 0 {
		return nil, errors.New(origin + " is empty: put the key there")
	}
	a.redactor = secret.NewRedactor(secret.New(key))
	one.secrets = []delivery.Secret{{Name: "the key", Value: key}}
	return []attempt{one}, nil
}

// attemptsOf are those of a configuration: one for each environment, in which the keys of the others are
// near misses.
func (a *app) attemptsOf(ctx context.Context, options verifyOptions, profiles []*provider.Profile) ([]attempt, error) {
	integration, err := config.Load(options.configuration, config.Options{Now: a.now, Permissions: options.permissions.reading(), LookupEnv: a.LookupEnv})
	if err != nil {
		return nil, err
	}
	exec := command.New(integration.Directory, options.permissions.commands, a.LookupEnv)
	if err := config.ResolveKeys(ctx, integration, config.Resolver{LookupEnv: a.LookupEnv, Exec: exec, AllowCommands: options.permissions.commands}); err != nil {
		return nil, err
	}
	a.redactor = integration.Redactor()
	if len(profiles) == 0 {
		profile, err := provider.Of(integration.Provider, integration.ProviderProfile)
		if err != nil {
			return nil, err
		}
		profiles = []*provider.Profile{&profile}
	}
	var attempts []attempt
	var known []string
	for _, environment := range integration.Environments {
		known = append(known, environment.Name)
		if options.environment == "" || options.environment == environment.Name {
			attempts = append(attempts, attempt{profiles, probe.Secrets(integration, environment.Name), environment.WebhookURL})
		}
	}
	if len(attempts) == 0 {
		return nil, fmt.Errorf("the configuration has no environment %.40q: it has %s", options.environment, strings.Join(known, ", "))
	}
	return attempts, nil
}

// text says it to a person.
func (v *verifiedDelivery) text() string {
	var text strings.Builder
	for _, one := range v.Results {
		switch {
		case one.Verified:
			fmt.Fprintf(&text, "VERIFIED by the recipe of %s, with %s\n", one.Provider, one.Key)
		case len(one.Differences) > 0:
			fmt.Fprintf(&text, "not verified by %s: %s\n", one.Provider, strings.Join(one.Differences, "; "))
		default:
			fmt.Fprintf(&text, "not verified by %s: %s\n", one.Provider, partWords[provider.Part(one.Part)])
		}
		if one.Sent != "" && (one.Verified || len(v.Results) == 1) {
			fmt.Fprintf(&text, "  signed at %s\n", one.Sent)
		}
	}
	if len(v.Results) == 0 {
		text.WriteString("not verified: no request of the recording has a signature of a known provider's. Name the provider with --provider.\n")
	}
	if !v.Verified {
		text.WriteString("\nNo recipe and key verify it. The body must be the bytes that were received, and the key that of the endpoint.\n")
	}
	return text.String()
}

// partWords say why a delivery is not verified where no near miss is.
var partWords = map[provider.Part]string{
	provider.Missing:     "there is no signature where the provider puts it",
	provider.NoTimestamp: "there is no readable timestamp where the provider puts it",
	provider.NoID:        "there is no message ID where the provider puts it",
	provider.BadKey:      "the key is not of the form that this provider's keys have",
	provider.BadMAC:      "the key makes another signature",
	provider.BadDigest:   "the digest is that of another body",
	provider.Stale:       "it is older than the provider's tolerance",
	provider.Future:      "its time is in the future",
}
