package gitrepo

import (
	"bytes"
	"strings"
)

// Config is what a Git configuration file says, as section.key or
// section.subsection.key (section and key in lower case) to its last value.
// Includes are not followed: nothing this package asks for may usefully come
// from one.
type Config map[string]string

// ParseConfig reads Git's configuration syntax. Lines it cannot read are
// passed over, as the values wanted from it only ever make the scan stricter.
func ParseConfig(text []byte) Config {
	c := Config{}
	section := ""
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		for strings.HasPrefix(line, "[") {
			end := closingBracket(line)
			if end < 0 {
				line = ""
				break
			}
			section = sectionName(line[1:end])
			line = strings.TrimSpace(line[end+1:])
		}
		if line == "" || line[0] == '#' || line[0] == ';' || section == "" {
			continue
		}
		for strings.HasSuffix(line, "\\") && !strings.HasSuffix(line, "\\\\") && i+1 < len(lines) {
			i++
			line = line[:len(line)-1] + strings.TrimSpace(lines[i])
		}
		name, value, assigned := strings.Cut(line, "=")
		if !assigned {
			value = "true" // "[core] bare" means bare = true
		}
		c[section+"."+lowerASCII(strings.TrimSpace(name))] = configValue(value)
	}
	return c
}

func closingBracket(line string) int {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\':
			i++
		case line[i] == '"':
			quoted = !quoted
		case line[i] == ']' && !quoted:
			return i
		}
	}
	return -1
}

func sectionName(s string) string {
	name, sub, has := strings.Cut(s, "\"")
	name = lowerASCII(strings.TrimSpace(name))
	if !has {
		return name
	}
	sub = strings.TrimSuffix(strings.TrimSpace(sub), "\"")
	return name + "." + strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(sub)
}

func configValue(s string) string {
	var b strings.Builder
	quoted := false
	s = strings.TrimSpace(s)
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case ch == '"':
			quoted = !quoted
		case ch == '\\' && i+1 < len(s):
			i++
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(s[i])
			}
		case (ch == '#' || ch == ';') && !quoted:
			return strings.TrimSpace(b.String())
		default:
			b.WriteByte(ch)
		}
	}
	if quoted || strings.HasSuffix(s, `"`) {
		return b.String()
	}
	return strings.TrimSpace(b.String())
}

func (c Config) True(key string) bool {
	switch strings.ToLower(c[key]) {
	case "true", "yes", "on", "1":
		return true
	}
	return false
}
