package cli

import (
	"fmt"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// profileFacts is what judging needs of a profile.
func profileFacts(profile provider.Profile) audit.Profile {
	facts := audit.Profile{
		Name: profile.Name, Title: profile.Title, Verified: profile.Grade == provider.Verified,
		Words: profile.AllWords(), Features: profile.FeatureNames(), Without: []audit.WithoutFamily{},
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

// profileOf is what judging needs of an integration's provider.
func profileOf(integration *audit.Integration) (audit.Profile, error) {
	profile, err := provider.Of(integration.Provider, integration.ProviderProfile)
	if err != nil {
		return audit.Profile{}, err
	}
	return profileFacts(profile), nil
}

// reportedProfile is the profile by which a report was judged: the report has one that is not built in.
func reportedProfile(r *audit.Report) (audit.Profile, error) {
	if r.Profile != nil {
		return *r.Profile, nil
	}
	profile, err := provider.ByName(r.Provider)
	if err != nil {
		return audit.Profile{}, err
	}
	return profileFacts(profile), nil
}

// catalogueProfile is the profile of that name or, without one, any: then the items of the checklist are
// those of the default provider.
func catalogueProfile(name string) (audit.Profile, error) {
	shown := name
	if name == "" {
		shown = provider.Default
	}
	profile, err := provider.ByName(shown)
	if err != nil {
		return audit.Profile{}, err
	}
	facts := profileFacts(profile)
	if name != "" {
		return facts, nil
	}
	anyone := audit.Profile{}
	for _, item := range facts.Checklist {
		anyone.Checklist = append(anyone.Checklist, audit.ProfileItem{Title: item.Title, Checks: item.Checks})
	}
	return anyone, nil
}

// providersMarkdown is the table of the built-in providers.
func providersMarkdown() string {
	var text strings.Builder
	text.WriteString("| name | provider | signature | covers | events | profile |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, name := range provider.Names() {
		profile := provider.Must(name)
		signature := fmt.Sprintf("%s in the %s", profile.Signature.Title(), profile.Signature.Placement())
		if profile.Signature.NegativeOnly() {
			signature += "; only the provider can sign"
		}
		covers := profile.AllWords()["signed"]
		if covers == "" {
			covers = "nothing"
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s | %s | %s |\n", profile.Name, cell(profile.Title), cell(signature), cell(covers),
			cell(strings.Join(profile.EventTypes(), ", ")), profile.Grade)
	}
	return text.String()
}
