package cases

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

var update = flag.Bool("update", false, "write the generated files")

const familiesFile = "../../../policies/schema/families.json"

// TestFamiliesOfPolicies holds the words that policies use for families to this table.
func TestFamiliesOfPolicies(t *testing.T) {
	t.Parallel()
	families := map[string]Family{}
	for _, family := range Families {
		if _, twice := families[family.ID]; twice {
			t.Errorf("two families have the id %s", family.ID)
		}
		families[family.ID] = family
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(families); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(familiesFile, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(familiesFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s is not current; run `go test ./probes/webhook/cases -update`:\n%s", familiesFile, diff)
	}
}

// TestCasesHaveDistinctNames: a case is named by family and name, in facts and in print.
func TestCasesHaveDistinctNames(t *testing.T) {
	t.Parallel()
	id := regexp.MustCompile(`F\d\d`)
	facts, labels := map[string]bool{}, map[string]bool{}
	for _, list := range [][]Case{Forgeries(provider.Must(provider.Default)), Genuine(provider.Must(provider.Default)), Invalid(provider.Must(provider.Default))} {
		for _, c := range list {
			label := Label(c.Family, c.Name)
			if facts[c.Family+" "+c.Name] || labels[label] || FamilyByID(c.Family).Title == "" || id.MatchString(label) {
				t.Errorf("%s %s (%s) exists twice, or its family has no words", c.Family, c.Name, label)
			}
			facts[c.Family+" "+c.Name], labels[label] = true, true
		}
	}
}

// TestCasesDoNotRemember: what a case puts into a header does not depend on the requests before, which
// may be those of another environment.
func TestCasesDoNotRemember(t *testing.T) {
	t.Parallel()
	target, err := url.Parse("https://hooks.acme.example/begini")
	if err != nil {
		t.Fatal(err)
	}
	profile := *provider.Must(provider.Default)
	source := &Source{Profile: &profile, URL: target, IntegrationID: "1234567890987654321"}
	for _, c := range Forgeries(&profile) {
		if c.Family != "F14" { // others draw random values
			continue
		}
		var headers [2][][2]string
		for i := range headers {
			request, err := source.Request(profile.Events[0], true)
			if err != nil {
				t.Fatal(err)
			}
			c.Change(request)
			headers[i] = request.Header
		}
		if diff := cmp.Diff(headers[0], headers[1]); diff != "" {
			t.Errorf("%s: the second request has other headers than the first:\n%s", Label(c.Family, c.Name), diff)
		}
	}
}
