package keys

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

func TestReferencesAndPairs(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for name, mode := range map[string]os.FileMode{"safe": 0o600, "open": 0o644, "repo/key": 0o600} {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
	}
	file := func(path, key string) audit.KeyReference {
		return audit.KeyReference{Key: secret.New([]byte(key)), Source: audit.FromFile, Path: path}
	}
	integration := &audit.Integration{
		Provider: provider.Default, Directory: directory, Repositories: []audit.Repository{{Path: "repo"}},
		Environments: []audit.Environment{
			{Name: audit.Test, Key: file("safe", "tk_4f9Qw82LmZx71VbNc03Re6Ty")},
			{Name: audit.Production, Key: file("open", "changeme")},
		},
		RetiredKeys: []audit.RetiredKey{
			{Environment: audit.Test, KeyReference: file("repo/key", "tk_4f9Qw82LmZx71VbNc03Re6Ty")},
			{Environment: audit.Production, KeyReference: file("absent", " pk_8Jd72KsPq0Zm41XvBn95Wc3L")},
		},
	}
	out := &audittest.Sink{}
	if err := New().Run(t.Context(), &audit.Run{Integration: integration, Sink: out}); err != nil {
		t.Fatal(err)
	}
	references := audittest.Of[Reference](out)
	if len(references) != 4 {
		t.Fatalf("%+v", references)
	}
	if r := references[0]; !r.File.OwnerOnly || r.File.InRepository != "" || r.Placeholder || r.Blank || r.Role != "current" || r.Length != 27 {
		t.Errorf("a safe file: %+v", r)
	}
	if r := references[1]; r.File.OwnerOnly || !r.Placeholder {
		t.Errorf("a file that others can read, with a placeholder: %+v", r)
	}
	if r := references[2]; r.File.InRepository != "repo" || r.Role != "retired" {
		t.Errorf("a file in a repository: %+v", r)
	}
	if r := references[3]; r.File.Unknown == "" || !r.Blank {
		t.Errorf("a file that does not exist, of a key with a blank: %+v", r)
	}
	same := 0
	pairs := audittest.Of[Pair](out)
	for _, pair := range pairs {
		if pair.Same {
			same++
			if pair.First != audit.Test || pair.Second != audit.Test || pair.SecondRole != "retired" {
				t.Errorf("%+v", pair)
			}
		}
	}
	if len(pairs) != 5 || same != 1 { // every current key with every other that follows it
		t.Errorf("%d pairs, %d the same: %+v", len(pairs), same, pairs)
	}
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"changeme": true, "CHANGE_ME_LATER": true, "your-api-key-here": true, "<key>": true, "${BEGINI_KEY}": true, "xxxxxxxxxxxxxxxx": true,
		"my-acme-api-key": true, "my-other-api-key": false, "0000000000000000": true, "null": true, "tk_4f9Qw82LmZx71VbNc03Re6Ty": false, "9f86d081884c7d659a2feaa0c55ad015": false, "": false,
	} {
		if got := placeholder(key, standInsOf([]string{"acme"})); got != want {
			t.Errorf("%q: %v", key, got)
		}
	}
}

// What a value shows of its environment is reported, never the value.
func TestValuesThatNameTheirEnvironment(t *testing.T) {
	t.Parallel()
	profile, err := provider.ByName("paystack")
	if err != nil {
		t.Fatal(err)
	}
	if len(profile.Secret.Environments) == 0 {
		t.Fatal("the profile says nothing of its keys' environments")
	}
	out := &audittest.Sink{}
	key := func(value string) audit.KeyReference {
		return audit.KeyReference{Source: audit.FromEnv, Variable: "KEY", Key: secret.New([]byte(value))}
	}
	integration := &audit.Integration{Provider: "paystack", Environments: []audit.Environment{
		{Name: audit.Test, Key: key("sk_live_4f9Qw82LmZx71VbNc03Re6Ty")},
		{Name: audit.Production, Key: key("sk_test_8Jd72KsPq0Zm41XvBn95Wc3L")},
		{Name: "staging", Key: key("8Jd72KsPq0Zm41XvBn95Wc3L")},
	}}
	if err := New().Run(t.Context(), &audit.Run{Integration: integration, Sink: out}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, reference := range audittest.Of[Reference](out) {
		got = append(got, reference.ValueEnvironment)
	}
	if want := []string{audit.Production, audit.Test, ""}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
