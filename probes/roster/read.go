package roster

// The rules of this file: whatever the file holds, reading it takes bounded time and memory and never an error that ends the run;
// what could not be read is said in words that hold nothing of its content.

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

type file struct {
	content []byte // nil: not read; at most maxBytes
	size    int64
	digest  string // of the whole file, "" when there is more of it
	problem string // why content is not all of it
}

func readFile(directory, path string) file {
	if !filepath.IsAbs(path) {
		path = filepath.Join(directory, path)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return file{problem: "the file does not exist"}
	case errors.Is(err, fs.ErrPermission):
		return file{problem: "permission to read it is denied"}
	case err != nil:
		return file{problem: "it cannot be read"}
	case !info.Mode().IsRegular(): // a pipe would be waited for
		return file{problem: "it is not a regular file"}
	}
	opened, err := os.Open(path)
	if err != nil {
		return file{size: info.Size(), problem: "permission to read it is denied"}
	}
	defer opened.Close() // opened for reading: nothing is lost by an error
	content, err := io.ReadAll(io.LimitReader(opened, maxBytes+1))
	if err != nil {
		return file{size: info.Size(), problem: "it cannot be read to its end"}
	}
	if len(content) > maxBytes {
		last := bytes.LastIndexByte(content[:maxBytes], '\n') + 1
		return file{content: content[:last], size: max(info.Size(), int64(len(content))), problem: fmt.Sprintf("it is larger than %d MB; only the accounts in the first %d MB were checked", maxBytes>>20, maxBytes>>20)}
	}
	return file{content: content, size: int64(len(content)), digest: audit.Digest(content)}
}

type table struct {
	rows           []row
	problem        string // why rows are not all of them
	unknownColumns int
	notUTF8        bool
}

type row struct {
	line                          int // the header's is 1
	email, role, name, lastActive string
	justified                     bool
	misshapen                     bool // it has more fields than the header, or too few to have an e-mail address and a role
}

// columns are what is read, each with the titles that exports of common directories and dashboards give it, in the words that
// titleWords makes of them; of several that are there, the earliest counts. The first two columns are required.
var columns = []struct {
	name   string
	titles []string
}{
	{"email", []string{"email", "e mail", "email address", "e mail address", "email address required", "work email", "primary email", "user email", "mail",
		"user principal name", "userprincipalname", "sign in name", "login email", "login", "username", "user name"}},
	{"role", []string{"role", "roles", "user role", "role name", "account role", "dashboard role", "permission", "permissions",
		"permission level", "access level", "access role", "access"}},
	{"name", []string{"name", "full name", "display name", "displayname", "member name", "user"}},
	{"last_active", []string{"last active", "last activity", "last active on", "last login", "last login at", "last sign in", "last signed in",
		"last seen", "last access"}},
	{"justification", []string{"justification", "business justification", "reason", "business need"}},
}

// titleWords is a title as it is compared: in lower case, words parted by one blank.
func titleWords(title string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(title), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ")
}

// separators are what spreadsheets write between fields, depending on their country.
var separators = []rune{',', ';', '\t', '|'}

// layout is which column is where.
type layout struct {
	at      map[string]int
	width   int
	unknown int    // columns that mean nothing here
	problem string // why the table cannot be read
}

// arrange finds the columns in a header. declared are the titles that the configuration says; they are not looked for otherwise.
func arrange(header []string, declared map[string]string) layout {
	l := layout{at: map[string]int{}, width: len(header)}
	taken := map[int]bool{}
	for _, column := range columns {
		titles := column.titles
		title, isDeclared := declared[column.name]
		if isDeclared {
			titles = []string{titleWords(title)}
		}
		for _, wanted := range titles {
			first := slices.IndexFunc(header, func(title string) bool { return titleWords(title) == wanted })
			if first < 0 {
				continue
			}
			if slices.ContainsFunc(header[first+1:], func(title string) bool { return titleWords(title) == wanted }) {
				l.problem = cmp.Or(l.problem, fmt.Sprintf("its header names the column %s twice", column.name))
			}
			l.at[column.name] = first
			taken[first] = true
			break
		}
		if _, found := l.at[column.name]; isDeclared && !found {
			l.problem = cmp.Or(l.problem, fmt.Sprintf("its header has no column of the title that access.roster.%s says", column.name))
		}
	}
	l.unknown = len(header) - len(taken)
	for _, column := range columns[:2] {
		if _, ok := l.at[column.name]; !ok {
			l.problem = cmp.Or(l.problem, fmt.Sprintf("its first line is no header with the columns email and role (%s is missing; access.roster.%[1]s names it)", column.name))
		}
	}
	return l
}

// text is the content as UTF-8 without what spreadsheets put before the header: a byte order mark, and a line such as "sep=;", which is
// left empty so that lines keep their numbers. ok is false for what is no text.
func text(content []byte) (plain []byte, ok bool) {
	if bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff")) {
		order := binary.ByteOrder(binary.LittleEndian)
		if content[0] == 0xfe {
			order = binary.BigEndian
		}
		units := make([]uint16, len(content)/2-1)
		for i := range units {
			units[i] = order.Uint16(content[2*i+2:])
		}
		content = []byte(string(utf16.Decode(units)))
	}
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	if first, _, _ := bytes.Cut(content, []byte("\n")); len(bytes.TrimSpace(first)) == len("sep=;") && bytes.HasPrefix(first, []byte("sep=")) {
		content = content[len(first):]
	}
	return content, bytes.IndexByte(content, 0) < 0
}

// parse reads the table, whose columns have the titles that are declared or common ones. The only error is ctx's.
func parse(ctx context.Context, content []byte, declared map[string]string) (table, error) {
	content, isText := text(content)
	t := table{notUTF8: !utf8.Valid(content)}
	if !isText {
		t.problem = "it is not UTF-8 text (binary): export it as CSV in UTF-8"
		return t, ctx.Err()
	}
	var reader *csv.Reader
	var found layout
	for _, separator := range separators { // the one by which most columns are known, or else most fields there
		candidate := csv.NewReader(bytes.NewReader(content))
		candidate.FieldsPerRecord = -1
		candidate.ReuseRecord = true
		candidate.Comma = separator
		header, err := candidate.Read()
		if err != nil {
			continue
		}
		l := arrange(header, declared)
		if reader == nil || cmp.Or(cmp.Compare(len(l.at), len(found.at)), cmp.Compare(l.width, found.width)) > 0 {
			reader, found = candidate, l
		}
	}
	if reader == nil {
		t.problem = "it has no header line with the columns email and role"
		return t, ctx.Err()
	}
	t.unknownColumns, t.problem = found.unknown, found.problem
	if t.problem != "" {
		return t, ctx.Err()
	}
	at, width := found.at, found.width
	for {
		record, err := reader.Read()
		if err == io.EOF {
			return t, ctx.Err()
		}
		if ctx.Err() != nil {
			return t, ctx.Err()
		}
		if err != nil {
			var wrong *csv.ParseError
			line := 0
			if errors.As(err, &wrong) {
				line = wrong.StartLine
			}
			t.problem = fmt.Sprintf("line %d is not valid CSV (a stray or unclosed quote); what follows was not checked", line)
			return t, nil
		}
		if strings.TrimSpace(strings.Join(record, "")) == "" {
			continue
		}
		if len(t.rows) == maxRows {
			t.problem = fmt.Sprintf("it has more than %d rows; only those were checked", maxRows)
			return t, nil
		}
		line, _ := reader.FieldPos(0)
		get := func(title string) string {
			if i, ok := at[title]; ok && i < len(record) {
				return strings.TrimSpace(record[i])
			}
			return ""
		}
		t.rows = append(t.rows, row{
			line: line, email: get("email"), role: get("role"), name: get("name"), lastActive: get("last_active"),
			justified: get("justification") != "",
			misshapen: len(record) > width || len(record) <= max(at["email"], at["role"]),
		})
	}
}
