package workloads

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

const (
	testKey       = "tk_4f9Qw82LmZx71VbNc03Re6Ty"
	productionKey = "pk_8Jd72KsPq0Zm41XvBn95Wc3L"
	retiredKey    = "rk_1Ha63GuYt9Eo28CiDl57Fj4N"
	foreign       = "zz_5Kp84NrTw1Bq96UeMh30Sg7V"
)

func integration(directory string, workloads ...audit.Workload) *audit.Integration {
	known := audittest.Fingerprinted(retiredKey)
	return &audit.Integration{
		Provider: "begini", Directory: directory, Workloads: workloads,
		Environments: []audit.Environment{
			{Name: audit.Test, Key: audit.KeyReference{Source: audit.FromEnv, Variable: "ACME_HOOK", Key: secret.New([]byte(testKey))}},
			{Name: audit.Production, Key: audit.KeyReference{Key: secret.New([]byte(productionKey))}},
		},
		RetiredKeys: []audit.RetiredKey{{Environment: audit.Production, KeyReference: audit.KeyReference{Key: known}}},
	}
}

func runOn(t *testing.T, directory string, workloads ...audit.Workload) *audittest.Sink {
	t.Helper()
	out := &audittest.Sink{}
	if err := New().Run(t.Context(), &audit.Run{Integration: integration(directory, workloads...), Sink: out}); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal([]any{out.All(), out.Scoped()})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{testKey, productionKey, retiredKey, foreign} {
		for _, spelling := range secret.Spellings([]byte(key)) {
			if strings.Contains(string(raw), string(spelling.Bytes)) {
				t.Errorf("a fact holds a key (%s): %s", spelling.Name, raw)
			}
		}
	}
	return out
}

func write(t *testing.T, directory, name, text string) {
	t.Helper()
	path := filepath.Join(directory, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhereKeysComeFrom(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		file, text string
		want       []string // source name line
	}{
		"secretKeyRef":                  {"d.yaml", "kind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - env:\n        - name: BEGINI_API_KEY\n          valueFrom: {secretKeyRef: {name: x, key: y}}\n        - {name: OTHER, value: x}\n", []string{"secret_reference BEGINI_API_KEY 7"}},
		"the variable of the reference": {"d.yaml", "a:\n- {name: ACME_HOOK, valueFrom: {secretKeyRef: {name: x}}}\n", []string{"secret_reference ACME_HOOK 2"}},
		"configMapKeyRef":               {"d.yaml", "a:\n- {name: BEGINI_API_KEY, valueFrom: {configMapKeyRef: {name: x}}}\n", []string{"config_map BEGINI_API_KEY 2"}},
		"another secret proves nothing": {"d.yaml", "a:\n- {name: DATABASE_PASSWORD, valueFrom: {secretKeyRef: {name: begini-db}}}\n", nil},
		"envFrom":                       {"d.yaml", "envFrom:\n- secretRef: {name: begini}\n- secretRef: {name: postgres}\n", []string{"secret_reference begini 2"}},
		"secret volume":                 {"d.yaml", "volumes:\n- name: v\n  secret: {secretName: begini-keys}\n", []string{"secret_mount begini-keys 3"}},
		"projected volume":              {"d.yaml", "volumes:\n- projected: {sources: [{secret: {name: begini}}]}\n", []string{"secret_mount begini 2"}},
		"literal":                       {"d.yaml", "env:\n- name: ANYTHING\n  value: " + productionKey + "\n", []string{"literal_key ANYTHING 3 production"}},
		"literal in base64":             {"s.yaml", "kind: Secret\ndata:\n  x: " + base64.StdEncoding.EncodeToString([]byte(testKey)) + "\n", []string{"literal_key x 3 test"}},
		"literal by fingerprint":        {"s.yaml", "kind: Secret\ndata:\n  x: " + base64.StdEncoding.EncodeToString([]byte(retiredKey)) + "\n", []string{"literal_key x 3 production"}},
		"unknown literal":               {"d.yaml", "env:\n- name: BEGINI_API_KEY\n  value: " + foreign + "\n", []string{"literal_unknown BEGINI_API_KEY 2"}},
		"stand-in":                      {"d.yaml", "env:\n- {name: BEGINI_API_KEY, value: your-begini-key-goes-here-123}\n- {name: BEGINI_KEY, value: ''}\n", nil},
		"sealed secret":                 {"s.yaml", "kind: SealedSecret\nmetadata: {name: a}\nspec:\n  encryptedData:\n    BEGINI_API_KEY: AgBy3i4OJSWK\n", []string{"sealed BEGINI_API_KEY 5"}},
		"external secret":               {"s.yaml", "kind: ExternalSecret\nmetadata: {name: a}\nspec:\n  data:\n  - secretKey: BEGINI_API_KEY\n    remoteRef: {key: x}\n", []string{"secret_reference BEGINI_API_KEY 5"}},
		"sops":                          {"s.yaml", "kind: Secret\nstringData:\n  BEGINI_API_KEY: ENC[AES256_GCM,data:abc]\nsops: {version: 3}\n", []string{"sealed BEGINI_API_KEY 3"}},
		"literal in a Secret":           {"s.yaml", "kind: Secret\nstringData:\n  BEGINI_API_KEY: " + foreign + "\n", []string{"literal_unknown BEGINI_API_KEY 3"}},
		"task definition":               {"t.json", `{"containerDefinitions":[{"secrets":[{"name":"BEGINI_API_KEY","valueFrom":"arn:aws:secretsmanager:eu:1:secret:x"}]}]}`, []string{"secret_reference BEGINI_API_KEY 1"}},
		"compose variable":              {"compose.yml", "services:\n  a:\n    environment:\n    - BEGINI_API_KEY\n    - BEGINI_TOKEN=${X:-}\n", []string{"variable BEGINI_API_KEY 4", "variable BEGINI_TOKEN 5"}},
		"compose literal":               {"compose.yml", "services:\n  a:\n    environment:\n      BEGINI_API_KEY: " + foreign + "\n", []string{"literal_unknown BEGINI_API_KEY 4"}},
		"compose default":               {"compose.yml", "services:\n  a:\n    environment:\n      BEGINI_API_KEY: ${X:-" + foreign + "}\n", []string{"literal_unknown BEGINI_API_KEY 4"}},
		"compose default is the key":    {"compose.yml", "services:\n  a:\n    environment:\n      BEGINI_API_KEY: ${X:-" + testKey + "}\n", []string{"literal_key BEGINI_API_KEY 4 test"}},
		"compose secrets":               {"compose.yml", "services:\n  a:\n    secrets: [begini_key, {source: begini2}]\n    environment: {BEGINI_KEY_FILE: /run/secrets/x}\n", []string{"secret_mount BEGINI_KEY_FILE 4", "secret_mount begini_key 3", "secret_mount begini2 3"}},
		"compose env_file":              {"compose.yml", "services:\n  a:\n    env_file: begini.env\n  b:\n    env_file: [postgres.env, {path: other.env}]\n", []string{"environment_file begini.env 3"}},
		"unit":                          {"a.service", "[Service]\nEnvironment=A=b \"BEGINI_API_KEY=" + foreign + "\"\nPassEnvironment=BEGINI_TOKEN\nLoadCredential=begini-key:/etc/x\nEnvironmentFile=-/etc/begini.env\n", []string{"literal_unknown BEGINI_API_KEY 2", "variable BEGINI_TOKEN 3", "credential begini-key 4", "environment_file /etc/begini.env 5"}},
		"unit literal":                  {"a.service", "[Service]\nEnvironment=X=1 \\\n  Y=" + testKey + "\n", []string{"literal_key X 2 test"}},
		"unit of something else":        {"a.service", "[Service]\nEnvironmentFile=/etc/postgres.env\nLoadCredential=db:/etc/x\n", nil},
		"aliases":                       {"compose.yml", "x-env: &env\n  BEGINI_API_KEY: ${K}\nservices:\n  a:\n    environment:\n      <<: *env\n", []string{"variable BEGINI_API_KEY 2"}},
		"second document":               {"d.yaml", "a: 1\n---\nenv:\n- {name: BEGINI_API_KEY, valueFrom: {secretKeyRef: {}}}\n", []string{"secret_reference BEGINI_API_KEY 4"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			write(t, directory, "deploy/"+test.file, test.text)
			write(t, directory, "deploy/other.yaml", "a: 1\n")
			out := runOn(t, directory, audit.Workload{Path: "deploy", Environment: audit.Production})
			var got []string
			for _, key := range audittest.Of[Key](out) {
				line := strings.Join([]string{key.Source, key.Name, string(rune('0' + key.Line)), key.KeyEnvironment}, " ")
				got = append(got, strings.TrimSpace(line))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("keys:\n%s", diff)
			}
			if len(audittest.Of[Status](out)) != 1 || audittest.Of[Status](out)[0].State != "read" || audittest.Of[Status](out)[0].Files != 2 {
				t.Errorf("status %+v", audittest.Of[Status](out))
			}
		})
	}
}

func TestOneUnitAsTheWorkload(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	write(t, directory, "a.service", "[Service]\nEnvironmentFile=/etc/acme/hooks.env\n")
	out := runOn(t, directory, audit.Workload{Path: "a.service"})
	if len(audittest.Of[Key](out)) != 1 || audittest.Of[Key](out)[0].Source != "environment_file" || audittest.Of[Key](out)[0].File != "a.service" {
		t.Errorf("%+v", audittest.Of[Key](out))
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	write(t, directory, "helm/templates/d.yaml", "a: {{ .Values.x }} b: c\n")
	write(t, directory, "none/readme.txt", "x")
	write(t, directory, testKey+"/a.yaml", "a: {{ x }} y\n")
	out := runOn(t, directory, audit.Workload{Path: "helm"}, audit.Workload{Path: "none"}, audit.Workload{Path: "absent"}, audit.Workload{Path: testKey})
	want := []Status{
		{Path: "helm", State: "read", Unread: []Unread{{File: "templates/d.yaml", Reason: "it is no valid YAML; of a template, declare what it is rendered to"}}},
		{Path: "none", State: "empty", Unread: []Unread{}},
		{Path: "absent", State: "missing", Unread: []Unread{}},
		{Path: "[key]", State: "read", Unread: []Unread{{File: "a.yaml", Reason: "it is no valid YAML; of a template, declare what it is rendered to"}}},
	}
	if diff := cmp.Diff(want, audittest.Of[Status](out)); diff != "" {
		t.Error(diff)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	write(t, directory, "a.yaml", "a: 1\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := New().Run(ctx, &audit.Run{Integration: integration(directory, audit.Workload{Path: "."}), Sink: &audittest.Sink{}})
	if err == nil {
		t.Error("a cancelled run claims to be complete")
	}
}

// A key in a comment, in a template that is no YAML, or in a file that the manifests name stands there in the clear.
func TestKeysBesideTheManifests(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	write(t, directory, "deploy/compose.yaml", "services:\n  receiver:\n    env_file: [begini.env]\n    # was "+testKey+"\n")
	write(t, directory, "deploy/chart.yaml", "key: {{ if .x }}\n"+strings.Join(strings.Split(productionKey, "_"), "_")+"\n{{ end }}: [\n")
	write(t, directory, "deploy/receiver.service", "[Service]\n# Environment=X="+productionKey+"\n")
	write(t, directory, "deploy/begini.env", "A=1\nBEGINI_API_KEY="+productionKey+"\n")
	write(t, directory, "deploy/Dockerfile", "FROM scratch\n\nENV K="+retiredKey+"\n")
	write(t, directory, "deploy/readme.txt", "nothing\n")
	if err := os.Chmod(filepath.Join(directory, "deploy/Dockerfile"), 0o640); err != nil {
		t.Fatal(err)
	}
	out := runOn(t, directory, audit.Workload{Path: "deploy", Environment: audit.Production})
	var got []string
	for _, key := range audittest.Of[Key](out) {
		if strings.HasPrefix(key.Source, "literal") {
			got = append(got, fmt.Sprint(key.File, " ", key.Line, " ", key.Source, " ", key.OwnerOnly, " ", key.KeyEnvironment, " ", key.Role))
		}
	}
	slices.Sort(got)
	want := []string{
		"Dockerfile 3 literal_file false production retired", "begini.env 2 literal_file true production current", "chart.yaml 2 literal_key false production current",
		"compose.yaml 4 literal_key false test current", "receiver.service 2 literal_key false production current",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(audittest.Of[Status](out)) != 1 || audittest.Of[Status](out)[0].Files != 2 || len(audittest.Of[Status](out)[0].Unread) != 1 {
		t.Errorf("%+v", audittest.Of[Status](out))
	}
}

// TestTooManyFilesBeside: a key may stand in any of them, so more than are searched leave the workload open, and its manifests are read.
func TestTooManyFilesBeside(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for i := range maxBeside + 1 {
		if err := os.WriteFile(filepath.Join(directory, fmt.Sprintf("%d.txt", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(directory, "z.service"), []byte("[Service]\nEnvironmentFile=/etc/acme/hook.env\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status := audittest.Of[Status](runOn(t, directory, audit.Workload{Path: "."}))
	if len(status) != 1 || status[0].State != "cut_short" || status[0].Files != 1 {
		t.Errorf("%+v", status)
	}
}
