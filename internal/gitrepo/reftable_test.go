package gitscan

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The repositories in testdata were made by git 2.55 with --ref-format=reftable, blocks of 256 bytes, and a key as part of a tag's and
// of a deleted branch's name, in a reflog, on a branch, in a stash and in the commit of a linked work tree. expected-refs is what
// git for-each-ref and rev-parse say.

const reftableKey = "kJ8s0Zq2LmX4vB7nR1tY6uW3"

func unpackReftable(t testing.TB, format string) string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "reftable-"+format+".tar.gz"))
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	dir := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		must(t, err)
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			must(t, os.MkdirAll(path, 0o755))
			continue
		}
		text, err := io.ReadAll(r)
		must(t, err)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, text, 0o644))
	}
}

func TestReftable(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir := unpackReftable(t, format)
			l, err := openLayout(dir)
			must(t, err)
			r := &repo{search: &search{found: newCollector(Limits{}.withDefaults())}, layout: l}
			r.readRefs()
			var got []string
			for _, f := range r.refs {
				got = append(got, f.id.String()+" "+f.name)
			}
			expected, err := os.ReadFile(filepath.Join(dir, ".git", "expected-refs"))
			must(t, err)
			want := strings.Split(strings.TrimSpace(string(expected)), "\n")
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-git +engine):\n%s", diff)
			}
			must(t, os.Remove(filepath.Join(dir, ".git", "expected-refs")))
			result := scan(t, dir, Options{Literals: literals(reftableKey)})
			found := map[string]bool{}
			for _, h := range result.Hits {
				switch h.Place {
				case InRef, InReflog:
					found[string(h.Place)] = true
				default:
					found[string(h.Place)+" "+h.Path+" "+h.Ref] = true
				}
			}
			if diff := cmp.Diff(map[string]bool{"ref": true, "reflog": true, "blob s.txt refs/heads/feature": true, "blob staged.txt refs/stash": true, "blob w.txt worktrees/wt/HEAD": true}, found); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, describe(result))
			}
			if len(result.Gaps) > 0 {
				t.Error(describe(result))
			}
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
	must(t, os.WriteFile(list, []byte("0x1-0x2-absent.ref\n../elsewhere.ref\n"), 0o644))
	gaps := 0
	for _, g := range scan(t, dir, Options{Literals: literals("no such text is in it")}).Gaps {
		if strings.HasPrefix(g.Path, ".git/reftable/") {
			gaps++
		}
	}
	if gaps != 2 {
		t.Errorf("%d gaps for a table that is absent and one that is elsewhere", gaps)
	}
}

func tables(t testing.TB, format string) (list [][]byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(unpackReftable(t, format), ".git", "reftable", "*.ref"))
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no table")
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		must(t, err)
		list = append(list, text)
	}
	return list
}

func readTable(data []byte, oidSize int) error {
	return (&reftable{data: data, oidSize: oidSize, ref: func(string, oid, string) {}, log: func(string) {}}).read()
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
		r := &reftable{data: data, oidSize: size, ref: func(string, oid, string) {}, log: func(string) {}}
		_ = r.read()
		// Behind the checksum too, which random bytes do not pass.
		if r.header = 24; len(data) > r.header {
			_ = r.refs(len(data))
			_ = r.logs(0, len(data))
		}
	})
}
