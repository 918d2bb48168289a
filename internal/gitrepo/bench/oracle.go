package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
	"github.com/prelaunch-audit/prelaunch/probes/repositories/search"
)

// objects streams every object of the repository out of git.
func objects(dir string, f func(id string, data []byte) error) error {
	cmd := exec.Command("git", "-C", dir, "cat-file", "--batch-all-objects", "--batch", "--buffer")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := bufio.NewReaderSize(pipe, 1<<20)
	for {
		head, err := r.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		fields := strings.Fields(head)
		if len(fields) != 3 {
			return fmt.Errorf("git cat-file: %q", head)
		}
		size, err := strconv.Atoi(fields[2])
		if err != nil {
			return err
		}
		data := make([]byte, size+1)
		if _, err := io.ReadFull(r, data); err != nil {
			return err
		}
		if err := f(fields[0], data[:size]); err != nil {
			return err
		}
	}
	return cmd.Wait()
}

// oracle cuts n random literals out of random objects and compares the
// objects in which the scan finds them with those in which they are.
func oracle(dir string, n int) error {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	var literals []match.Literal
	seen := 0
	err := objects(dir, func(_ string, data []byte) error {
		size := 16 + r.IntN(48)
		if len(data) < size {
			return nil
		}
		// A reservoir: each object has the same chance.
		seen++
		slot := seen - 1
		if slot >= n {
			if slot = r.IntN(seen); slot >= n {
				return nil
			}
		}
		at := r.IntN(len(data) - size + 1)
		l := match.Literal{ID: slot, Bytes: append([]byte(nil), data[at:at+size]...)}
		if slot < len(literals) {
			literals[slot] = l
		} else {
			literals = append(literals, l)
		}
		return nil
	})
	if err != nil {
		return err
	}
	set, err := match.New(literals)
	if err != nil {
		return err
	}
	want := map[string]bool{}
	err = objects(dir, func(id string, data []byte) error {
		// The matcher has its own tests against a naive search; here the walk
		// is on trial.
		set.Find(data, func(l, _ int) bool {
			want[fmt.Sprint(l, " ", id)] = true
			return true
		})
		return nil
	})
	if err != nil {
		return err
	}
	result, err := search.Repository(context.Background(), dir, search.Options{Literals: literals, Limits: search.Limits{Hits: 50_000_000}})
	if err != nil {
		return err
	}
	got := map[string]bool{}
	for _, h := range result.Hits {
		if h.Object != "" {
			got[fmt.Sprint(h.Literal, " ", h.Object)] = true
		}
	}
	missed, extra := 0, 0
	for k := range want {
		if !got[k] {
			missed++
		}
	}
	for k := range got {
		if !want[k] {
			extra++
		}
	}
	fmt.Printf("%d literals, %d pairs of literal and object, missed %d, extra %d, gaps %d\n", len(literals), len(want), missed, extra, len(result.Gaps))
	if missed+extra > 0 {
		return fmt.Errorf("the scan and git disagree")
	}
	return nil
}
