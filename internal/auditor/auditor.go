// Package auditor joins the stages of an audit for whoever runs one: the command line and the server. It says what probes get from
// outside, describes the circumstances in the facts, and judges them.
package auditor

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/runner"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
	"github.com/prelaunch-audit/prelaunch/policies"
	"github.com/prelaunch-audit/prelaunch/probes"
)

// builtin are the policies of this version. A library is read only, so one serves the whole process.
var builtin = sync.OnceValues(func() (*policy.Library, error) { return policy.Load(policies.FS, nil, provider.Digest()) })

// Policies reads the built-in policies and those in a user's own directories. Their digest is also one of the
// built-in profiles, of which verdicts follow as well.
func Policies(directories []string) (*policy.Library, error) {
	if len(directories) == 0 {
		return builtin()
	}
	return policy.Load(policies.FS, directories, provider.Digest())
}

// Tool is this program. version is what the linker set; without one it is the module's own.
func Tool(version string) audit.Tool {
	if info, ok := debug.ReadBuildInfo(); version == "" && ok {
		version = strings.TrimPrefix(info.Main.Version, "v")
	}
	if version == "" || version == "(devel)" {
		version = "devel"
	}
	return audit.Tool{Name: "prelaunch", Version: version}
}

// Options are what the probes of an integration get from outside: every probe, the network and its roots, and exec.
func Options(integration *audit.Integration, exec audit.Exec) (runner.Options, error) {
	roots, err := netprobe.Roots(integration.Network.ExtraRootsPEM)
	if err != nil {
		return runner.Options{}, err
	}
	return runner.Options{Probes: probes.All(), Network: netprobe.New(integration, nil), Exec: exec, Roots: roots}, nil
}

// Describe completes facts with who gathered them, where the configuration is, and the settings that make the audit see something else
// than the public does; allowed are those that are not in the configuration.
func Describe(document *audit.Document, integration *audit.Integration, allowed []audit.Override, lookupEnv func(name string) (value string, set bool)) {
	document.ProbedBy = prober()
	document.Scope.ConfigFile, document.Scope.ConfigLines = filepath.ToSlash(integration.File), report.ConfigLines(integration.Positions)
	document.Scope.Overrides = append([]audit.Override{}, slices.Concat(overrides(integration.Network), integration.Outside, allowed, proxies(lookupEnv))...) // never null
}

// prober is who runs this program, as far as the machine knows.
func prober() *audit.ProbedBy {
	by := &audit.ProbedBy{}
	if who, err := user.Current(); err == nil {
		by.By = who.Username
	}
	if host, err := os.Hostname(); err == nil {
		by.Host = host
	}
	return by
}

// overrides are the settings of the configuration that make the audit see something else than the public does.
func overrides(network audit.NetworkOptions) []audit.Override {
	list := []audit.Override{}
	for _, from := range slices.Sorted(maps.Keys(network.Resolve)) {
		list = append(list, audit.Override{Setting: "network.resolve " + from, Value: strings.Join(network.Resolve[from], ", ")})
	}
	if network.CAFile != "" {
		value := network.CAFile
		if network.ProviderTrustsCA {
			value += " (the provider is said to trust it)"
		}
		list = append(list, audit.Override{Setting: "network.ca_file", Value: value})
	}
	if network.ClientCert != "" {
		list = append(list, audit.Override{Setting: "network.client_certificate", Value: network.ClientCert})
	}
	if network.Vantage == audit.Allowlisted {
		list = append(list, audit.Override{Setting: "network.vantage", Value: network.Vantage})
	}
	return list
}

// proxies tells that a proxy is set in the environment, as probing goes past it.
func proxies(lookupEnv func(string) (string, bool)) []audit.Override {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		if value, set := lookupEnv(name); set && value != "" {
			return []audit.Override{{Setting: "environment " + name, Value: "set, and not used: the receivers are reached directly"}}
		}
	}
	return nil
}

// Judge judges facts, or what they say of one environment: the report names the digest of all. It does not change library and judge, so
// that they can serve many audits.
func Judge(ctx context.Context, document *audit.Document, library *policy.Library, selection policy.Selection, judge *policy.Judge, environment string) (*audit.Report, error) {
	facts, err := document.Encode()
	if err != nil {
		return nil, err
	}
	digest := audit.Digest(facts)
	if environment != "" {
		if err := document.Narrow(environment); err != nil {
			return nil, fmt.Errorf("--environment: %w", err)
		}
		if facts, err = document.Encode(); err != nil {
			return nil, err
		}
	}
	verdicts, err := judge.Verdicts(ctx, facts)
	if err != nil {
		return nil, err
	}
	return verdict.Assemble(document, digest, verdict.Judgment{
		Checks: selection.Checks, Verdicts: verdicts, PolicyDigest: library.Digest(), Partial: selection.Partial,
	}, document.Profile.Titles()), nil
}

// ProfileFacts is what judging needs of a profile.
func ProfileFacts(profile provider.Profile) audit.Profile {
	facts := audit.Profile{
		Name: profile.Name, Title: profile.Title, Verified: profile.Grade == provider.Verified,
		Endpoint: profile.Secret.Reach == "" || profile.Secret.Reach == provider.ReachEndpoint,
		Words:    profile.AllWords(), Features: profile.FeatureNames(), Without: []audit.WithoutFamily{},
		Success: []audit.StatusRange{}, WithinSeconds: profile.Delivery.Within.Duration().Seconds(),
		Hosts: profile.Hosts(), Checklist: []audit.ProfileItem{},
	}
	for _, statuses := range profile.Delivery.Success.Ranges() {
		facts.Success = append(facts.Success, audit.StatusRange(statuses))
	}
	for _, family := range provider.Families() {
		if applies, because := profile.Applies(family); !applies {
			facts.Without = append(facts.Without, audit.WithoutFamily{Family: family, Because: because})
		}
	}
	for _, item := range profile.Checklist {
		facts.Checklist = append(facts.Checklist, audit.ProfileItem{Title: item.Title, Source: item.Source, Checks: item.Checks})
	}
	return facts
}

// Profile is what judging needs of an integration's provider.
func Profile(integration *audit.Integration) (audit.Profile, error) {
	profile, err := provider.Of(integration.Provider, integration.ProviderProfile)
	if err != nil {
		return audit.Profile{}, err
	}
	if slices.ContainsFunc(integration.Environments, func(e audit.Environment) bool { return e.KeyPair }) {
		profile = profile.WithKeyPair()
	}
	return ProfileFacts(profile), nil
}
