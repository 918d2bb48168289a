package gitrepo

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// This file decides which untracked files are ignored, by gitignore(5): of
// the patterns in a directory's .gitignore, those of the directories above,
// info/exclude and the user's own file, in this order of precedence, the last
// one of a file that matches decides; what is in an ignored directory is ignored.

// ignoreLimit bounds one file of patterns.
const ignoreLimit = 4 << 20

type ignorePattern struct {
	text     string
	negated  bool
	dirOnly  bool
	anchored bool // has a slash: matches the path from the file's directory, not any base name
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
func readIgnore(ctx context.Context, file, dir string, follow bool) (*ignoreFile, error) {
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
	text, err := ReadFile(ctx, file, ignoreLimit)
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
func (r *Repository) baseIgnores(ctx context.Context, workTree string) ignores {
	var list ignores
	add := func(file string, follow bool) {
		if file == "" {
			return
		}
		f, err := readIgnore(ctx, file, "", follow)
		if err != nil {
			r.problemWith(file, object.Unreadable, err)
		} else if f != nil {
			f.fold = r.Config.True("core.ignorecase")
			list = append(list, f)
		}
	}
	user := r.excludesFile
	if own := r.Config["core.excludesfile"]; own != "" {
		if rest, ok := strings.CutPrefix(own, "~/"); ok {
			home, _ := os.UserHomeDir()
			own = filepath.Join(home, rest)
		}
		user = resolve(workTree, own)
	}
	add(user, true)
	add(filepath.Join(r.CommonDir, "info", "exclude"), true)
	return list
}

// maxPattern bounds a pattern in bytes: no path that a longer one could match can be opened. Such a
// pattern matches nothing, so that the files are read.
const maxPattern = 4096

// wildmatch matches as Git does: * and ? do not match a slash, ** between slashes matches any number
// of directories. Folding the case, it goes along with Git, which takes single letters in brackets
// literally.
func wildmatch(pattern, name string, fold bool) bool {
	if len(pattern) > maxPattern {
		return false
	}
	m := matcher{fold}
	if fold {
		name = lowerASCII(name)
	}
	p, s := 0, 0 // what of pattern and name is matched
	// Where to go on when the rest does not match: behind the last star, which then takes one
	// character more; if that is a slash, behind the last **/, which then takes one directory more.
	// The stars before need not be tried again: the last one can take whatever they could.
	star, starAt, dirs, dirsAt := -1, 0, -1, 0
	for {
		switch {
		case p == len(pattern):
			if s == len(name) {
				return true
			}
		case pattern[p] == '*':
			rest := strings.TrimLeft(pattern[p:], "*")
			stars := len(pattern) - p - len(rest)
			whole := stars > 1 && (p == 0 || pattern[p-1] == '/') // stands between slashes, perhaps
			p += stars
			switch {
			case whole && rest == "":
				if s < len(name) {
					return true
				}
			case whole && rest[0] == '/':
				p++
				dirs, dirsAt, star = p, s, -1
				continue
			default:
				star, starAt = p, s
				continue
			}
		case s < len(name):
			if n := m.one(pattern[p:], name[s]); n > 0 {
				p, s = p+n, s+1
				continue
			}
		}
		if star >= 0 && starAt < len(name) && name[starAt] != '/' {
			starAt++
			p, s = star, starAt
			continue
		}
		next := -1
		if dirs >= 0 {
			next = strings.IndexByte(name[dirsAt:], '/')
		}
		if next < 0 {
			return false
		}
		dirsAt += next + 1
		p, s, star = dirs, dirsAt, -1
	}
}

type matcher struct {
	fold bool // the name is in lower case
}

// one matches what p begins with, which is no star, against one character, and returns how much of
// p that takes; 0: it does not match.
func (m matcher) one(p string, c byte) int {
	switch p[0] {
	case '?':
		if c != '/' {
			return 1
		}
		return 0
	case '[':
		if in, rest, ok := m.class(p, c); ok && in && c != '/' {
			return len(p) - len(rest)
		}
		return 0
	}
	n := 1
	if p[0] == '\\' {
		if n = 2; len(p) == 1 {
			return 0
		}
	}
	if c == p[n-1] || m.fold && c == lower(p[n-1]) {
		return n
	}
	return 0
}

// class matches c against the bracket expression p begins with.
func (m matcher) class(p string, c byte) (in bool, rest string, ok bool) {
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
