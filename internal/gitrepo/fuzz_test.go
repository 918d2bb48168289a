package gitrepo

import (
	"path/filepath"
	"strings"
	"testing"
)

// FuzzIndexFile and FuzzConfig only have to return.
func FuzzIndexFile(f *testing.F) {
	f.Add([]byte("DIRC\x00\x00\x00\x02\x00\x00\x00\x01" + strings.Repeat("x", 62) + "name\x00\x00\x00\x00\x00\x00" + strings.Repeat("s", 20)))
	f.Add([]byte("DIRC\x00\x00\x00\x04\x00\x00\x00\x02" + strings.Repeat("x", 150)))
	f.Fuzz(func(t *testing.T, data []byte) {
		x := &Index{}
		x.parse(data, 20)
		x.parse(data, 32)
		for _, e := range x.Entries {
			_ = filepath.IsLocal(e.Path)
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("[core]\n\tbare = true\n[remote \"o\\\"x\"] url = \"a b\" ; c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for key, value := range ParseConfig(data) {
			if len(key)+len(value) > 2*len(data)+10 {
				t.Fatal("more came out than went in")
			}
		}
	})
}

func FuzzIgnore(f *testing.F) {
	f.Add("*.log\n!keep\n/a/**/b\n", "x/a/b.log")
	f.Fuzz(func(t *testing.T, text, name string) {
		parseIgnore(text, "").verdict(name, false)
	})
}
