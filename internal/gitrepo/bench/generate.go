package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// shape is what a generated repository looks like.
type shape struct {
	dirs, files, commits int
}

// large has more than 100,000 objects and 2 GB unpacked.
var large = shape{dirs: 60, files: 50, commits: 32_000}

// generate makes a repository at dir with git fast-import and packs it as git
// gc --aggressive would not but a hosting service does: one pack, window 10,
// depth 50. The same seed gives the same repository.
func generate(dir string, s shape, progress io.Writer) error {
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err == nil {
		return fmt.Errorf("generate %s: there is a repository already", dir)
	}
	if err := run(progress, "", "git", "init", "-q", "--bare", "-b", "main", dir); err != nil {
		return err
	}
	cmd := exec.Command("git", "-C", dir, "fast-import", "--quiet", "--depth=50")
	cmd.Stderr = progress
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w := bufio.NewWriterSize(pipe, 1<<20)
	writeHistory(w, s)
	if err := w.Flush(); err != nil {
		return err
	}
	if err := pipe.Close(); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("git fast-import: %w", err)
	}
	return run(progress, "", "git", "-C", dir, "repack", "-a", "-d", "-f", "-q", "--window=10", "--depth=50")
}

func run(out io.Writer, input string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// writeHistory writes a fast-import stream: source files of some 20 kB that
// change a few lines at a time, now and then a new one or a binary one.
func writeHistory(w *bufio.Writer, s shape) {
	r := rand.New(rand.NewPCG(11, 17))
	vocabulary := make([]string, 4000)
	for i := range vocabulary {
		b := make([]byte, 2+r.IntN(10))
		for j := range b {
			b[j] = "etaoinshrdlucmfwypvbgkqjxz_ETAOIN019"[min(r.IntN(36), r.IntN(36))]
		}
		vocabulary[i] = string(b)
	}
	line := func() string {
		var b strings.Builder
		b.WriteString(strings.Repeat("\t", r.IntN(4)))
		for range 2 + r.IntN(9) {
			b.WriteString(vocabulary[min(r.IntN(4000), r.IntN(4000))])
			b.WriteByte(" (.,)=;"[r.IntN(7)])
		}
		return b.String()
	}
	name := func(i int) string { return fmt.Sprintf("src/dir%02d/file%03d.go", i%s.dirs, i/s.dirs) }
	content := make([][]string, s.dirs*s.files)
	fill := func(i int) {
		for range 200 + r.IntN(1200) {
			content[i] = append(content[i], line())
		}
	}
	for c := range s.commits {
		message := line() + "\n"
		fmt.Fprintf(w, "commit refs/heads/main\ncommitter Ann <ann@acme.example> %d +0000\ndata %d\n%s", 1_500_000_000+600*c, len(message), message)
		changes := 1 + r.IntN(2)
		if c == 0 {
			changes = len(content) / 2
		}
		for k := range changes {
			i := r.IntN(len(content))
			if c == 0 {
				i = k
			}
			if lines := content[i]; len(lines) == 0 {
				fill(i)
			} else {
				for range 1 + r.IntN(8) {
					lines[r.IntN(len(lines))] = line()
				}
				if at := r.IntN(len(lines)); r.IntN(3) == 0 {
					content[i] = append(lines[:at:at], append([]string{line(), line(), line()}, lines[at:]...)...)
				}
			}
			size := 0
			for _, l := range content[i] {
				size += len(l) + 1
			}
			fmt.Fprintf(w, "M 100644 inline %s\ndata %d\n", name(i), size)
			for _, l := range content[i] {
				w.WriteString(l)
				w.WriteByte('\n')
			}
			w.WriteByte('\n')
		}
		if c%40 == 7 {
			b := make([]byte, 5000+r.IntN(60000))
			for j := range b {
				b[j] = byte(r.Uint32())
			}
			fmt.Fprintf(w, "M 100644 inline assets/image%02d.png\ndata %d\n", r.IntN(50), len(b))
			w.Write(b)
			w.WriteByte('\n')
		}
	}
}
