package cli

import (
	"fmt"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// reportedProfile is the profile by which a report was judged: the report has one that is not built in.
func reportedProfile(r *audit.Report) (audit.Profile, error) {
	if r.Profile != nil {
		return *r.Profile, nil
	}
	profile, err := provider.ByName(r.Provider)
	if err != nil {
		return audit.Profile{}, err
	}
	return auditor.ProfileFacts(profile), nil
}

// catalogueProfile is the profile of that name or, without one, any: then the items of the checklist are
// those of the default provider.
func catalogueProfile(name string) (audit.Profile, error) {
	shown := name
	if name == "" {
		shown = provider.Default
	}
	profile, err := profileNamed(shown)
	if err != nil {
		return audit.Profile{}, err
	}
	facts := auditor.ProfileFacts(*profile)
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
