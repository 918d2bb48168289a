package search

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// A file of the work tree can be read again, so that a zip file at the end of a large one is unpacked, and so is one larger than memory
// should hold.
func TestLargeArchivesOnDisk(t *testing.T) {
	t.Parallel()
	g := gittest.New(t)
	packed := zipOf("a.txt", strings.Repeat(probeKey+"\n", 3), 8)
	g.Write("tool", strings.Repeat("\x7fELF", object.StreamFrom/4)+packed)
	var inner bytes.Buffer
	z := zip.NewWriter(&inner)
	filler, err := z.CreateHeader(&zip.FileHeader{Name: "filler", Method: zip.Store})
	gittest.Must(t, err)
	_, err = filler.Write(bytes.Repeat([]byte("filler\n"), object.StreamFrom/6))
	gittest.Must(t, err)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "b.txt", Method: zip.Deflate})
	gittest.Must(t, err)
	_, err = io.WriteString(w, strings.Repeat(probeKey+"\n", 3))
	gittest.Must(t, err)
	gittest.Must(t, z.Close())
	g.Write("big.zip", inner.String())
	options := Options{Literals: literals(probeKey)}
	options.Limits.Archive.ZipBytes = 1 << 20
	r := scan(t, g.Dir, options)
	members := map[string]bool{}
	for _, h := range r.Hits {
		members[h.Path+" "+h.Member] = true
	}
	if diff := cmp.Diff(map[string]bool{"tool a.txt": true, "big.zip b.txt": true}, members); diff != "" || len(r.Gaps) > 0 {
		t.Errorf("%s%s", diff, describe(r))
	}
}
