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
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/object"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
	"github.com/prelaunch-audit/prelaunch/probes/repositories/search"
)

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
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
	switch args[0] {
	case "generate":
		return generate(args[1], large, os.Stderr)
	case "compare":
		return compare(args[1], max(n, 3))
	case "oracle":
		return oracle(args[1], max(n, 1000))
	case "scan": // one process of compare; N workers
		r, err := search.Repository(context.Background(), args[1], search.Options{Literals: needles(), Workers: n})
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

// find shows what one literal costs that is there, with the evidence for it,
// and with fingerprints and suspects looked for too.
func find(dir, text string) error {
	for _, o := range []search.Options{
		{Literals: []match.Literal{{ID: 1, Bytes: []byte(text)}}},
		{Fingerprints: []match.Fingerprint{{ID: 1, SHA256: sha256.Sum256([]byte(text)), Length: len(text)}}},
		{Literals: needles(), Suspects: match.NewSuspects([]string{"begini"}, []string{"api-key"})},
	} {
		start := time.Now()
		r, err := search.Repository(context.Background(), dir, o)
		if err != nil {
			return err
		}
		fmt.Printf("%.2f s: %d hits\n", time.Since(start).Seconds(), len(r.Hits)+r.HitsCut)
		if len(r.Hits) > 0 {
			fmt.Printf("  %+v\n", r.Hits[0])
		}
	}
	return nil
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
