package workloads

import (
	"maps"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// TestDigests: a workload's digest changes with what its manifests show, also by way of a file of variables that lies elsewhere.
func TestDigests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	digests := func() map[string]string {
		run := &audit.Run{Integration: integration(dir, audit.Workload{Path: "deploy", Environment: audit.Test}, audit.Workload{Path: "deploy", Environment: audit.Production})}
		digests, err := probe{}.Digests(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		return digests
	}
	last := digests()
	for _, step := range []struct{ name, file, text string }{
		{"a manifest", "deploy/compose.yaml", "services: {hook: {image: x, env_file: [../begin.env]}}\n"},
		{"a file of variables", "begin.env", "BEGINI_API_KEY=" + foreign + "\n"},
		{"a key in a manifest", "deploy/b.yaml", "env: [{name: BEGINI_API_KEY, value: " + productionKey + "}]\n"},
	} {
		write(t, dir, step.file, step.text)
		now := digests()
		if len(now) != 1 || !strings.HasPrefix(now["workload deploy"], "sha256:") || maps.Equal(now, last) {
			t.Errorf("%s: %v, before %v", step.name, now, last)
		}
		if again := digests(); !maps.Equal(now, again) {
			t.Errorf("%s: without a change it is another", step.name)
		}
		last = now
	}
}
