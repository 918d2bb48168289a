package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// A tool that says nothing of what it sees is no tool: the score tells what it missed from what it could not tell.
func TestScoreTellsMissedFromFound(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		`exit 0`: "flawed receivers:  0 found, 1 missed, 0 not told",
		`exit 1`: "flawed receivers:  1 found, 0 missed, 0 not told",
		`exit 7`: "flawed receivers:  0 found, 0 missed, 1 not told",
		`test -s "$WEBHOOK_CA" && test -n "$WEBHOOK_KEY" && test -n "$WEBHOOK_ADDRESS" && exit 1; exit 7`: "flawed receivers:  1 found, 0 missed, 0 not told",
	} {
		var out bytes.Buffer
		if err := run(t.Context(), []string{"score", "--only", "falsy-signature-accepted", "--", "sh", "-c", script}, &out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s:\n%s\nwant %s", script, &out, want)
		}
	}
}

func TestCorpusHoldsBothKinds(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	count := map[bool]int{}
	for _, r := range corpus("") {
		if names[r.Name] {
			t.Errorf("%s is there twice", r.Name)
		}
		names[r.Name] = true
		count[r.flawed]++
	}
	if count[false] < 30 || count[true] < 100 {
		t.Errorf("%d correct, %d flawed", count[false], count[true])
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"list"}, &out); err != nil || strings.Count(out.String(), "\n") != len(names) {
		t.Errorf("%d lines, %v", strings.Count(out.String(), "\n"), err)
	}
}

// A receiver that is served can be reached as the lines that it prints say.
func TestServePrintsWhereTheReceiverIs(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"serve", "falsy-signature-accepted"}, write) }()
	line := make([]byte, 4096)
	n, err := read.Read(line)
	cancel()
	if err != nil || !strings.HasPrefix(string(line[:n]), "export WEBHOOK_URL='https://") {
		t.Errorf("%q, %v", line[:n], err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
