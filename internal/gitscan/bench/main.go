// Command bench measures the search of a git repository as whole processes,
// each against what one would use otherwise, in alternating pairs.
//
//	go run ./internal/gitscan/bench generate DIR        a repository of > 100,000 objects, > 2 GB unpacked
//	go run ./internal/gitscan/bench compare DIR [PAIRS] CPU and wall time and peak memory of each way
//	go run ./internal/gitscan/bench oracle DIR [N]      hits of N random literals against git cat-file
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/prelaunch-audit/prelaunch/internal/gitscan"
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
		r, err := gitscan.Scan(context.Background(), args[1], gitscan.Options{Literals: needles(), Workers: n})
		if err != nil {
			return err
		}
		fmt.Printf("%d hits, %d gaps, %+v\n", len(r.Hits), len(r.Gaps), r.Totals)
		return nil
	case "inflate": // the floor: every stream inflated once, nothing else
		total, err := gitscan.InflateOnly(context.Background(), args[1], n)
		fmt.Printf("%d bytes inflated\n", total)
		return err
	}
	return fmt.Errorf("unknown command %q", args[0])
}
