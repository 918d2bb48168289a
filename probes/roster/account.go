package roster

import (
	"slices"
	"strings"
	"unicode"
)

// sharedWords are what an address is called that is read by a function and not by a person.
var sharedWords = words(`
	abuse account accounting accounts admin administration administrator administrators admins alerts api app apps audit backend billing bot
	careers client compliance contact credit dashboard data default demo dev developer developers development devops devs enquiries engineering example
	everyone finance fraud frontend group hello help helpdesk hr info infra infrastructure integration integrations it itadmin legal lending loans
	mail mailbox management marketing monitoring no noc noreply notifications office operations ops owner payments platform postmaster
	privacy prod product production qa reception reply risk root sales sandbox security service services shared staging staff
	superadmin support sysadmin system team tech technical technology temp test tester testing tests uat user users vendor webhook webhooks webmaster
`)

// tellingWords make an address a shared one whatever stands next to them; none is a person's name.
var tellingWords = words(`admins administrators developers devops everyone helpdesk mailbox noreply notifications postmaster shared superadmin sysadmin team teams webmaster`)

// knownRoles are words that may be shown; anything else in the column could be somebody's name.
var knownRoles = words(`
	admin administrator analyst billing developer editor guest manager member none operational operator owner read-only readonly
	superadmin support user viewer
`)

func words(list string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(list) {
		set[word] = true
	}
	return set
}

// normalRole is a role in lower case, "unrecognised" when it is no word for one.
func normalRole(role string) string {
	role = strings.ToLower(strings.TrimSpace(role))
	if role == "" || knownRoles[role] {
		return role
	}
	return "unrecognised"
}

// splitAddress splits an e-mail address in lower case; not ok when it is none.
func splitAddress(address string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at > 64 || len(address) > 254+64 {
		return "", "", false
	}
	local, domain = strings.ToLower(address[:at]), normalDomain(address[at+1:])
	if strings.ContainsFunc(local, func(r rune) bool {
		return r == unicode.ReplacementChar || r <= ' ' || r == 0x7f || strings.ContainsRune(`<>(),;:"@\`, r)
	}) {
		return "", "", false
	}
	labels := strings.Split(domain, ".")
	if len(labels) < 2 || len(domain) > 253 {
		return "", "", false
	}
	for _, label := range labels {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool {
			return r == unicode.ReplacementChar || r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
		}) {
			return "", "", false
		}
	}
	return local, domain, true
}

func normalDomain(domain string) string {
	return strings.Trim(strings.ToLower(strings.TrimSpace(domain)), "@.")
}

// split cuts text into its words, without digits at their end: dev-team2 is dev and team.
func split(text string) []string {
	list := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, word := range list {
		list[i] = strings.TrimRight(word, "0123456789")
	}
	return slices.DeleteFunc(list, func(word string) bool { return word == "" })
}

// shared reports whether the part of an address before the @ is that of a function or a team. The person's name, where the roster has
// it, tells a Dev Patel from the developers. own are the words of the provider's name, which are nobody's either.
func shared(local, name string, own ...string) bool {
	function := func(word string) bool { return sharedWords[word] || slices.Contains(own, word) }
	local, _, _ = strings.Cut(local, "+")
	parts := split(local)
	if slices.ContainsFunc(parts, func(word string) bool { return tellingWords[word] }) {
		return true
	}
	if len(parts) == 0 || slices.ContainsFunc(parts, func(word string) bool { return !function(word) }) {
		return false // a staff number is a person's, too
	}
	person := split(name)
	ofPerson := slices.ContainsFunc(person, func(word string) bool { return !function(word) })
	return !ofPerson || !slices.ContainsFunc(person, func(word string) bool { return slices.Contains(parts, word) })
}

// sharedPerson reports whether somebody who is named in the configuration, by name or address, is a function or a team.
func sharedPerson(who string, own ...string) bool {
	if strings.TrimSpace(who) == "" {
		return false
	}
	if local, _, ok := splitAddress(strings.TrimSpace(who)); ok {
		return shared(local, "", own...)
	}
	return shared(who, "", own...)
}
