package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"
	"syscall"
	"time"
)

// absent is a key that no generated repository holds.
const absent = "Zk9QpX3vLr7TnB2mWc8YdF5hJs4GtA6e"

// way is one way to look for a key.
type way struct {
	name string
	argv []string
}

type sample struct {
	cpu, wall time.Duration
	peak      int64 // bytes
}

// compare runs the ways in turn, so many times each, and prints medians.
func compare(dir string, rounds int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var patterns strings.Builder
	for i := range 13 { // as many literals as one key has common encodings
		fmt.Fprintf(&patterns, "-e %s%02d ", absent, i)
	}
	grep := "grep -a -c -F " + patterns.String()
	if _, err := exec.LookPath("rg"); err == nil {
		grep = "rg -a -c -F " + patterns.String()
	}
	ways := []way{
		{name: "scan, all cores", argv: []string{self, "scan", dir}},
		{name: "scan, one core", argv: []string{self, "scan", dir, "1"}},
		{name: "inflating alone, one core", argv: []string{self, "inflate", dir, "1"}},
		{name: "git cat-file | rg -F", argv: []string{"sh", "-c", "git -C '" + dir + "' cat-file --batch-all-objects --batch --unordered --buffer | " + grep + " || true"}},
		{name: "git log --all -S", argv: []string{"git", "-C", dir, "log", "--all", "--oneline", "-S", absent}},
	}
	if path, err := exec.LookPath("gitleaks"); err == nil {
		rule, err := os.CreateTemp("", "rule*.toml")
		if err != nil {
			return err
		}
		defer os.Remove(rule.Name())
		if _, err := fmt.Fprintf(rule, "[[rules]]\nid = \"key\"\ndescription = \"key\"\nregex = '''%s'''\n", absent); err != nil {
			return err
		}
		if err := rule.Close(); err != nil {
			return err
		}
		ways = append(ways, way{name: "gitleaks git, one rule", argv: []string{path, "git", "--no-banner", "--config", rule.Name(), dir}})
	}
	samples := make([][]sample, len(ways))
	for round := range rounds {
		for i, w := range ways {
			if i >= 3 && round >= 3 {
				continue // the slow ways need fewer rounds
			}
			s, err := w.measure()
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			samples[i] = append(samples[i], s)
		}
	}
	fmt.Printf("%-28s %10s %10s %10s %8s\n", "median", "CPU s", "wall s", "peak MB", "CPU ×")
	base := median(samples[0]).cpu
	for i, w := range ways {
		m := median(samples[i])
		fmt.Printf("%-28s %10.2f %10.2f %10d %8.2f\n", w.name, m.cpu.Seconds(), m.wall.Seconds(), m.peak>>20, float64(m.cpu)/float64(base))
	}
	return nil
}

func (w way) measure() (sample, error) {
	cmd := exec.Command(w.argv[0], w.argv[1:]...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return sample{}, errors.Join(err, errors.New(errs.String()))
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return sample{}, errors.New("this system does not tell what a process used")
	}
	return sample{
		cpu:  cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		wall: time.Since(start),
		peak: usage.Maxrss << 10, // kilobytes on Linux
	}, nil
}

func median(list []sample) sample {
	pick := func(f func(s sample) int64) int64 {
		var v []int64
		for _, s := range list {
			v = append(v, f(s))
		}
		sort.Slice(v, func(i, j int) bool { return v[i] < v[j] })
		return v[len(v)/2]
	}
	return sample{
		cpu:  time.Duration(pick(func(s sample) int64 { return int64(s.cpu) })),
		wall: time.Duration(pick(func(s sample) int64 { return int64(s.wall) })),
		peak: pick(func(s sample) int64 { return s.peak }),
	}
}
