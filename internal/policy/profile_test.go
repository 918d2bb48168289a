package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// wordy is a check that says {{word}}, needs a feature, and says a word in a message.
func wordy(files fstest.MapFS) fstest.MapFS {
	text := checkModule("a.wordy", "prelaunch.checks.a.wordy", `findings contains {"outcome": "fail", "message": "The {{dashboard}} has no {{none}}", "next_step": "Open the {{dashboard}}.", "evidence": {}}`)
	text = strings.NewReplacer("title: A title", `title: "{{Keys}} are kept"`, "remediation: Mend it.", `remediation: "{{Rotate}} in the {{dashboard}}."`,
		"#   items: [1]\n", "#   needs: [redirects]\n#   sources: [\"RFC 1\"]\n").Replace(text)
	files["a/wordy.rego"] = &fstest.MapFile{Data: []byte(text)}
	files[WordsFile] = &fstest.MapFile{Data: []byte(`{"dashboard": "provider's dashboard", "key": "API key", "keys": "API keys", "a_key": "an API key", "rotate": "rotate it"}`)}
	return files
}

func TestForGivesChecksTheWordsItemsAndFeaturesOfAProvider(t *testing.T) {
	t.Parallel()
	library, err := Load(wordy(builtin(nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	profile := audit.Profile{
		Name: "acme", Features: []string{"redirects"}, Words: map[string]string{"dashboard": "Console", "key": "signing secret"},
		Checklist: []audit.ProfileItem{
			{Title: "First", Source: "https://acme.example/security", Checks: []string{"b.*"}},
			{Title: "Second", Source: "https://acme.example/webhooks", Checks: []string{"a.w*"}},
		},
	}
	of := func(l *Library) audit.CheckInfo {
		at := slices.IndexFunc(l.Checks(), func(c audit.CheckInfo) bool { return c.ID == "a.wordy" })
		return l.Checks()[at]
	}
	got := of(library.For(profile))
	want := "Signing secrets are kept|Rotate it in the Console.|[2]|[https://acme.example/webhooks RFC 1]"
	if is := fmt.Sprint(got.Title, "|", got.Remediation, "|", got.Items, "|", got.Sources); is != want {
		t.Errorf("got %s, want %s", is, want)
	}
	if got := of(library); got.Title != "API keys are kept" || len(got.Items) != 0 || got.Items == nil {
		t.Errorf("without a profile: %+v", got)
	}
	profile.Features = nil
	if left := library.For(profile).Checks(); slices.ContainsFunc(left, func(c audit.CheckInfo) bool { return c.ID == "a.wordy" }) {
		t.Error("a check whose feature the provider lacks is there")
	}
	profile.Name = ""
	if got := of(library.For(profile)); got.ID == "" {
		t.Error("any provider lacks a check")
	}
}

func TestFindingsAreInTheWordsOfAProvider(t *testing.T) {
	t.Parallel()
	library, err := Load(wordy(builtin(nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	library = library.For(audit.Profile{Name: "acme", Features: []string{"redirects"}, Words: map[string]string{"dashboard": "Console"}})
	judge := judgeOf(t, library)
	verdicts, err := judge.Verdicts(t.Context(), []byte(`{"facts": {"a.fact": []}}`))
	if err != nil {
		t.Fatal(err)
	}
	got := verdicts["a.wordy"][0]
	if got.Message != "The Console has no {{none}}" || got.NextStep != "Open the Console." {
		t.Errorf("got %+v", got)
	}
}

func TestAWordThatThereIsNotIsAnError(t *testing.T) {
	t.Parallel()
	files := wordy(builtin(nil))
	files[WordsFile] = &fstest.MapFile{Data: []byte(`{}`)}
	if _, err := Load(files, nil); err == nil || !strings.Contains(err.Error(), `no word "Keys"`) {
		t.Errorf("got %v", err)
	}
}

// A check that judges families which the scheme makes meaningless is not applicable, and is not evaluated.
func TestACheckOfMeaninglessFamiliesIsNotApplicable(t *testing.T) {
	t.Parallel()
	files := builtin(nil)
	files["a/one.rego"].Data = []byte(strings.Replace(string(files["a/one.rego"].Data), "#   items: [1]\n", "#   families: [tampered, body-digest]\n", 1))
	library, err := Load(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	outcome := func(without ...audit.WithoutFamily) (audit.Outcome, string) {
		fitted := library.For(audit.Profile{Name: "acme", Without: without, Words: map[string]string{"provider": "Acme"}})
		selection, err := fitted.Select(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		judge, err := fitted.Compile(t.Context(), selection)
		if err != nil {
			t.Fatal(err)
		}
		verdicts, err := judge.Verdicts(t.Context(), []byte(`{"facts": {"a.fact": [{"text": "seen"}]}}`))
		if err != nil || len(verdicts["a.one"]) != 1 {
			t.Fatal(verdicts, err)
		}
		return verdicts["a.one"][0].Outcome, verdicts["a.one"][0].Message
	}
	tampered := audit.WithoutFamily{Family: "tampered", Because: "the signature does not cover the body"}
	if got, _ := outcome(tampered); got != audit.Pass {
		t.Errorf("with one of its families: %v", got)
	}
	got, message := outcome(tampered, audit.WithoutFamily{Family: "body-digest", Because: "it sends no digest"})
	if got != audit.NotApplicable || !strings.HasSuffix(message, "the signature does not cover the body") {
		t.Errorf("without any: %v, %s", got, message)
	}
}

// TestSeverityFollowsWhatAKeyOpens: an exposed key that opens one endpoint is less than one that opens an API.
func TestSeverityFollowsWhatAKeyOpens(t *testing.T) {
	t.Parallel()
	exposed := strings.Replace(checkModule("a.exposed", "prelaunch.checks.a.exposed", "findings := set()\n"),
		"#   severity: high\n", "#   severity: critical\n#   severity_of_endpoint: high\n", 1)
	library, err := Load(builtin(map[string]string{"a/exposed.rego": exposed}), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		profile audit.Profile
		want    string
	}{
		{audit.Profile{}, "critical"}, {audit.Profile{Name: "acme"}, "critical"}, {audit.Profile{Name: "acme", Endpoint: true}, "high"},
	} {
		checks := library.For(test.profile).Checks()
		i := slices.IndexFunc(checks, func(c audit.CheckInfo) bool { return c.ID == "a.exposed" })
		if checks[i].Severity != test.want {
			t.Errorf("%+v: the severity is %s", test.profile, checks[i].Severity)
		}
	}
}
