// Package validate holds the examples of a fleet to the tools and types of what runs them: systemd-analyze, the Kubernetes API's own
// types and Compose's own loader. It is a module of its own, so that the program does not depend on any of them.
package validate

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
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

// TestUnit: systemd finds nothing to say about the unit, and not much that it could still reach. It is given a program that exists in
// place of the one that it starts.
func TestUnit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := bytes.ReplaceAll(read(t, "prelaunch-server.service"), []byte("/usr/local/bin/prelaunch-server"), []byte("/bin/true"))
	if err := os.WriteFile(filepath.Join(dir, "prelaunch-server.service"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) []byte {
		command := exec.CommandContext(t.Context(), "systemd-analyze", args...)
		command.Dir, command.Env = dir, append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
		said, err := command.CombinedOutput()
		if err != nil {
			t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, said)
		}
		return said
	}
	if said := run("verify", "--man=no", "prelaunch-server.service"); bytes.Contains(said, []byte("prelaunch-server.")) {
		t.Errorf("systemd-analyze verify:\n%s", said)
	}
	run("security", "--offline=true", "--threshold=25", "prelaunch-server.service") // of 100, where 100 is a unit that reaches everything
}

// pod is what the pods of the examples have in common, held to what they all must be.
func pod(t *testing.T, name string, spec core.PodSpec, claims []core.PersistentVolumeClaim) {
	t.Helper()
	volumes := map[string]bool{}
	for _, volume := range spec.Volumes {
		volumes[volume.Name] = true
	}
	for _, claim := range claims {
		volumes[claim.Name] = true
	}
	if s := spec.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil || spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
		t.Errorf("%s may do more than it needs", name)
	}
	for _, container := range spec.Containers {
		if c := container.SecurityContext; c == nil || !*c.ReadOnlyRootFilesystem || *c.AllowPrivilegeEscalation || len(c.Capabilities.Drop) != 1 {
			t.Errorf("%s is not confined", name)
		}
		if container.Resources.Limits.Memory().IsZero() || container.Resources.Requests.Cpu().IsZero() {
			t.Errorf("%s has no bounds", name)
		}
		for _, mount := range container.VolumeMounts {
			if !volumes[mount.Name] {
				t.Errorf("%s mounts %s, which is not there", name, mount.Name)
			}
		}
		for _, variable := range container.Env {
			if strings.Contains(variable.Name, "PASSWORD") && variable.Value != "" && !strings.HasPrefix(variable.Value, "/run/secrets/") {
				t.Errorf("%s: %s is no reference to a secret", name, variable.Name)
			}
			if strings.Contains(variable.Value, "://") && strings.Contains(strings.TrimPrefix(variable.Value, "postgres://prelaunch@"), "@") {
				t.Errorf("%s: %s has a password in it", name, variable.Name)
			}
		}
	}
}

// mounts reports whether a pod mounts something below a directory.
func mounts(spec core.PodSpec, directory string) bool {
	for _, container := range spec.Containers {
		for _, mount := range container.VolumeMounts {
			if strings.HasPrefix(mount.MountPath, directory) {
				return true
			}
		}
	}
	return false
}

func TestKubernetes(t *testing.T) {
	t.Parallel()
	pods, policies := map[string]core.PodTemplateSpec{}, map[string]networking.NetworkPolicy{}
	for document := range strings.SplitSeq(string(read(t, "kubernetes.yaml")), "\n---\n") {
		var kind struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
			t.Fatal(err)
		}
		strict := func(into any) {
			t.Helper()
			if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
				t.Errorf("%s: %v", kind.Kind, err)
			}
		}
		switch kind.APIVersion + " " + kind.Kind {
		case "apps/v1 Deployment":
			var one apps.Deployment
			strict(&one)
			pods[one.Name] = one.Spec.Template
			pod(t, one.Name, one.Spec.Template.Spec, nil)
			if len(one.Spec.Selector.MatchLabels) == 0 || one.Spec.Template.Labels["role"] != one.Spec.Selector.MatchLabels["role"] {
				t.Errorf("%s does not select its own pods", one.Name)
			}
		case "apps/v1 StatefulSet":
			var one apps.StatefulSet
			strict(&one)
			pods[one.Name] = one.Spec.Template
			pod(t, one.Name, one.Spec.Template.Spec, one.Spec.VolumeClaimTemplates)
		case "networking.k8s.io/v1 NetworkPolicy":
			var one networking.NetworkPolicy
			strict(&one)
			policies[one.Name] = one
		case "v1 Service":
			strict(&core.Service{})
		case "v1 ConfigMap":
			strict(&core.ConfigMap{})
		default:
			t.Errorf("an unexpected %s %s", kind.APIVersion, kind.Kind)
		}
	}
	for name, template := range pods {
		policy, there := policies[name]
		if !there || len(policy.Spec.PolicyTypes) != 2 {
			t.Errorf("%s may be reached by anybody, or reach everything", name)
			continue
		}
		for label, value := range policy.Spec.PodSelector.MatchLabels {
			if template.Labels[label] != value {
				t.Errorf("the policy of %s does not select it", name)
			}
		}
	}
	const keys = "/run/secrets/prelaunch"
	if len(pods) != 3 || !mounts(pods["worker"].Spec, keys) || mounts(pods["web"].Spec, keys) {
		t.Errorf("%d kinds of pods; keys are for workers alone", len(pods))
	}
	if len(policies["worker"].Spec.Ingress) != 0 {
		t.Error("workers can be reached")
	}
}

// TestCompose: Compose's own loader accepts the file, and nothing of it is reachable from elsewhere.
func TestCompose(t *testing.T) {
	t.Parallel()
	file, err := filepath.Abs(filepath.Join("..", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{WorkingDir: filepath.Dir(file), ConfigFiles: []types.ConfigFile{{Filename: file}}, Environment: types.Mapping{}})
	if err != nil {
		t.Fatal(err)
	}
	if len(project.Services) != 3 {
		t.Errorf("%d services", len(project.Services))
	}
	for name, service := range project.Services {
		if len(service.Ports) > 0 || service.Privileged {
			t.Errorf("%s can be reached from elsewhere, or may do everything", name)
		}
		for variable := range service.Environment {
			if strings.Contains(variable, "PASSWORD") {
				t.Errorf("%s has a password", name)
			}
		}
		for _, volume := range service.Volumes {
			if volume.Target == "/run/secrets/prelaunch" && name != "worker" {
				t.Errorf("%s has the keys", name)
			}
		}
	}
	if web := project.Services["web"]; web.NetworkMode != "host" || web.Command[len(web.Command)-1] != "127.0.0.1:8080" {
		t.Errorf("the pages are not on loopback: %v on %s", web.Command, web.NetworkMode)
	}
	if project.Services["postgres"].NetworkMode != "none" {
		t.Error("Postgres takes connections without a password, and has a network")
	}
}
