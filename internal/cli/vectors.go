package cli

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

// vectorsSchema names the document of `vectors -o json`.
const vectorsSchema = "prelaunch.vectors/v1"

type vectorsDocument struct {
	Schema   string        `json:"schema"`
	Provider string        `json:"provider"`
	Key      string        `json:"key"`
	Now      int64         `json:"now"` // when the signatures are valid, as Unix time
	Vectors  []shownVector `json:"vectors"`
}

// shownVector is a test vector as the documents have it.
type shownVector struct {
	Case      string            `json:"case"`
	Expect    string            `json:"expect"` // accept or reject
	Reason    string            `json:"reason"` // what is sent
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"` // names in lower case
	Signature string            `json:"signature"`
	Body      string            `json:"body"`
	Base64    bool              `json:"body_is_base64,omitempty"`
}

func (a *app) vectorsCommand() *cobra.Command {
	var format, name string
	cmd := &cobra.Command{
		Use: "vectors", Short: "Print test vectors of webhook signatures, or unit tests made of them", Args: cobra.NoArgs,
		Long: `Print messages with the key, the signature, and whether a correct receiver accepts them: as JSON, or as a unit test to paste that calls
your own verification. The key is a public test key; never deploy it (webhook.rejects-wrong-key tries it).`,
		Example: `  prelaunch vectors -o json > vectors.json
  prelaunch vectors -o node --provider stripe > webhook.test.mjs`,
		RunE: func(*cobra.Command, []string) error {
			profile, err := profileNamed(name)
			if err != nil {
				return err
			}
			vectors, err := cases.Vectors(profile)
			if err != nil {
				return err
			}
			list := make([]shownVector, len(vectors))
			for i, v := range vectors {
				list[i] = showVector(v)
			}
			if slices.Contains(languages, format) {
				_, err = fmt.Fprint(a.Out, unitTest(format, profile, list))
				return err
			}
			if format == asJSON {
				return a.printJSON(vectorsDocument{vectorsSchema, profile.Name, profile.PublicTestKey(), cases.VectorTime.Unix(), list})
			}
			return a.printVectors(profile, list)
		},
	}
	listingFlag(cmd, &format, languages...)
	providerFlag(cmd, &name)
	return cmd
}

func showVector(v cases.Vector) shownVector {
	shown := shownVector{
		Case: v.Label(), Expect: "reject", Reason: v.Words(), URL: v.URL, Headers: map[string]string{}, Signature: v.Signature, Body: string(v.Body),
	}
	if v.Accept {
		shown.Expect = "accept"
	}
	for name, value := range v.Headers {
		shown.Headers[strings.ToLower(name)] = latin1(value)
	}
	shown.Signature = latin1(v.Signature)
	if !utf8.Valid(v.Body) {
		shown.Body, shown.Base64 = base64.StdEncoding.EncodeToString(v.Body), true
	}
	return shown
}

// latin1 is a header as text, a character for each byte, as most languages have it.
func latin1(value string) string {
	if utf8.ValidString(value) {
		return value
	}
	var b strings.Builder
	for i := range len(value) {
		b.WriteRune(rune(value[i]))
	}
	return b.String()
}

func (a *app) printVectors(profile *provider.Profile, list []shownVector) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s\nkey: %s\n\n", profile.Title, counted(len(list), "test vector"), profile.PublicTestKey())
	for _, v := range list {
		fmt.Fprintf(&text, "%s  %s\n", v.Expect, report.Plain(v.Case+": "+v.Reason))
	}
	text.WriteString("\n-o json prints them whole; -o go, java, node, php or python as a unit test.\n")
	_, err := fmt.Fprint(a.Out, text.String())
	return err
}

// asciiJSON is the vectors as JSON in ASCII, one a line, without what ends a literal of the languages.
func asciiJSON(list []shownVector) string {
	var lines []string
	for _, v := range list {
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		must(encoder.Encode(v))
		var line strings.Builder
		for _, r := range strings.TrimSpace(b.String()) {
			switch {
			case r == '`' || r == '\'' || r == 0x7f:
				fmt.Fprintf(&line, `\u%04x`, r)
			case r < utf8.RuneSelf:
				line.WriteRune(r)
			default:
				for _, unit := range utf16.AppendRune(nil, r) {
					fmt.Fprintf(&line, `\u%04x`, unit)
				}
			}
		}
		lines = append(lines, "  "+line.String())
	}
	return "[\n" + strings.Join(lines, ",\n") + "\n]"
}

const vectorsNote = "Made by `prelaunch vectors`. The key is a public test key: never deploy it."

//go:embed unittests
var unitTestFiles embed.FS

// languages are those of the unit tests, each a file of unitTestFiles.
var languages = []string{"go", "java", "node", "php", "python"}

// unitTest writes the vectors as a unit test of a language.
func unitTest(language string, profile *provider.Profile, list []shownVector) string {
	template, err := unitTestFiles.ReadFile("unittests/" + language + ".tmpl")
	must(err)
	return strings.NewReplacer(
		"{{note}}", vectorsNote, "{{key}}", profile.PublicTestKey(), "{{now}}", strconv.FormatInt(cases.VectorTime.Unix(), 10),
		"{{vectors}}", asciiJSON(list), "{{rows}}", javaRows(list),
	).Replace(string(template))
}

// javaRows are the vectors as constructor calls, since Java cannot read JSON by itself.
func javaRows(list []shownVector) string {
	rows := make([]string, len(list))
	for i, v := range list {
		var headers []string
		for _, name := range slices.Sorted(maps.Keys(v.Headers)) {
			headers = append(headers, javaText(name)+", "+javaText(v.Headers[name]))
		}
		body := v.Body
		if !v.Base64 {
			body = base64.StdEncoding.EncodeToString([]byte(body))
		}
		rows[i] = fmt.Sprintf("        new Vector(%s, %v, %s, %s, %s, new String[] {%s})",
			javaText(v.Case), v.Expect == "accept", javaText(v.Reason), javaText(v.URL), javaText(body), strings.Join(headers, ", "))
	}
	return strings.Join(rows, ",\n")
}

// javaText is a string literal of Java.
func javaText(text string) string {
	quoted := strconv.QuoteToASCII(text)
	for _, escape := range [][2]string{{`\a`, `\u0007`}, {`\v`, `\u000b`}} {
		quoted = strings.ReplaceAll(quoted, escape[0], escape[1])
	}
	for n := range 256 { // Java has no \x
		quoted = strings.ReplaceAll(quoted, fmt.Sprintf(`\x%02x`, n), fmt.Sprintf(`\%03o`, n))
	}
	return quoted
}
