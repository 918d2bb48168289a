package gitrepo

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestGitAgrees: git itself finds the repository sound, its work tree clean and its history as written.
func TestGitAgrees(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	when := time.Unix(1_700_000_000, 0)
	ids, err := Write(dir, []Commit{
		{Message: "Add the receiver", Author: "Jane <jane@acme.example>", When: when, Files: map[string]string{
			"app/server.py": "print(1)\n", "app.txt": "a\n", "app-x": "b\n", "a-name-of-eight": "c\n"}},
		{Message: "Take it out", Author: "Jane <jane@acme.example>", When: when.Add(time.Hour), Files: map[string]string{"app/deep/er/x.py": "", "app.txt": "a\n"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("fsck", "--strict", "--full")
	if log := git("log", "--format=%H %s"); log != ids[1]+" Take it out\n"+ids[0]+" Add the receiver" {
		t.Errorf("log: %s", log)
	}
	if got := git("ls-tree", "-r", "--name-only", ids[0]); got != "a-name-of-eight\napp-x\napp.txt\napp/server.py" {
		t.Errorf("tree: %s", got)
	}
	git("update-index", "--refresh")
	for _, untouched := range []string{git("diff", "--cached"), git("diff")} {
		if untouched != "" {
			t.Errorf("the work tree is not clean: %s", untouched)
		}
	}
}
