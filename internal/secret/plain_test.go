package secret

import "testing"

func TestPlainWordsTellsNamesFromKeys(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"webhook_url", "BEGINI_TEST_API_KEY", "BEGINI_KEY_2026", "beginiProductionKey", "K8S_SECRET", "./was-processed", "/usr/local/bin/op",
		"secrets/production.key", "/run/secrets/begini-api-key", "python3", "api_key_v2", "journalctl", "key.2026-11-24",
	} {
		if !PlainWords(text) {
			t.Errorf("%q is withheld", text)
		}
	}
	for _, text := range []string{
		"", "sk_live_4fQ8zX92jKs81mNq", "9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c", "QWxhZGRpbjpvcGVuIHNlc2FtZTEyMzQ1", "73629104857362910485",
		"bK7uXw2pRz9tVq4n", "MZXW6YTBOI4TSNRQ", "aBcDeFgHiJkLmNoP", "two\nlines", "naïve",
	} {
		if PlainWords(text) {
			t.Errorf("%q is shown", text)
		}
	}
}

func TestProgramName(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"vault":                                    "vault",
		"./was-processed":                          "./was-processed",
		"/store/9f8a7b6c5d4e3f2a1b0c-op/bin/op":    "op",
		"sk_live_4fQ8zX92jKs81mNq":                 "(name withheld)",
		"/bin/sk_live_4fQ8zX92jKs81mNq":            "(name withheld)",
		"/store/9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c/": "(name withheld)",
	} {
		if got := ProgramName(path); got != want {
			t.Errorf("ProgramName(%q) = %q, want %q", path, got, want)
		}
	}
}
