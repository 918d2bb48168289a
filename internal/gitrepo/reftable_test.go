package gitrepo

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// The repositories in testdata were made by git 2.55 with --ref-format=reftable, blocks of 256 bytes, and a key as part of a tag's and
// of a deleted branch's name, in a reflog, on a branch, in a stash and in the commit of a linked work tree. expected-refs is what
// git for-each-ref and rev-parse say.

func unpackReftable(t testing.TB, format string) string {
	t.Helper()
	return gittest.Unpack(t, filepath.Join("testdata", "reftable-"+format+".tar.gz"))
}

func TestReftable(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir := unpackReftable(t, format)
			r := open(t, dir)
			r.readRefs(t.Context())
			var got []string
			for _, f := range r.Refs {
				got = append(got, f.ID.String()+" "+f.Name)
			}
			expected, err := os.ReadFile(filepath.Join(dir, ".git", "expected-refs"))
			gittest.Must(t, err)
			want := strings.Split(strings.TrimSpace(string(expected)), "\n")
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-git +engine):\n%s", diff)
			}
			gittest.Must(t, os.Remove(filepath.Join(dir, ".git", "expected-refs")))
		})
	}
}

// A table that is damaged anywhere is told, or still reads as it did; it never passes for an empty one.
func TestDamagedReftable(t *testing.T) {
	t.Parallel()
	whole := tables(t, "sha1")
	for _, table := range whole {
		for _, length := range []int{0, 10, 24, 100, len(table) / 2, len(table) - 1} {
			if length < len(table) && readTable(table[:length], 20) == nil {
				t.Errorf("the first %d of %d bytes are read as a table", length, len(table))
			}
		}
		for at := range min(len(table), 28) {
			if damaged := bytes.Clone(table); readTable(append(damaged[:at:at], append([]byte{damaged[at] ^ 0x55}, damaged[at+1:]...)...), 20) == nil {
				t.Errorf("a header damaged at %d is read", at)
			}
		}
	}
	dir := unpackReftable(t, "sha1")
	list := filepath.Join(dir, ".git", "reftable", "tables.list")
	gittest.Must(t, os.WriteFile(list, []byte("0x1-0x2-absent.ref\n../elsewhere.ref\n"), 0o644))
	problems := 0
	r, err := Open(t.Context(), dir, Options{Report: func(p object.Problem) {
		if strings.HasPrefix(p.Path, ".git/reftable/") {
			problems++
		}
	}})
	gittest.Must(t, err)
	r.Read(t.Context())
	if problems != 2 {
		t.Errorf("%d problems for a table that is absent and one that is elsewhere", problems)
	}
}

func tables(t testing.TB, format string) (list [][]byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(unpackReftable(t, format), ".git", "reftable", "*.ref"))
	gittest.Must(t, err)
	if len(files) == 0 {
		t.Fatal("no table")
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		gittest.Must(t, err)
		list = append(list, text)
	}
	return list
}

func readTable(data []byte, idSize int) error {
	return (&reftable{data: data, idSize: idSize, ref: func(string, object.ID, string) {}, log: func(string) {}}).read()
}

// FuzzReftable: whatever the bytes, reading ends without a panic.
func FuzzReftable(f *testing.F) {
	for _, table := range append(tables(f, "sha1"), tables(f, "sha256")...) {
		f.Add(table, false)
		f.Add(table, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, wide bool) {
		size := 20
		if wide {
			size = 32
		}
		r := &reftable{data: data, idSize: size, ref: func(string, object.ID, string) {}, log: func(string) {}}
		_ = r.read()
		// Behind the checksum too, which random bytes do not pass.
		if r.header = 24; len(data) > r.header {
			_ = r.refs(len(data))
			_ = r.logs(0, len(data))
		}
	})
}
