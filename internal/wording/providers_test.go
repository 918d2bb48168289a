package wording

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestNothingIsOfOneProvider keeps what is one provider's own in its profile: its name, that of its dashboards, and how many digits
// its signatures have. The sandbox, examples and tests are receivers of a provider.
func TestNothingIsOfOneProvider(t *testing.T) {
	t.Parallel()
	own := regexp.MustCompile(`(?i)begini|beacon|deployment cent(re|er)|\b(63|127|128)[ -](hex(adecimal)? )?(digits?|characters?)\b`)
	exempt := []string{
		"internal/provider/profiles/", "internal/sandbox/", "internal/wording/",
		"policies/deploymentcentre/", // a check of that name
		"internal/config/starter.yaml",
	}
	files := 0
	for _, room := range []string{"policies", "probes", "internal"} {
		root := filepath.Join("..", "..")
		err := filepath.WalkDir(filepath.Join(root, room), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			if entry.IsDir() {
				if entry.Name() == "testdata" || entry.Name() == "node_modules" {
					return fs.SkipDir
				}
				return nil
			}
			for _, prefix := range exempt {
				if strings.HasPrefix(name, prefix) {
					return nil
				}
			}
			if strings.Contains(name, "_test.") || !strings.Contains(".go .rego .json .yaml .html .css", filepath.Ext(name)) {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			for i, line := range strings.Split(string(text), "\n") {
				if found := own.FindString(line); found != "" {
					t.Errorf("%s:%d says %q, which belongs into a profile", name, i+1, found)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 300 {
		t.Errorf("only %d files were read", files)
	}
}
