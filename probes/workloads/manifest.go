package workloads

import (
	"encoding/base64"
	"path/filepath"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
)

// Rules of this file: a manifest is read by the shapes that the orchestrators share, wherever they are found in it: a name with a value or
// a valueFrom, a secret that is mounted, Compose's services. So operators' own kinds that embed a pod are read as well.

// manifest gathers what one YAML file tells.
type manifest struct {
	*recognizer
	file  string
	alone bool
	found []Key
}

func (m *manifest) add(line int, name, source string) {
	if source != "" {
		m.found = append(m.found, Key{Line: line, Format: "manifest", Name: name, Source: source})
	}
}

// document reads one document from its top.
func (m *manifest) document(node *yamldoc.Node) {
	m.values("", node)
	m.byKind(node)
	m.shapes(node)
	for _, service := range node.Get("services").Entries {
		m.service(service.Value)
	}
	for _, config := range node.Get("secrets").Entries { // Compose's own: where the mounted secret comes from
		if m.secretName(config.Key) && !config.Value.Get("environment").Null {
			m.add(config.Line, config.Key, "variable")
		}
	}
}

// values looks for the configured keys in every text, whatever it is named.
func (m *manifest) values(name string, node *yamldoc.Node) {
	if node.Kind == yamldoc.Scalar {
		if key, ok := m.key(node.Value); ok {
			m.found = append(m.found, literal(key, node.Line, "manifest", name))
		}
		return
	}
	if is := node.Get("name"); node.Kind == yamldoc.Mapping && is.Value != "" {
		name = is.Value // of a variable whose value is a member of its own
	}
	for _, entry := range node.Entries {
		inner := entry.Key
		if inner == "value" || inner == "name" {
			inner = name
		}
		m.values(inner, entry.Value)
	}
	for _, item := range node.Items {
		m.values(name, item)
	}
}

// byKind reads Kubernetes' objects whose data are secrets or settings, also those in a List.
func (m *manifest) byKind(node *yamldoc.Node) {
	for _, item := range node.Get("items").Items {
		m.byKind(item)
	}
	name := node.Get("metadata").Get("name").Value
	sealed := !node.Get("sops").Null
	switch node.Get("kind").Value {
	case "SealedSecret":
		for _, entry := range node.Get("spec").Get("encryptedData").Entries {
			if m.variable(entry.Key) || m.secretName(name) {
				m.add(entry.Line, entry.Key, "sealed")
			}
		}
	case "ExternalSecret", "VaultStaticSecret", "SecretProviderClass", "OnePasswordItem":
		if m.secretName(name) {
			m.add(node.Line, name, "secret_reference")
		}
		for _, item := range node.Get("spec").Get("data").Items {
			if key := item.Get("secretKey"); m.variable(key.Value) {
				m.add(key.Line, key.Value, "secret_reference")
			}
		}
	case "Secret", "ConfigMap":
		for _, group := range []string{"data", "stringData"} {
			for _, entry := range node.Get(group).Entries {
				if !m.variable(entry.Key) && !m.secretName(name) {
					continue
				}
				value := entry.Value.Value
				if decoded, err := base64.StdEncoding.DecodeString(value); err == nil && group == "data" && node.Get("kind").Value == "Secret" {
					value = string(decoded)
				}
				switch source := m.sourceOf(entry.Key, value); {
				case sealed && source != "":
					m.add(entry.Line, entry.Key, "sealed")
				case source == "literal_unknown" && m.variable(entry.Key), source == "sealed", source == "secret_reference":
					m.add(entry.Line, entry.Key, source)
				}
			}
		}
	}
}

// shapes reads variables and mounts wherever they stand.
func (m *manifest) shapes(node *yamldoc.Node) {
	if name := node.Get("name"); node.Kind == yamldoc.Mapping && m.variable(name.Value) {
		from := node.Get("valueFrom")
		switch {
		case !from.Get("secretKeyRef").Null:
			m.add(name.Line, name.Value, "secret_reference")
		case !from.Get("configMapKeyRef").Null:
			m.add(name.Line, name.Value, "config_map")
		case from.Kind == yamldoc.Scalar && !from.Null: // a task definition's ARN
			m.add(name.Line, name.Value, "secret_reference")
		default:
			m.add(name.Line, name.Value, m.sourceOf(name.Value, node.Get("value").Value))
		}
	}
	for _, entry := range node.Entries {
		switch value := entry.Value; entry.Key {
		case "secretRef":
			m.secret(value.Get("name"), "secret_reference")
		case "secretName": // of a volume
			m.secret(value, "secret_mount")
		case "secret": // of a projected volume
			m.secret(value.Get("name"), "secret_mount")
		case "secretProviderClass":
			m.secret(value, "secret_mount")
		}
		m.shapes(entry.Value)
	}
	for _, item := range node.Items {
		m.shapes(item)
	}
}

func (m *manifest) secret(name *yamldoc.Node, source string) {
	if name.Kind == yamldoc.Scalar && name.Value != "" && m.secretName(name.Value) {
		m.add(name.Line, name.Value, source)
	}
}

// service reads one service of a Compose file.
func (m *manifest) service(service *yamldoc.Node) {
	environment := service.Get("environment")
	for _, entry := range environment.Entries {
		m.assigned(entry.Line, entry.Key, entry.Value.Value, entry.Value.Null)
	}
	for _, item := range environment.Items {
		name, value, has := strings.Cut(item.Value, "=")
		m.assigned(item.Line, name, value, !has)
	}
	files := service.Get("env_file")
	for _, item := range append(files.Items, files) {
		path := item
		if item.Kind == yamldoc.Mapping {
			path = item.Get("path")
		}
		if path.Kind == yamldoc.Scalar && path.Value != "" && m.environmentFile(path.Value) {
			m.add(path.Line, path.Value, "environment_file")
		}
	}
	for _, item := range service.Get("secrets").Items {
		if item.Kind == yamldoc.Mapping {
			item = item.Get("source")
		}
		m.secret(item, "secret_mount")
	}
}

// assigned is a variable of a service; without a value it is taken over from where Compose runs.
func (m *manifest) assigned(line int, name, value string, bare bool) {
	switch {
	case !m.variable(name):
	case bare:
		m.add(line, name, "variable")
	default:
		m.add(line, name, m.sourceOf(name, value))
	}
}

// environmentFile reports whether a file of variables holds the provider's key: its name says so, or it can be read and names the
// variable. Where only one file was declared as the workload, the file it names is the receiver's.
func (m *manifest) environmentFile(path string) bool {
	return namesKey(m.recognizer, m.file, path)
}

func namesKey(known *recognizer, manifestFile, path string) bool {
	if known.secretName(filepath.Base(path)) {
		return true
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(manifestFile), path)
	}
	text, err := readRegular(path, 1<<20)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		name, _, has := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		if has && known.variable(strings.TrimSpace(name)) {
			return true
		}
	}
	return false
}
