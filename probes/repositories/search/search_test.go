package search

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"

	"github.com/prelaunch-audit/prelaunch/internal/gitrepo/gittest"
)

func literals(texts ...string) (list []match.Literal) {
	for i, s := range texts {
		list = append(list, match.Literal{ID: i + 1, Bytes: []byte(s)})
	}
	return list
}

func scan(t testing.TB, path string, o Options) *Result {
	t.Helper()
	r, err := Repository(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func describe(r *Result) string {
	var b strings.Builder
	for _, h := range r.Hits {
		fmt.Fprintf(&b, "%+v\n", h)
	}
	for _, g := range r.Gaps {
		fmt.Fprintf(&b, "%+v\n", g)
	}
	fmt.Fprintf(&b, "%+v", r.Totals)
	return b.String()
}

func TestSmoke(t *testing.T) {
	t.Parallel()
	key := "kJ8s0Zq2LmX4vB7nR1tY6uW3"
	g := gittest.New(t)
	g.Write("a/b.txt", "hello\nworld\n")
	g.Commit("one")
	g.Write("a/b.txt", "hello\nkey="+key+"\n")
	g.Commit("two")
	g.Write("a/b.txt", "hello\nworld\n")
	g.Commit("three")
	g.Git("gc", "-q")
	t.Log(describe(scan(t, g.Dir, Options{Literals: literals(key)})))
}
