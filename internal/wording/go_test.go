package wording_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/wording"
)

// maxMarked is the percentage of comments that may use an avoided word: it is 2, and some words, such
// as the name of an error class, are meant.
const maxMarked = 3

// TestGoTexts holds every sentence in a string of the product to the words of the field, and comments
// by and large. Strings of fewer than three words are names, values and patterns.
func TestGoTexts(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	texts, comments, marked := 0, 0, 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if entry.IsDir() {
			if strings.HasPrefix(entry.Name(), ".") && rel != "." || rel == filepath.Join("internal", "wording") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, group := range file.Comments {
			comments++
			if len(wording.Faults(group.Text())) > 0 {
				marked++
			}
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if field, ok := node.(*ast.Field); ok {
				field.Tag = nil // a tag lists the values of a fact, which do not change
			}
			literal, ok := node.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil || len(strings.Fields(text)) < 3 || strings.ContainsAny(text, "<{") && strings.Contains(path, "behaviors") { // the last are pages that receivers answer with
				return true
			}
			texts++
			for _, fault := range wording.Faults(text) {
				t.Errorf("%s: %s in %.90q", set.Position(literal.Pos()), fault, text)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d texts, %d comments, of which %d use an avoided word", texts, comments, marked)
	if most := comments * maxMarked / 100; marked > most {
		t.Errorf("%d of %d comments use an avoided word, at most %d may: Faults says which", marked, comments, most)
	}
	if texts < 500 {
		t.Errorf("only %d texts were found", texts)
	}
}
