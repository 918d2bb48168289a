package roster

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

func look(t testing.TB, content string, access audit.Access) *audittest.Sink {
	t.Helper()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "users.csv"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	access.Roster = "users.csv"
	return lookAt(t, t.Context(), &audit.Integration{Directory: directory, Access: access})
}

func lookAt(t testing.TB, ctx context.Context, integration *audit.Integration) *audittest.Sink {
	t.Helper()
	s := &audittest.Sink{}
	if err := New().Run(ctx, &audit.Run{Integration: integration, Sink: s, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	return s
}

var acme = audit.Access{AllowedDomains: []string{"acme.example"}}

func TestAccountsAreToldWithoutNames(t *testing.T) {
	t.Parallel()
	s := look(t, "\uFEFFEmail,Role,name,last_active,justification,team\r\n"+
		"jane.doe@acme.example,Admin,Jane Doe,2026-10-01,on call,risk\r\n"+
		"JANE.DOE@acme.example,admin,Jane Doe,,,risk\r\n"+
		"jane.doe@acme.example,Viewer,Jane Doe,,,risk\r\n"+
		"\"bob@acme.example\",Viewer,\"Bob \"\"B\"\" Roe\",2026-09-01,,\r\n"+
		"\r\n,,,,,\r\n"+
		"admin@acme.example,Viewer,,,,\r\n"+
		"zoe@other.example,Zoe,Zoe,,,\r\n"+
		"not an address,Viewer,,,,\r\n", acme)
	wantAccounts := []Accounts{
		{Role: "admin", Domain: "acme.example", DomainAllowed: true, Count: 1, Rows: []int{2}, Justified: 1, OldestActivity: date(t, "2026-10-01")},
		{Role: "viewer", Domain: "acme.example", DomainAllowed: true, Count: 2, Rows: []int{4, 5}, OldestActivity: date(t, "2026-09-01")},
		{Role: "viewer", Domain: "acme.example", DomainAllowed: true, SharedLooking: true, Count: 1, Rows: []int{8}},
		{Role: "unrecognised", Domain: "other.example", Count: 1, Rows: []int{9}},
	}
	if diff := cmp.Diff(wantAccounts, audittest.Of[Accounts](s), cmp.Comparer(func(a, b audit.Date) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	got := audittest.Of[Roster](s)[0]
	if got.Digest == "" || got.Digest != s.Scoped().Digests["roster"] {
		t.Errorf("digest %q, in the scope %q", got.Digest, s.Scoped().Digests["roster"])
	}
	got.Digest, got.Size = "", 0
	want := Roster{Path: "users.csv", Complete: true, Rows: 7, Accounts: 4, Repeated: 1, Several: 1, Unreadable: 1, UnreadableRows: []int{10}, UnknownColumns: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	raw, err := json.Marshal([]any{s.All(), s.Scoped()})
	if err != nil {
		t.Fatal(err)
	}
	for _, personal := range []string{"jane", "doe", "bob", "zoe", "@"} {
		if strings.Contains(strings.ToLower(string(raw)), personal) {
			t.Errorf("the facts hold %q: %s", personal, raw)
		}
	}
}

func date(t *testing.T, text string) audit.Date {
	t.Helper()
	d, err := audit.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWhatIsNotWholeSaysSo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ content, problem string }{
		"empty":            {"", "no header line"},
		"no header":        {"jane@acme.example,Admin\n", "is no header"},
		"role is missing":  {"email,name\n", "role is missing"},
		"twice":            {"email,role,Email\n", "names the column email twice"},
		"unclosed quote":   {"email,role\njane@acme.example,\"Admin\nbob@acme.example,Admin\n", "line 2 is not valid CSV"},
		"stray quote":      {"email,role\njane@acme.example,Viewer\nbob@acme.example,Ad\"min\n", "line 3 is not valid CSV"},
		"binary":           {"email,role\nm\x00", "binary"},
		"no such column":   {"Email,role\n", "no column of the title that access.roster.role says"},
		"too many rows":    {"email,role\n" + strings.Repeat("jane@acme.example,Viewer\n", maxRows+1), "more than 10000 rows"},
		"too large":        {"email,role,name\n" + strings.Repeat("jane@acme.example,Viewer,"+strings.Repeat("x", 4000)+"\n", 1400), "larger than 5 MB"},
		"one endless line": {"email,role\n" + strings.Repeat("x", maxBytes), "larger than 5 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			access := acme
			if name == "no such column" {
				access.RosterColumns = map[string]string{"role": "Permission"}
			}
			got := audittest.Of[Roster](look(t, test.content, access))[0]
			if got.Complete || !strings.Contains(got.Problem, test.problem) {
				t.Errorf("complete %v, problem %q, want %q", got.Complete, got.Problem, test.problem)
			}
		})
	}
}

func TestMoreDomainsThanAReportHolds(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("email,role\n")
	for i := range maxGroups + 1 {
		b.WriteString("x@d" + strings.Repeat("x", i%50) + "." + string(rune('a'+i/50)) + ".example,Viewer\n")
	}
	s := look(t, b.String(), acme)
	if got := audittest.Of[Roster](s)[0]; got.Complete || got.Accounts != maxGroups+1 || len(audittest.Of[Accounts](s)) != maxGroups {
		t.Errorf("complete %v, %d accounts, %d groups", got.Complete, got.Accounts, len(audittest.Of[Accounts](s)))
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for path, problem := range map[string]string{
		"absent.csv": "does not exist", ".": "not a regular file", "/dev/null": "not a regular file", "bad\x00name": "cannot be read",
	} {
		got := audittest.Of[Roster](lookAt(t, t.Context(), &audit.Integration{Directory: directory, Access: audit.Access{Roster: path}}))
		if len(got) != 1 || got[0].Complete || !strings.Contains(got[0].Problem, problem) {
			t.Errorf("%q: %+v, want %q", path, got, problem)
		}
	}
}

func TestNoRosterNoFact(t *testing.T) {
	t.Parallel()
	if s := lookAt(t, t.Context(), &audit.Integration{}); len(audittest.Of[Roster](s))+len(audittest.Of[Accounts](s)) != 0 {
		t.Errorf("%+v", s)
	}
	if steps := New().Plan(&audit.Integration{}, nil); len(steps) != 0 {
		t.Errorf("plans %v", steps)
	}
	if steps := New().Plan(&audit.Integration{Access: audit.Access{Roster: "users.csv"}}, nil); len(steps) != 1 || steps[0].Target != "users.csv" {
		t.Errorf("plans %v", steps)
	}
}

func TestACancelledRunSaysSo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "users.csv"), []byte("email,role\nx@acme.example,Admin\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	integration := &audit.Integration{Directory: directory, Access: audit.Access{Roster: "users.csv"}}
	if err := New().Run(ctx, &audit.Run{Integration: integration, Sink: &audittest.Sink{}}); err != context.Canceled {
		t.Errorf("got %v", err)
	}
}

func TestAPastedKeyIsNotShown(t *testing.T) {
	t.Parallel()
	const key = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "users.csv"), []byte("email,role\nx@"+key+".example,"+key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	integration := &audit.Integration{Directory: directory, Access: audit.Access{Roster: "users.csv"},
		Environments: []audit.Environment{{Key: audit.KeyReference{Key: secret.New([]byte(key))}}}}
	got := audittest.Of[Accounts](lookAt(t, t.Context(), integration))
	if len(got) != 1 || got[0].Domain != "" || got[0].Role != "unrecognised" || got[0].Count != 1 {
		t.Errorf("%+v", got)
	}
}

func TestSeparators(t *testing.T) {
	t.Parallel()
	for _, separator := range []string{",", ";", "\t"} {
		s := look(t, strings.ReplaceAll("name|email|role\nDoe, Jane|jane@acme.example|Admin\n", "|", separator), acme)
		if separator == "," { // the name's own comma shifts the row: it must not be read as something else
			if got := audittest.Of[Roster](s)[0]; got.Unreadable != 1 || got.Accounts != 0 {
				t.Errorf("a shifted row was read: %+v", got)
			}
			continue
		}
		if got := audittest.Of[Accounts](s); len(got) != 1 || got[0].Role != "admin" {
			t.Errorf("%q: %+v", separator, got)
		}
	}
}

// TestExportsOfOtherDirectories: titles and roles as other programs write them, with what spreadsheets put before them.
func TestExportsOfOtherDirectories(t *testing.T) {
	t.Parallel()
	utf16le := func(text string) string {
		var out strings.Builder
		for _, unit := range utf16.Encode([]rune("\uFEFF" + text)) {
			out.Write([]byte{byte(unit), byte(unit >> 8)})
		}
		return out.String()
	}
	mapped := audit.Access{AllowedDomains: acme.AllowedDomains,
		RosterColumns: map[string]string{"email": "E-mail", "role": "Permission"}, RosterRoles: map[string]string{"owner": "Admin", "leser": "Viewer"}}
	for name, test := range map[string]struct {
		content string
		access  audit.Access
	}{
		"Google":        {"First Name [Required],Email Address [Required],Role\nJane,jane@acme.example,Admin\nBob,bob@acme.example,Viewer\n", acme},
		"Entra":         {"userPrincipalName,displayName,role\njane@acme.example,Jane Doe,Admin\nbob@acme.example,Bob Roe,Viewer\n", acme},
		"Okta":          {"Login,First name,Last name,User Role,Last Login\njane@acme.example,Jane,Doe,Admin,2026-10-01T10:00:00Z\nbob@acme.example,Bob,Roe,Viewer,\n", acme},
		"both":          {"Username,Email address,Permission level\njd,jane@acme.example,Admin\nbr,bob@acme.example,Viewer\n", acme},
		"semicolons":    {"\uFEFF\"E-Mail\";\"Full Name\";\"Access Level\"\r\n\"jane@acme.example\";\"Doe, Jane; Dr.\";\"Admin\"\r\nbob@acme.example;Roe, Bob;viewer\r\n", acme},
		"commas inside": {"Name, first and last;Role, as of today;E-mail\nDoe, Jane;Admin;jane@acme.example\nRoe;Viewer;bob@acme.example\n", audit.Access{AllowedDomains: acme.AllowedDomains, RosterColumns: map[string]string{"role": "role as of today"}}},
		"Excel":         {"sep=;\r\nemail;role\r\njane@acme.example;Admin\r\nbob@acme.example;Viewer\r\n", acme},
		"UTF-16":        {utf16le("email\trole\r\njane@acme.example\tAdmin\r\nbob@acme.example\tViewer\r\n"), acme},
		"declared":      {"E-mail|Permission|role\njane@acme.example|Owner|x\nbob@acme.example|Leser|y\n", mapped},
	} {
		s := look(t, test.content, test.access)
		roster := audittest.Of[Roster](s)[0]
		var roles []string
		for _, group := range audittest.Of[Accounts](s) {
			roles = append(roles, group.Role)
		}
		if !roster.Complete || roster.Unreadable > 0 || roster.Accounts != 2 || !slices.Equal(roles, []string{"admin", "viewer"}) {
			t.Errorf("%s: %+v %v", name, roster, roles)
		}
	}
}

func TestShared(t *testing.T) {
	t.Parallel()
	for _, local := range []string{"admin", "info", "team", "dev", "support", "noreply", "no-reply", "test", "test2", "dev-team", "it.support", "risk_team", "credit-helpdesk", "acme-team", "admin+begini", "Info"} {
		if !shared(strings.ToLower(local), "") {
			t.Errorf("%s looks personal", local)
		}
	}
	for _, local := range []string{"jane", "jane.doe", "j.doe2", "joe.root", "dev.patel", "12345", "e1234", "contestant", "testa.rossa", "jane+admin", "supporta"} {
		if shared(local, "") {
			t.Errorf("%s looks shared", local)
		}
	}
	if shared("dev", "Dev Patel") {
		t.Error("a person's own first name looks shared")
	}
	for _, name := range []string{"Dev Team", "Jane Doe", ""} {
		if !shared("dev", name) {
			t.Errorf("dev looks personal beside the name %q", name)
		}
	}
}

func TestSharedPerson(t *testing.T) {
	t.Parallel()
	for who, want := range map[string]bool{"": false, "jane@acme.example": false, "Jane Doe": false, "security@acme.example": true, "Security Team": true} {
		if sharedPerson(who) != want {
			t.Errorf("%q: %v", who, !want)
		}
	}
}

func TestSplitAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "@acme.example", "jane", "jane@", "jane@localhost", "a b@acme.example", "Jane <jane@acme.example>", "jane@acme..example", "jane@ac me.example", "a@b@acme.example", strings.Repeat("x", 65) + "@acme.example", "x@" + strings.Repeat("y.", 130) + "example", "j\xffne@acme.example", "jane@\xff.example", "jane@acme/x.example"} {
		if _, _, ok := splitAddress(address); ok {
			t.Errorf("%q is taken for an address", address)
		}
	}
	if local, domain, ok := splitAddress("O'Neil+x@Bücher.Example."); !ok || local != "o'neil+x" || domain != "bücher.example" {
		t.Errorf("%q %q %v", local, domain, ok)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"email,role\njane@acme.example,Admin\n", "\uFEFFemail;role\r\njane@acme.example;Viewer\r\n", "email,role\n\"", "role,email,role\n", "email,role\n\xff@\xff.x,\x00",
		"email,role,name\na@b.c,Admin,\"x\ny\"\n,,\n", "\xff\xfee\x00", "email\trole\n@@\t@@\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		parsed, err := parse(t.Context(), content, nil)
		if err != nil {
			t.Fatal(err)
		}
		tally := newTally(audit.Access{}, func(text string) string { return text })
		for _, row := range parsed.rows {
			tally.add(row)
		}
		counted := tally.unreadable + tally.repeated
		for _, group := range tally.sorted() {
			counted += group.Count
			if group.Role != "" && group.Role != "unrecognised" && !knownRoles[group.Role] {
				t.Errorf("shows the role %q", group.Role)
			}
			if strings.ContainsAny(group.Domain, "@\x00\n") {
				t.Errorf("shows the domain %q", group.Domain)
			}
		}
		if counted != len(parsed.rows) && !tally.overflow {
			t.Errorf("%d of %d rows were told", counted, len(parsed.rows))
		}
	})
}
