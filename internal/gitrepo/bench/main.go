// Command bench measures the search of a git repository as whole processes,
// each against what one would use otherwise, in alternating pairs.
//
//	go run . generate DIR        a repository of > 100,000 objects, > 2 GB unpacked
//	go run . compare DIR [PAIRS] CPU and wall time and peak memory of each way
//	go run . find DIR TEXT       time to find a text that is there, with its evidence
//	go run . oracle DIR [N]      hits of N random literals against git cat-file
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/probes/repositories/search"
)

func main() {
	if err := profiled(func() error { return command(os.Args[1:]) }); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// profiled runs f, with profiles of CPU and memory in the directory that BENCH_PROFILE names, if it does.
func profiled(f func() error) error {
	dir := os.Getenv("BENCH_PROFILE")
	if dir == "" {
		return f()
	}
	cpu, err := os.Create(filepath.Join(dir, "cpu"))
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return err
	}
	failed := f()
	pprof.StopCPUProfile()
	heap, err := os.Create(filepath.Join(dir, "heap"))
	if err != nil {
		return err
	}
	return errors.Join(failed, pprof.WriteHeapProfile(heap), heap.Close(), cpu.Close())
}

func command(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: bench generate|compare|oracle|scan|inflate DIR [N]")
	}
	if args[0] == "find" && len(args) == 3 {
		return find(args[1], args[2])
	}
	n := 0
	if len(args) > 2 {
		var err error
		if n, err = strconv.Atoi(args[2]); err != nil {
			return err
		}
	}
	extra := 1 // keys to look for
	if len(args) > 3 {
		var err error
		if extra, err = strconv.Atoi(args[3]); err != nil {
			return err
		}
	}
	switch args[0] {
	case "generate":
		return generate(args[1], large, os.Stderr)
	case "compare":
		return compare(args[1], max(n, 3))
	case "oracle":
		return oracle(args[1], max(n, 1000))
	case "scan": // one process of compare; N workers, and a number of keys
		keys := []string{absent}
		for i := 1; i < max(1, extra); i++ {
			keys = append(keys, fmt.Sprintf("%s%02d", absent, i))
		}
		o, err := options(n, keys...)
		if err != nil {
			return err
		}
		r, err := search.Repository(context.Background(), args[1], o)
		if err != nil {
			return err
		}
		fmt.Printf("%d hits, %d gaps, %+v\n", len(r.Hits), len(r.Gaps), r.Totals)
		return nil
	case "inflate": // the floor: every stream inflated once, nothing else
		return inflate(args[1], n)
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// find shows what finding a key costs, with the evidence for it.
func find(dir, text string) error {
	o, err := options(0, text)
	if err != nil {
		return err
	}
	start := time.Now()
	r, err := search.Repository(context.Background(), dir, o)
	if err != nil {
		return err
	}
	fmt.Printf("%.2f s: %d hits, %d gaps, %+v\n", time.Since(start).Seconds(), len(r.Hits)+r.HitsCut, len(r.Gaps), r.Totals)
	if len(r.Hits) > 0 {
		fmt.Printf("  %+v\n", r.Hits[0])
	}
	return nil
}

// options look for keys as an audit does: all their encodings, and what looks like a key.
func options(workers int, keys ...string) (search.Options, error) {
	integration := &audit.Integration{}
	for _, key := range keys {
		integration.Environments = append(integration.Environments, audit.Environment{Key: audit.KeyReference{Key: secret.New([]byte(key))}})
	}
	known, err := keyscan.New(integration)
	return search.Options{Keys: known, Candidates: match.NewSuspects([]string{"acmeco"}, []string{"api-key"}), Workers: workers}, err
}

func inflate(dir string, workers int) error {
	ctx := context.Background()
	r, err := gitrepo.Open(ctx, dir, gitrepo.Options{Report: func(p object.Problem) { fmt.Fprintf(os.Stderr, "%+v\n", p) }})
	if err != nil {
		return err
	}
	r.Read(ctx)
	store := r.Store(ctx, workers, object.Limits{})
	defer store.Close()
	fmt.Printf("%d bytes inflated\n", store.Inflate(ctx))
	return nil
}
