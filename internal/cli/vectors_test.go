package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// program is how the generated unit tests of a language are run, with a correct and a flawed verification.
type program struct {
	file, verify  string
	right, flawed string            // the file verify: the flawed one compares a part of the signature
	more          map[string]string // further files
	run           [][]string
}

const junitStub = `package org.junit.jupiter.api;
import java.lang.annotation.*;
@Retention(RetentionPolicy.RUNTIME) @Target(ElementType.METHOD) public @interface Test {}
`

const assertionsStub = `package org.junit.jupiter.api;
public class Assertions {
    public static void assertEquals(Object expected, Object actual, String message) {
        if (!expected.equals(actual)) throw new AssertionError(message);
    }
}
`

// phpunitStub is as much of PHPUnit as the generated test needs.
const phpunitStub = `<?php
namespace PHPUnit\Framework\Attributes { #[\Attribute] class DataProvider { public function __construct(string $name) {} } }
namespace PHPUnit\Framework { class TestCase {
    public static function assertSame($expected, $actual, string $message = ''): void { if ($expected !== $actual) throw new \Exception($message); }
} }
namespace { require __DIR__ . '/WebhookVectorsTest.php'; foreach (WebhookVectorsTest::vectors() as $row) { (new WebhookVectorsTest())->testVector(...$row); } }
`

var programs = map[string]program{
	"node": {
		file: "webhook.test.mjs", verify: "verify.mjs",
		right: `import { createHmac, timingSafeEqual } from "node:crypto";
export function verify(body, headers, key) {
  const due = createHmac("sha512", key).update(body).digest(), given = headers["x-signature"] ?? "";
  return /^[0-9a-f]{128}$/i.test(given) && timingSafeEqual(due, Buffer.from(given, "hex"));
}`,
		flawed: `import { createHmac } from "node:crypto";
export const verify = (body, headers, key) => createHmac("sha512", key).update(body).digest("hex").startsWith(headers["x-signature"] ?? "-");`,
		run: [][]string{{"node", "--test"}},
	},
	"python": {
		file: "test_webhook.py", verify: "verify.py",
		right: `import hashlib, hmac
def verify(body, headers, key, url, now):
    due = hmac.new(key.encode(), body, hashlib.sha512).hexdigest()
    return hmac.compare_digest(due.encode(), headers.get("x-signature", "").encode())`,
		flawed: `import hashlib, hmac
def verify(body, headers, key, url, now):
    return hmac.new(key.encode(), body, hashlib.sha512).hexdigest().startswith(headers.get("x-signature", "-"))`,
		run: [][]string{{"python3", "-m", "unittest"}},
	},
	"go": {
		file: "webhook_test.go", verify: "verify.go",
		right: `package webhook
import ("crypto/hmac"; "crypto/sha512"; "encoding/hex"; "net/http"; "time")
func Verify(body []byte, header http.Header, key, _ string, _ time.Time) bool {
	m := hmac.New(sha512.New, []byte(key)); m.Write(body)
	given, err := hex.DecodeString(header.Get("X-Signature"))
	return err == nil && hmac.Equal(given, m.Sum(nil))
}`,
		flawed: `package webhook
import ("crypto/hmac"; "crypto/sha512"; "encoding/hex"; "net/http"; "strings"; "time")
func Verify(body []byte, header http.Header, key, _ string, _ time.Time) bool {
	m := hmac.New(sha512.New, []byte(key)); m.Write(body)
	return strings.HasPrefix(hex.EncodeToString(m.Sum(nil)), header.Get("X-Signature"))
}`,
		more: map[string]string{"go.mod": "module webhook\n\ngo 1.21\n"},
		run:  [][]string{{"go", "test", "-vet=off", "."}},
	},
	"java": {
		file: "WebhookVectorsTest.java", verify: "Webhook.java",
		right: `import java.security.MessageDigest; import java.util.*; import javax.crypto.Mac; import javax.crypto.spec.SecretKeySpec;
class Webhook { static boolean verify(byte[] body, Map<String, String> headers, String key, String url, long now) { try {
  Mac mac = Mac.getInstance("HmacSHA512"); mac.init(new SecretKeySpec(key.getBytes("UTF-8"), "HmacSHA512"));
  return MessageDigest.isEqual(mac.doFinal(body), HexFormat.of().parseHex(headers.getOrDefault("x-signature", "")));
} catch (java.security.GeneralSecurityException | java.io.UnsupportedEncodingException e) { throw new IllegalStateException(e); } } }`,
		flawed: `import java.util.*; import javax.crypto.Mac; import javax.crypto.spec.SecretKeySpec;
class Webhook { static boolean verify(byte[] body, Map<String, String> headers, String key, String url, long now) { try {
  Mac mac = Mac.getInstance("HmacSHA512"); mac.init(new SecretKeySpec(key.getBytes("UTF-8"), "HmacSHA512"));
  String given = headers.getOrDefault("x-signature", "");
  return !given.isEmpty() && HexFormat.of().formatHex(mac.doFinal(body)).startsWith(given);
} catch (Exception e) { throw new IllegalStateException(e); } } }`,
		more: map[string]string{
			"org/junit/jupiter/api/Test.java": junitStub, "org/junit/jupiter/api/Assertions.java": assertionsStub,
			"Main.java": "class Main { public static void main(String[] args) { new WebhookVectorsTest().vectors(); } }",
		},
		run: [][]string{{"javac", "Main.java", "WebhookVectorsTest.java", "Webhook.java"}, {"java", "Main"}},
	},
	"php": {
		file: "WebhookVectorsTest.php", verify: "verify.php",
		right: `<?php
function verify(string $body, array $headers, string $key, string $url, int $now): bool {
  return hash_equals(hash_hmac('sha512', $body, $key), $headers['x-signature'] ?? '');
}`,
		flawed: `<?php
function verify(string $body, array $headers, string $key, string $url, int $now): bool {
  $given = $headers['x-signature'] ?? '';
  return $given !== '' && str_starts_with(hash_hmac('sha512', $body, $key), $given);
}`,
		more: map[string]string{"run.php": phpunitStub},
		run:  [][]string{{"php", "run.php"}},
	},
}

// TestGeneratedUnitTestsRun: they pass with a correct verification, and fail with one that compares a part of the signature.
func TestGeneratedUnitTestsRun(t *testing.T) {
	t.Parallel()
	for language, program := range programs {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			for _, command := range program.run {
				if _, err := exec.LookPath(command[0]); err != nil {
					t.Skipf("%s is not installed", command[0])
				}
			}
			code, generated, stderr := nothing.call(t.Context(), "vectors", "-o", language)
			if code != 0 {
				t.Fatal(stderr)
			}
			dir := t.TempDir()
			write := func(name, content string) {
				t.Helper()
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(program.file, generated)
			for name, content := range program.more {
				write(name, content)
			}
			for _, verify := range []struct {
				source string
				passes bool
			}{{program.right, true}, {program.flawed, false}} {
				write(program.verify, verify.source)
				var output []byte
				var err error
				for _, command := range program.run {
					run := exec.CommandContext(t.Context(), command[0], command[1:]...)
					run.Dir = dir
					run.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "PYTHONDONTWRITEBYTECODE=1")
					if output, err = run.CombinedOutput(); err != nil {
						break
					}
				}
				if (err == nil) != verify.passes {
					t.Errorf("passes: %v, want %v: %v\n%s", err == nil, verify.passes, err, output)
				}
				if !verify.passes && !strings.Contains(string(output), "truncated-signature/first-16") && !strings.Contains(string(output), "part of the correct signature") {
					t.Errorf("what fails is not named:\n%s", output)
				}
			}
		})
	}
}

// TestVectorsAreTheSameEachTime: of providers whose signatures the auditor can make.
func TestVectorsAreTheSameEachTime(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"begini", "stripe", "svix", "gitlab-token", "discord"} {
		profile, err := provider.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		code, first, stderr := nothing.call(t.Context(), "vectors", "--provider", name, "-o", "json")
		if profile.Signature.NegativeOnly() {
			if code != 2 || !strings.Contains(stderr, "private key") {
				t.Errorf("%s: exit %d: %s", name, code, stderr)
			}
			continue
		}
		_, again, _ := nothing.call(t.Context(), "vectors", "--provider", name, "-o", "json")
		var document struct {
			Schema, Provider, Key string
			Vectors               []struct{ Case, Expect, Reason, Signature string }
		}
		if err := json.Unmarshal([]byte(first), &document); err != nil || code != 0 || first != again || document.Provider != name ||
			document.Schema != "prelaunch.vectors/v1" || document.Key != profile.PublicTestKey() || len(document.Vectors) < 20 {
			t.Errorf("%s: exit %d: %v, the same: %v, %d vectors: %s", name, code, err, first == again, len(document.Vectors), stderr)
		}
	}
}
