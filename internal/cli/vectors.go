package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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

// unitTests write the vectors as unit tests of a language.
var unitTests = map[string]func(profile *provider.Profile, list []shownVector) string{
	"node": nodeTests, "python": pythonTests, "php": phpTests, "go": goTests, "java": javaTests,
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
			profile, err := provider.ByName(name)
			if err != nil {
				return err
			}
			vectors, err := cases.Vectors(&profile)
			if err != nil {
				return err
			}
			list := make([]shownVector, len(vectors))
			for i, v := range vectors {
				list[i] = showVector(v)
			}
			if write, is := unitTests[format]; is {
				_, err = fmt.Fprint(a.Out, write(&profile, list))
				return err
			}
			if format == asJSON {
				return a.printJSON(vectorsDocument{vectorsSchema, profile.Name, profile.PublicTestKey(), cases.VectorTime.Unix(), list})
			}
			return a.printVectors(&profile, list)
		},
	}
	listingFlag(cmd, &format, slices.Sorted(maps.Keys(unitTests))...)
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
				line.WriteString(strings.Trim(strconv.QuoteToASCII(string(r)), `"`))
			}
		}
		lines = append(lines, "  "+surrogates(line.String()))
	}
	return "[\n" + strings.Join(lines, ",\n") + "\n]"
}

// surrogates writes characters beyond the first plane as JSON has them.
func surrogates(line string) string {
	for at := strings.Index(line, `\U`); at >= 0 && at+10 <= len(line); at = strings.Index(line, `\U`) {
		n, err := strconv.ParseUint(line[at+2:at+10], 16, 32)
		if err != nil {
			break
		}
		n -= 0x10000
		line = line[:at] + fmt.Sprintf(`\u%04x\u%04x`, 0xd800+n>>10, 0xdc00+n&0x3ff) + line[at+10:]
	}
	return line
}

const vectorsNote = "Made by `prelaunch vectors`. The key is a public test key: never deploy it."

func fill(template string, profile *provider.Profile, list []shownVector) string {
	return strings.NewReplacer(
		"{{note}}", vectorsNote, "{{key}}", profile.PublicTestKey(), "{{now}}", strconv.FormatInt(cases.VectorTime.Unix(), 10),
		"{{vectors}}", asciiJSON(list),
	).Replace(template)
}

func nodeTests(profile *provider.Profile, list []shownVector) string {
	return fill(`// {{note}}
// Run it with: node --test
import assert from "node:assert/strict";
import { test } from "node:test";
import { verify } from "./verify.mjs"; // your own: true where the request is to be accepted

const key = "{{key}}";
const now = {{now}}; // seconds; signed timestamps are of this time
// Adapt this to your function. Names of headers are in lower case; body is a Buffer.
const accepts = ({ body, headers, url }) => verify(body, headers, key, url, now);

const vectors = {{vectors}};

for (const v of vectors) {
  test(v.case + ": " + v.expect, () => {
    const body = Buffer.from(v.body, v.body_is_base64 ? "base64" : "utf8");
    let accepted = false;
    try {
      accepted = accepts({ ...v, body });
    } catch {
      // rejected
    }
    assert.equal(accepted, v.expect === "accept", v.reason);
  });
}
`, profile, list)
}

func pythonTests(profile *provider.Profile, list []shownVector) string {
	return fill(`# {{note}}
# Run it with: python3 -m unittest
import base64
import json
import unittest

from verify import verify  # your own: True where the request is to be accepted

KEY = "{{key}}"
NOW = {{now}}  # seconds; signed timestamps are of this time


def accepts(body, headers, url):
    """Adapt this to your function. Names of headers are in lower case; body is bytes."""
    return verify(body, headers, KEY, url, NOW)


VECTORS = json.loads(r'''{{vectors}}''')


class WebhookVectors(unittest.TestCase):
    def test_vectors(self):
        for v in VECTORS:
            with self.subTest(v["case"]):
                body = base64.b64decode(v["body"]) if v.get("body_is_base64") else v["body"].encode()
                try:
                    accepted = accepts(body, v["headers"], v["url"])
                except Exception:
                    accepted = False
                self.assertEqual(bool(accepted), v["expect"] == "accept", v["reason"])


if __name__ == "__main__":
    unittest.main()
`, profile, list)
}

func phpTests(profile *provider.Profile, list []shownVector) string {
	return fill(`<?php
// {{note}}
// Run it with: phpunit WebhookVectorsTest.php
declare(strict_types=1);

use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;

require_once __DIR__ . '/verify.php'; // your own: true where the request is to be accepted

final class WebhookVectorsTest extends TestCase
{
    private const KEY = '{{key}}';
    private const NOW = {{now}}; // seconds; signed timestamps are of this time

    // Adapt this to your function. Names of headers are in lower case.
    private static function accepts(string $body, array $headers, string $url): bool
    {
        return verify($body, $headers, self::KEY, $url, self::NOW);
    }

    #[DataProvider('vectors')]
    public function testVector(array $v): void
    {
        $body = ($v['body_is_base64'] ?? false) ? base64_decode($v['body']) : $v['body'];
        try {
            $accepted = self::accepts($body, $v['headers'], $v['url']);
        } catch (Throwable) {
            $accepted = false;
        }
        self::assertSame($v['expect'] === 'accept', $accepted, $v['reason']);
    }

    public static function vectors(): iterable
    {
        $vectors = json_decode(<<<'JSON'
{{vectors}}
JSON, true, 512, JSON_THROW_ON_ERROR);
        foreach ($vectors as $v) {
            yield $v['case'] => [$v];
        }
    }
}
`, profile, list)
}

func goTests(profile *provider.Profile, list []shownVector) string {
	return fill(`// {{note}}
package webhook

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

const vectorKey = "{{key}}"

// accepts calls your own verification. Adapt it.
func accepts(body []byte, header http.Header, url string) bool {
	return Verify(body, header, vectorKey, url, time.Unix({{now}}, 0)) // signed timestamps are of this time
}

func TestWebhookVectors(t *testing.T) {
	var list []struct {
		Case, Expect, Reason, URL, Body string
		Headers                         map[string]string
		Base64                          bool `+"`json:\"body_is_base64\"`"+`
	}
	if err := json.Unmarshal([]byte(vectors), &list); err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		t.Run(v.Case, func(t *testing.T) {
			body, header := []byte(v.Body), http.Header{}
			if v.Base64 {
				var err error
				if body, err = base64.StdEncoding.DecodeString(v.Body); err != nil {
					t.Fatal(err)
				}
			}
			for name, value := range v.Headers {
				header.Set(name, value)
			}
			if accepted := accepts(body, header, v.URL); accepted != (v.Expect == "accept") {
				t.Errorf("accepted: %v, want %s: %s", accepted, v.Expect, v.Reason)
			}
		})
	}
}

const vectors = `+"`{{vectors}}`"+`
`, profile, list)
}

func javaTests(profile *provider.Profile, list []shownVector) string {
	var rows strings.Builder
	for i, v := range list {
		if i > 0 {
			rows.WriteString(",\n")
		}
		var headers []string
		for _, name := range slices.Sorted(maps.Keys(v.Headers)) {
			headers = append(headers, javaText(name)+", "+javaText(v.Headers[name]))
		}
		body := v.Body
		if !v.Base64 {
			body = base64.StdEncoding.EncodeToString([]byte(body))
		}
		fmt.Fprintf(&rows, "        new Vector(%s, %v, %s, %s, %s, new String[] {%s})",
			javaText(v.Case), v.Expect == "accept", javaText(v.Reason), javaText(v.URL), javaText(body), strings.Join(headers, ", "))
	}
	return strings.ReplaceAll(fill(`// {{note}}
// For JUnit 5. Bodies are in base64.
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class WebhookVectorsTest {
    private static final String KEY = "{{key}}";
    private static final long NOW = {{now}}L; // seconds; signed timestamps are of this time

    // Adapt this to your method. Names of headers are in lower case.
    private static boolean accepts(byte[] body, Map<String, String> headers, String url) {
        return Webhook.verify(body, headers, KEY, url, NOW);
    }

    record Vector(String name, boolean accept, String reason, String url, String body, String[] headers) {}

    @Test
    void vectors() {
        for (Vector v : VECTORS) {
            Map<String, String> headers = new TreeMap<>();
            for (int i = 0; i < v.headers().length; i += 2) {
                headers.put(v.headers()[i], v.headers()[i + 1]);
            }
            boolean accepted = false;
            try {
                accepted = accepts(Base64.getDecoder().decode(v.body()), headers, v.url());
            } catch (RuntimeException rejected) {
                accepted = false;
            }
            assertEquals(v.accept(), accepted, v.name() + ": " + v.reason());
        }
    }

    private static final Vector[] VECTORS = {
{{rows}}
    };
}
`, profile, nil), "{{rows}}", rows.String())
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
