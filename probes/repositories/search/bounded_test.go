//go:build unix

package search

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
)

// traps are what a repository may have in the place of a file to stop or exhaust its reader.
var traps = map[string]func(path string) error{
	"link to a file of /proc without end": func(path string) error { return os.Symlink("/proc/self/pagemap", path) },
	"link to /dev/zero":                   func(path string) error { return os.Symlink("/dev/zero", path) },
	"named pipe":                          func(path string) error { return syscall.Mkfifo(path, 0o600) },
	"link to a named pipe": func(path string) error {
		pipe := path + ".pipe"
		return errors.Join(syscall.Mkfifo(pipe, 0o600), os.Symlink(pipe, path))
	},
	"sparse file of 200 GB": func(path string) error {
		return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 200<<30))
	},
}

func TestFilesThatAreTraps(t *testing.T) {
	t.Parallel()
	places := []string{
		"HEAD", "config", "index", "packed-refs", "shallow", "refs/heads/other", "info/exclude", "objects/info/alternates",
		"objects/pack/pack-x.pack", "PACK.idx", "LOOSE", "sharedindex.0123456789012345678901234567890123456789",
	}
	for name, trap := range traps {
		for _, place := range places {
			t.Run(name+" as "+place, func(t *testing.T) {
				t.Parallel()
				g := gittest.New(t)
				g.Write("a.txt", "x\n")
				g.Commit("a")
				file := place
				switch place {
				case "LOOSE":
					blob := g.Git("rev-parse", "HEAD:a.txt")
					file = "objects/" + blob[:2] + "/" + blob[2:]
				case "PACK.idx":
					g.Git("gc", "-q")
					list, err := filepath.Glob(filepath.Join(g.Dir, ".git/objects/pack/*.idx"))
					gittest.Must(t, err)
					file = "objects/pack/" + filepath.Base(list[0])
				}
				path := filepath.Join(g.Dir, ".git", file)
				gittest.Must(t, os.MkdirAll(filepath.Dir(path), 0o755))
				gittest.Must(t, os.RemoveAll(path))
				gittest.Must(t, trap(path))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				r, err := Repository(ctx, g.Dir, Options{Literals: literals(probeKey)})
				gittest.Must(t, err)
				if len(r.Gaps) == 0 && filepath.Base(place)[:2] != "sh" {
					t.Error("what cannot be read is not reported")
				}
			})
		}
	}
}

// Alternates do not lead into the file systems of the kernel, where /dev/fd looks like a directory of
// loose objects.
func TestAlternatesOfTheKernel(t *testing.T) {
	t.Parallel()
	g := gittest.New(t)
	g.Write("a.txt", "x\n")
	g.Commit("a")
	alternates := filepath.Join(g.Dir, ".git/objects/info/alternates")
	gittest.Must(t, os.MkdirAll(filepath.Dir(alternates), 0o755))
	gittest.Must(t, os.WriteFile(alternates, []byte("/dev\n/proc/self\n"), 0o600))
	r, err := Repository(t.Context(), g.Dir, Options{Literals: literals(probeKey)})
	gittest.Must(t, err)
	if len(r.Gaps) != 2 {
		t.Errorf("got %+v, want one for each alternate", r.Gaps)
	}
}

// A search ends soon after its context, whatever it is reading.
func TestEndsWhileReading(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"large.txt", ".git/index", ".git/large", ".git/packed-refs"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			g := gittest.New(t)
			g.Write("a.txt", "x\n")
			g.Commit("a")
			path := filepath.Join(g.Dir, file)
			gittest.Must(t, os.RemoveAll(path))
			gittest.Must(t, os.WriteFile(path, nil, 0o600))
			gittest.Must(t, os.Truncate(path, 15<<30)) // of zeros, which take seconds to search
			if file == ".git/packed-refs" {
				gittest.Must(t, os.Truncate(path, 250<<20))
			}
			limits := Limits{GitFileBytes: 16 << 30}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			done := make(chan error, 1)
			go func() {
				_, err := Repository(ctx, g.Dir, Options{Literals: literals(probeKey), Limits: limits, Workers: 1})
				done <- err
			}()
			<-ctx.Done()
			select {
			case <-done:
			case <-time.After(10 * time.Second): // a second on a machine that has nothing else to do
				t.Error("it goes on without its context")
			}
		})
	}
}

// A large object is inflated and searched in pieces.
func TestEndsWhileInflating(t *testing.T) {
	t.Parallel()
	const size = 400 << 20
	b := gittest.NewPack(2)
	at := b.Entry("base", gittest.BlobKind, size, nil, gittest.Deflate(make([]byte, size)))
	b.OffsetDelta("delta", at, gittest.Insert(size, "x"))
	dir := b.Write(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := Repository(ctx, dir, Options{Literals: literals(probeKey), Limits: Limits{Objects: object.Limits{}}})
		done <- err
	}()
	time.AfterFunc(200*time.Millisecond, cancel)
	<-ctx.Done()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error(fmt.Errorf("got %w", err))
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on without its context")
	}
}
