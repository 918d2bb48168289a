// Package providertest has the profiles that tests of many packages go through.
package providertest

import (
	"embed"
	"io/fs"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

//go:embed *.yaml
var files embed.FS

// Own are profiles as users may write them, of what no built-in provider does.
func Own(t testing.TB) []*provider.Profile {
	t.Helper()
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var profiles []*provider.Profile
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		profile, err := provider.ParseOwn(name, text)
		if err != nil {
			t.Fatal(err)
		}
		profiles = append(profiles, profile)
	}
	return profiles
}

// All are those and the built-in ones.
func All(t testing.TB) []*provider.Profile {
	t.Helper()
	profiles := Own(t)
	for _, name := range provider.Names() {
		profiles = append(profiles, provider.Must(name))
	}
	return profiles
}
