package gitrepo

import (
	"context"
	"path/filepath"
	"strings"
)

// UserExcludes is the file of ignore patterns that git would use for a user
// with that home directory and XDG_CONFIG_HOME ("" for its default): what
// core.excludesFile of the user's own configuration names, or git's default.
// It need not exist.
func UserExcludes(home, xdgConfigHome string) string {
	if xdgConfigHome == "" && home != "" {
		xdgConfigHome = filepath.Join(home, ".config")
	}
	if xdgConfigHome == "" {
		return ""
	}
	file := filepath.Join(xdgConfigHome, "git", "ignore")
	for _, config := range []string{filepath.Join(xdgConfigHome, "git", "config"), filepath.Join(home, ".gitconfig")} {
		text, err := ReadFile(context.Background(), config, smallFile)
		if err != nil {
			continue // most users have only one of them, or none
		}
		if named := ParseConfig(text)["core.excludesfile"]; named != "" {
			if rest, ok := strings.CutPrefix(named, "~/"); ok {
				named = filepath.Join(home, rest)
			}
			file = named
		}
	}
	return file
}
