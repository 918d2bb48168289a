// Package validate holds the examples of schedules to the tools and types of what runs them: systemd-analyze, the Kubernetes API's own
// types, actionlint and sh. It is a module of its own, so that the program does not depend on any of them.
package validate

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"github.com/robfig/cron/v3"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestUnits: systemd finds nothing to say about the units. It is given a program that exists in place of the one that they start.
func TestUnits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"prelaunch.service", "prelaunch.timer"} {
		text := bytes.ReplaceAll(read(t, name), []byte("/usr/local/bin/prelaunch"), []byte("/bin/true"))
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify := exec.Command("systemd-analyze", "verify", "--man=no", "prelaunch.service", "prelaunch.timer")
	verify.Dir, verify.Env = dir, append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	if said, err := verify.CombinedOutput(); err != nil || bytes.Contains(said, []byte("prelaunch.")) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, said)
	}
}

func TestCronJob(t *testing.T) {
	t.Parallel()
	documents := strings.Split(string(read(t, "cronjob.yaml")), "\n---\n")
	if len(documents) != 2 {
		t.Fatalf("%d documents", len(documents))
	}
	var claim core.PersistentVolumeClaim
	var job batch.CronJob
	for i, into := range []any{&claim, &job} {
		if err := yaml.UnmarshalStrict([]byte(documents[i]), into); err != nil {
			t.Fatal(err)
		}
	}
	if claim.APIVersion != "v1" || claim.Kind != "PersistentVolumeClaim" || job.APIVersion != "batch/v1" || job.Kind != "CronJob" {
		t.Errorf("%s %s, %s %s", claim.APIVersion, claim.Kind, job.APIVersion, job.Kind)
	}
	if _, err := cron.ParseStandard(job.Spec.Schedule); err != nil {
		t.Error(err)
	}
	pod := job.Spec.JobTemplate.Spec.Template.Spec
	if job.Spec.ConcurrencyPolicy != batch.ForbidConcurrent || pod.RestartPolicy != core.RestartPolicyNever || *job.Spec.JobTemplate.Spec.BackoffLimit != 0 {
		t.Error("a run may be repeated, or run beside another")
	}
	var volumes []string
	for _, volume := range pod.Volumes {
		volumes = append(volumes, volume.Name)
		if of := volume.PersistentVolumeClaim; of != nil && of.ClaimName != claim.Name {
			t.Errorf("the volume %s is of the claim %s, which is not there", volume.Name, of.ClaimName)
		}
	}
	for _, container := range slices.Concat(pod.InitContainers, pod.Containers) {
		for _, mount := range container.VolumeMounts {
			if !slices.Contains(volumes, mount.Name) {
				t.Errorf("%s mounts %s, which is not there", container.Name, mount.Name)
			}
		}
		for _, variable := range container.Env {
			if strings.HasSuffix(variable.Name, "_KEY") && (variable.ValueFrom == nil || variable.ValueFrom.SecretKeyRef == nil) {
				t.Errorf("%s is no reference to a secret", variable.Name)
			}
		}
		confined := container.SecurityContext
		if confined == nil || !*confined.ReadOnlyRootFilesystem || *confined.AllowPrivilegeEscalation || len(confined.Capabilities.Drop) != 1 {
			t.Errorf("%s is not confined", container.Name)
		}
	}
}

// TestWorkflows: the examples, and the project's own.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"github-actions.yml", "../ci/github.yml", "../../.github/workflows/ci.yml", "../../.github/workflows/nightly.yml", "../../.github/workflows/release.yml"} {
		faults, err := linter.Lint(name, read(t, name), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range faults {
			t.Error(fault)
		}
	}
}

// TestAction: the action's description has what GitHub requires of a composite action, and every step of a script names its shell.
func TestAction(t *testing.T) {
	t.Parallel()
	var action struct {
		Name, Description string
		Inputs            map[string]struct{ Description, Default string }
		Outputs           map[string]struct{ Description, Value string }
		Runs              struct {
			Using string
			Steps []struct {
				If, ID, Uses, Shell, Run string
				With, Env                map[string]string
			}
		}
	}
	if err := yaml.UnmarshalStrict(read(t, "../../.github/actions/audit/action.yml"), &action); err != nil {
		t.Fatal(err)
	}
	if action.Name == "" || action.Description == "" || action.Runs.Using != "composite" || len(action.Runs.Steps) == 0 {
		t.Errorf("%+v", action)
	}
	for i, step := range action.Runs.Steps {
		if (step.Run == "") == (step.Uses == "") || (step.Run != "") != (step.Shell != "") {
			t.Errorf("step %d: %+v", i, step)
		}
		if strings.Contains(step.Run, "${{") { // an input would be read by the shell
			t.Errorf("step %d has an expression in its script: %s", i, step.Run)
		}
	}
}

// TestCrontab: each line has a schedule, a user and a command that a shell can read. cron makes a newline of a percent sign.
func TestCrontab(t *testing.T) {
	t.Parallel()
	lines := 0
	for line := range strings.Lines(string(read(t, "crontab"))) {
		fields := strings.SplitN(strings.TrimSpace(line), " ", 7)
		if strings.HasPrefix(line, "#") || len(fields) < 7 {
			continue
		}
		lines++
		if _, err := cron.ParseStandard(strings.Join(fields[:5], " ")); err != nil {
			t.Error(err)
		}
		if fields[5] != "prelaunch" || strings.Contains(line, "%") || !strings.HasSuffix(line, "\n") {
			t.Errorf("cron would not run %q", line)
		}
		if said, err := exec.Command("sh", "-n", "-c", fields[6]).CombinedOutput(); err != nil {
			t.Errorf("sh -n: %v\n%s", err, said)
		}
	}
	if lines != 1 {
		t.Errorf("%d lines start something", lines)
	}
}
