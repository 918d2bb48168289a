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
	options.Limits.Content.ZipBytes = 1 << 20
	r := scan(t, g.Dir, options)
	members := map[string]bool{}
	for _, h := range r.Hits {
		members[h.Path+" "+h.Member] = true
	}
	if diff := cmp.Diff(map[string]bool{"tool a.txt": true, "big.zip b.txt": true}, members); diff != "" || len(r.Gaps) > 0 {
		t.Errorf("%s%s", diff, describe(r))
	}
}

// In the history it is read once only, as a stream, and all the same unpacked or named.
func TestLargeProgramWithAZipFileAtItsEnd(t *testing.T) {
	t.Parallel()
	g := gittest.New(t)
	g.Write("tool", strings.Repeat("\x7fELF", object.StreamFrom/4)+zipOf("a.txt", strings.Repeat(probeKey+"\n", 3), 8))
	g.Commit("a")
	g.Git("rm", "-q", "tool")
	g.Commit("b")
	r := scan(t, g.Dir, Options{Literals: literals(probeKey)})
	if len(r.Gaps) == 0 && (len(r.Hits) != 1 || r.Hits[0].Path != "tool" || !strings.HasSuffix(r.Hits[0].Member, "a.txt")) {
		t.Error(describe(r))
	}
}
