package roster

// The rules of this file: whatever the file holds, reading it takes bounded time and memory and never an error that ends the run;
// what could not be read is said in words that hold nothing of its content.

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// columns are the names in the header; the first two are required.
var columns = []string{"email", "role", "name", "last_active", "justification"}

// separators are what spreadsheets write between fields, depending on their country.
var separators = []rune{',', ';', '\t'}

// parse reads the table. The only error is ctx's.
func parse(ctx context.Context, content []byte) (table, error) {
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	t := table{notUTF8: !utf8.Valid(content)}
	if bytes.IndexByte(content, 0) >= 0 {
		t.problem = "it is not UTF-8 text (UTF-16 or binary): export it as CSV in UTF-8"
		return t, ctx.Err()
	}
	reader := csv.NewReader(bytes.NewReader(content))
	reader.FieldsPerRecord = -1
	reader.ReuseRecord = true
	reader.Comma = separator(content)
	header, err := reader.Read()
	if err != nil {
		t.problem = "it has no header line with the columns email and role"
		return t, ctx.Err()
	}
	at, width := map[string]int{}, len(header)
	for i, title := range header {
		title = strings.ToLower(strings.TrimSpace(title))
		if !slices.Contains(columns, title) {
			t.unknownColumns++
			continue
		}
		if _, twice := at[title]; twice {
			t.problem = fmt.Sprintf("its header names the column %s twice", title)
			return t, ctx.Err()
		}
		at[title] = i
	}
	for _, title := range columns[:2] {
		if _, ok := at[title]; !ok {
			t.problem = fmt.Sprintf("its first line is no header with the columns email and role (%s is missing)", title)
			return t, ctx.Err()
		}
	}
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

// separator is the one that splits the first line into most fields.
func separator(content []byte) rune {
	first, _, _ := bytes.Cut(content, []byte("\n"))
	best, most := separators[0], 0
	for _, candidate := range separators {
		if n := bytes.Count(first, []byte(string(candidate))); n > most {
			best, most = candidate, n
		}
	}
	return best
}
