package workloads

import (
	"strings"
)

// readUnit reads a systemd unit or drop-in. alone: it is the declared workload itself, so the files it names are the receiver's.
func readUnit(known *recognizer, file string, text []byte, alone bool) (found []Key) {
	add := func(line int, name, source string) {
		if source != "" {
			found = append(found, Key{Line: line, Format: "systemd", Name: name, Source: source})
		}
	}
	for _, setting := range unitSettings(string(text)) {
		if key, ok := known.key(setting.value); ok {
			name, _, _ := strings.Cut(setting.value, "=")
			found = append(found, literal(key, setting.line, "systemd", name))
			continue
		}
		switch setting.name {
		case "Environment":
			for _, word := range unitWords(setting.value) {
				if name, value, has := strings.Cut(word, "="); has && known.variable(name) {
					add(setting.line, name, known.sourceOf(name, value))
				}
			}
		case "PassEnvironment":
			for _, name := range strings.Fields(setting.value) {
				if known.variable(name) {
					add(setting.line, name, "variable")
				}
			}
		case "EnvironmentFile":
			path := strings.TrimPrefix(setting.value, "-")
			if path != "" && (alone || namesKey(known, file, path)) {
				add(setting.line, path, "environment_file")
			}
		case "LoadCredential", "LoadCredentialEncrypted", "ImportCredential":
			if name, path, _ := strings.Cut(setting.value, ":"); known.secretName(name) || known.secretName(path) {
				add(setting.line, name, "credential")
			}
		case "SetCredentialEncrypted":
			if name, _, _ := strings.Cut(setting.value, ":"); known.secretName(name) {
				add(setting.line, name, "sealed")
			}
		case "SetCredential":
			if name, value, _ := strings.Cut(setting.value, ":"); known.secretName(name) && looksLikeKey(value) {
				add(setting.line, name, "literal_unknown")
			}
		case "Secret": // Podman's
			if name, _, _ := strings.Cut(setting.value, ","); known.secretName(setting.value) {
				add(setting.line, name, "secret_mount")
			}
		}
	}
	return found
}

type unitSetting struct {
	name, value string
	line        int
}

// unitSettings are the assignments of a unit, continued lines joined.
func unitSettings(text string) (settings []unitSetting) {
	var joined strings.Builder
	start, number := 0, 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if joined.Len() == 0 {
			start = number
		}
		if rest, more := strings.CutSuffix(line, `\`); more {
			joined.WriteString(rest + " ")
			continue
		}
		joined.WriteString(line)
		if name, value, ok := strings.Cut(joined.String(), "="); ok {
			settings = append(settings, unitSetting{strings.TrimSpace(name), strings.TrimSpace(value), start})
		}
		joined.Reset()
	}
	return settings
}

// unitWords splits a value at spaces outside quotes and drops the quotes.
func unitWords(value string) (words []string) {
	var word strings.Builder
	quote := rune(0)
	for _, c := range value {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && (c == ' ' || c == '\t'):
			if word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
		default:
			word.WriteRune(c)
		}
	}
	if word.Len() > 0 {
		words = append(words, word.String())
	}
	return words
}
