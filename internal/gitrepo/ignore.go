package gitscan

import (
	"os"
	"path"
	"path/filepath"
	"strings"
)

// This file decides which untracked files are ignored, by gitignore(5): of
// the patterns in a folder's .gitignore, those of the folders above,
// info/exclude and the user's own file, in this order of precedence, the last
// one of a file that matches decides; what is in an ignored folder is ignored.

// ignoreLimit bounds one file of patterns.
const ignoreLimit = 4 << 20

type ignorePattern struct {
	text     string
	negated  bool
	dirOnly  bool
	anchored bool // has a slash: matches the path from the file's folder, not any base name
}

// ignoreFile is the patterns of one file, which apply below dir ("" for the top).
type ignoreFile struct {
	dir      string
	fold     bool // core.ignorecase: upper and lower case are alike, as file systems of Windows and macOS have it
	patterns []ignorePattern
}

func parseIgnore(text, dir string) *ignoreFile {
	f := &ignoreFile{dir: dir}
	text = strings.TrimPrefix(text, "\ufeff")
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		var p ignorePattern
		if line[0] == '!' {
			p.negated, line = true, line[1:]
		}
		line = trimTrailingBlanks(line)
		if strings.HasSuffix(line, "/") {
			p.dirOnly, line = true, line[:len(line)-1]
		}
		p.anchored = strings.Contains(line, "/")
		p.text = strings.TrimPrefix(line, "/")
		if p.text != "" {
			f.patterns = append(f.patterns, p)
		}
	}
	return f
}

// trimTrailingBlanks drops trailing spaces that are not escaped.
func trimTrailingBlanks(s string) string {
	end := len(s)
	for end > 0 && s[end-1] == ' ' {
		if end > 1 && s[end-2] == '\\' {
			break
		}
		end--
	}
	return s[:end]
}

// readIgnore reads the patterns in file; none when it is absent or, as git
// has it, a symbolic link.
func readIgnore(file, dir string, follow bool) (*ignoreFile, error) {
	info, err := os.Lstat(file)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, nil
		}
		return nil, err
	}
	if !info.Mode().IsRegular() && !follow {
		return nil, nil
	}
	text, err := readSmall(file, ignoreLimit)
	if err != nil {
		return nil, err
	}
	return parseIgnore(string(text), dir), nil
}

// verdict says what the file has to say about name (a slash-separated path
// from the top of the work tree).
func (f *ignoreFile) verdict(name string, isDir bool) (ignored, decided bool) {
	rel := name
	if f.dir != "" {
		rel = strings.TrimPrefix(name, f.dir+"/")
	}
	for i := len(f.patterns) - 1; i >= 0; i-- {
		p := &f.patterns[i]
		if p.dirOnly && !isDir {
			continue
		}
		subject := rel
		if !p.anchored {
			subject = path.Base(rel)
		}
		if wildmatch(p.text, subject, f.fold) {
			return !p.negated, true
		}
	}
	return false, false
}

// lowerASCII is text with its ASCII letters in lower case, byte for byte: names need not be UTF-8.
func lowerASCII(text string) string {
	b := []byte(text)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

// lower is an ASCII letter in lower case; others git takes as they are.
func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// ignores holds the files of patterns from weakest to strongest.
type ignores []*ignoreFile

func (list ignores) ignored(name string, isDir bool) bool {
	for i := len(list) - 1; i >= 0; i-- {
		if ignored, decided := list[i].verdict(name, isDir); decided {
			return ignored
		}
	}
	return false
}

// baseIgnores reads the files of patterns that apply everywhere.
func (r *repo) baseIgnores() ignores {
	var list ignores
	add := func(file string, follow bool) {
		if file == "" {
			return
		}
		f, err := readIgnore(file, "", follow)
		if err != nil {
			r.gapFor(r.short(file), Unreadable, err)
		} else if f != nil {
			f.fold = r.config.truth("core.ignorecase")
			list = append(list, f)
		}
	}
	user := r.options.ExcludesFile
	if own := r.config["core.excludesfile"]; own != "" {
		if rest, ok := strings.CutPrefix(own, "~/"); ok {
			home, _ := os.UserHomeDir()
			own = filepath.Join(home, rest)
		}
		user = resolve(r.workTree, own)
	}
	add(user, true)
	add(filepath.Join(r.commonDir, "info", "exclude"), true)
	return list
}

// matchSteps bounds the work for one pattern and name; a pattern made to take
// longer does not match, so that the file is looked at.
const matchSteps = 100_000

// wildmatch matches as git does: * and ? do not match a slash, ** between
// slashes matches any number of folders. Folding the case, it goes along with
// git, which takes single letters in brackets literally.
func wildmatch(pattern, name string, fold bool) bool {
	m := matcher{fold: fold}
	if fold {
		name = lowerASCII(name)
	}
	return m.wild(pattern, name, true) == matched
}

type matcher struct {
	fold  bool // the name is in lower case
	steps int
}

type outcome int

const (
	failed outcome = iota
	matched
	hopeless // no later start can match either
)

func (m *matcher) wild(p, s string, atStart bool) outcome {
	if m.steps++; m.steps > matchSteps {
		return hopeless
	}
	for len(p) > 0 {
		slash := false // the pattern's next character comes after a slash
		switch p[0] {
		case '*':
			if strings.HasPrefix(p, "**") {
				stars := len(p) - len(strings.TrimLeft(p, "*"))
				rest := p[stars:]
				if atStart && (rest == "" || rest[0] == '/') {
					if rest == "" {
						if s == "" {
							return failed
						}
						return matched
					}
					for at := 0; ; {
						if o := m.wild(rest[1:], s[at:], true); o == matched {
							return matched
						}
						if m.steps > matchSteps {
							return hopeless
						}
						next := strings.IndexByte(s[at:], '/')
						if next < 0 {
							return failed
						}
						at += next + 1
					}
				}
				p = p[stars-1:] // other runs of stars are one star
			}
			rest := p[1:]
			for at := 0; ; at++ {
				if o := m.wild(rest, s[at:], false); o == matched || o == hopeless {
					return o
				}
				if at == len(s) || s[at] == '/' {
					return failed
				}
			}
		case '?':
			if s == "" || s[0] == '/' {
				return failed
			}
			p, s = p[1:], s[1:]
		case '[':
			if s == "" || s[0] == '/' {
				return failed
			}
			in, rest, ok := m.class(p, s[0])
			if !ok || !in {
				return failed
			}
			p, s = rest, s[1:]
		default:
			if p[0] == '\\' {
				if len(p) == 1 {
					return failed
				}
				p = p[1:]
			}
			if s == "" || s[0] != p[0] && (!m.fold || s[0] != lower(p[0])) {
				return failed
			}
			slash = p[0] == '/'
			p, s = p[1:], s[1:]
		}
		atStart = slash
	}
	if s == "" {
		return matched
	}
	return failed
}

// class matches c against the bracket expression p begins with.
func (m *matcher) class(p string, c byte) (in bool, rest string, ok bool) {
	i := 1
	negated := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negated {
		i++
	}
	for first := true; ; first = false {
		if i >= len(p) {
			return false, "", false
		}
		if p[i] == ']' && !first {
			return in != negated, p[i+1:], true
		}
		if strings.HasPrefix(p[i:], "[:") {
			if end := strings.Index(p[i:], ":]"); end > 0 {
				known, member := posixClass(p[i+2:i+end], c, m.fold)
				if !known {
					return false, "", false
				}
				in = in || member
				i += end + 2
				continue
			}
		}
		if p[i] == '\\' {
			if i++; i >= len(p) {
				return false, "", false
			}
		}
		low, high := p[i], p[i]
		i++
		if i+1 < len(p) && p[i] == '-' && p[i+1] != ']' {
			i++
			if p[i] == '\\' {
				if i++; i >= len(p) {
					return false, "", false
				}
			}
			high = p[i]
			i++
		}
		in = in || low <= c && c <= high
		if m.fold && high > low && c >= 'a' && c <= 'z' {
			other := c - 'a' + 'A'
			in = in || low <= other && other <= high
		}
	}
}

func posixClass(name string, c byte, fold bool) (known, in bool) {
	lower, upper, digit := c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9'
	graph := c > ' ' && c < 0x7f
	switch name {
	case "alnum":
		return true, lower || upper || digit
	case "alpha":
		return true, lower || upper
	case "blank":
		return true, c == ' ' || c == '\t'
	case "cntrl":
		return true, c < ' ' || c == 0x7f
	case "digit":
		return true, digit
	case "graph":
		return true, graph
	case "lower":
		return true, lower
	case "print":
		return true, graph || c == ' '
	case "punct":
		return true, graph && !lower && !upper && !digit
	case "space":
		return true, c == ' ' || c >= '\t' && c <= '\r'
	case "upper":
		return true, upper || fold && lower
	case "xdigit":
		return true, digit || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
	}
	return false, false
}
