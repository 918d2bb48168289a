package keyscan

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

const (
	heldKey    = "tk_4f9Qw82L+mZx71/bNc03Re6Ty"
	printedKey = "pk_8Jd72KsPq0Zm41XvBn95Wc3L"
)

// window is how much is decoded at a time, to put keys at the seams.
const window = 4 << 20

func search(t *testing.T) *Search {
	t.Helper()
	printed := audittest.Fingerprinted(printedKey)
	s, err := New(&audit.Integration{
		Environments: []audit.Environment{
			{Name: audit.Test, Key: audit.KeyReference{Key: secret.New([]byte(heldKey))}},
			{Name: audit.Production, Key: audit.KeyReference{Key: printed}},
		},
		RetiredKeys: []audit.RetiredKey{{Environment: audit.Test, KeyReference: audit.KeyReference{Key: secret.New([]byte("short"))}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func zipped(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.Create(name)
	if err == nil {
		_, err = f.Write(content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func tarball(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o600})
	if err == nil {
		_, err = w.Write(content)
	}
	if err := errors.Join(err, w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(t *testing.T, s *Search, data []byte) []Hit {
	t.Helper()
	hits := s.Scanner(content.Limits{}).Hits()
	if _, err := hits.Read(t.Context(), "", bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	return hits.List()
}

// TestEverySpellingInEveryContainer holds the recall: each spelling, at the seams of the pieces in which it is read, and packed.
func TestEverySpellingInEveryContainer(t *testing.T) {
	t.Parallel()
	s := search(t)
	spellings := secret.Spellings([]byte(heldKey))
	for i := range audittest.Rows(t, len(spellings), 1) {
		spelling := spellings[i]
		if strings.Contains(spelling.Name, " of ") {
			continue // without the digits around it nothing decodes to the inner encoding; see TestEncodingsInEncodings
		}
		for _, before := range []int{0, 100, window - 10, 64<<10 - 5} {
			plain := append([]byte(strings.Repeat("x \n\n", before/4)), spelling.Bytes...)
			plain = append(plain, "\nmore\n"...)
			containers := map[string][]byte{"": plain}
			if before <= 100 {
				containers = map[string][]byte{
					"": plain, "a/b.txt": zipped(t, "a/b.txt", plain), "in.tgz!/content!/b.txt": zipped(t, "in.tgz", tarball(t, "b.txt", plain)),
					"jar.txt": append([]byte("#!/bin/sh\nexec java\n"), zipped(t, "jar.txt", plain)...),
				}
			}
			for name, container := range containers {
				found := false
				for _, hit := range read(t, s, container) {
					if hit.Member == name && hit.KeyEnvironment == audit.Test && hit.Role == Current && hit.Line == int64(before/4*2+1) {
						found = true
					}
				}
				if !found {
					t.Errorf("%s after %d bytes in %q is missed", spelling.Name, before, name)
				}
			}
		}
	}
}

// TestWrappedBase64 encodes a file with a key as the base64 command does, so that the key lies anywhere on its lines.
func TestWrappedBase64(t *testing.T) {
	t.Parallel()
	s := search(t)
	for before := range 80 {
		for _, end := range []string{"\n", "\r\n"} {
			digits := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + heldKey + "\nmore=settings\n"))
			var text strings.Builder
			for len(digits) > 76 {
				text.WriteString(digits[:76] + end)
				digits = digits[76:]
			}
			text.WriteString(digits + end)
			if hits := read(t, s, []byte(text.String())); len(hits) != 1 || hits[0].Spelling != "base64" || hits[0].KeyEnvironment != audit.Test {
				t.Errorf("after %d bytes with line ends %q: %+v", before, end, hits)
			}
		}
	}
}

func TestFingerprints(t *testing.T) {
	t.Parallel()
	s := search(t)
	for _, before := range []int{0, window - 10, window + 100, 2*window - 8} {
		text := []byte(strings.Repeat("x \n\n", before/4) + "key=" + printedKey + "\n")
		hits := read(t, s, zipped(t, "a.txt", text))
		if len(hits) != 1 || hits[0].KeyEnvironment != audit.Production || hits[0].Spelling != "plain" || hits[0].More != 0 || hits[0].Line != int64(before/4*2+1) {
			t.Errorf("after %d bytes: %+v", before, hits)
		}
	}
	if got := s.Unsearched().NotSearched; len(got) != 1 {
		t.Errorf("keys that are too short: %v", got)
	}
	if got := s.Unsearched().ByPrint; len(got) != 1 {
		t.Errorf("keys that are known by fingerprint: %v", got)
	}
}

func TestNothingIsFoundWithoutAKey(t *testing.T) {
	t.Parallel()
	s := search(t)
	if hits := read(t, s, zipped(t, "a.txt", []byte(heldKey[:20]+" "+printedKey[1:]))); len(hits) != 0 {
		t.Errorf("%+v", hits)
	}
}

func TestNamesAreSearchedAndNotShown(t *testing.T) {
	t.Parallel()
	s := search(t)
	for _, key := range []string{heldKey, printedKey} {
		hits := read(t, s, zipped(t, "a/"+key+"/b", []byte("x")))
		found := false
		for _, hit := range hits {
			found = found || strings.Contains(hit.Member, mark)
			if strings.Contains(fmt.Sprint(hit), key) {
				t.Errorf("a key is shown: %+v", hit)
			}
		}
		if !found {
			t.Errorf("a key in a name is missed: %+v", hits)
		}
	}
}

func TestHitsAreBounded(t *testing.T) {
	t.Parallel()
	s := search(t)
	hits := s.Scanner(content.Limits{}).Hits()
	for i := range MaxHits + 5 {
		hits.add(Found{Entry: fmt.Sprintf("m%d", i)})
	}
	if len(hits.List()) != MaxHits || hits.Cut == 0 {
		t.Errorf("%d hits, %d cut", len(hits.List()), hits.Cut)
	}
}

func TestReadStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := search(t).Scanner(content.Limits{}).Hits().Read(ctx, "", bytes.NewReader(make([]byte, 1<<20))); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What the last bytes of a file happen to look like is no format, unless it is the end of a zip file.
func TestTheEndOfAFileIsNoBeginning(t *testing.T) {
	t.Parallel()
	s := search(t)
	for _, magic := range []string{"x\x9c", "x^2", "\x1f\x8b\x08", "PK\x03\x04", "%PDF-"} {
		text := strings.Repeat("text ", 400)
		text += magic + strings.Repeat("t", content.SniffLen-len(magic))
		cuts, err := s.Scanner(content.Limits{}).Hits().Read(t.Context(), "", strings.NewReader(text))
		if err != nil || len(cuts) > 0 {
			t.Errorf("%q: %v %v", magic, cuts, err)
		}
	}
}

func TestProbesOfARunShareTheSearch(t *testing.T) {
	t.Parallel()
	shared := &audit.Shared{}
	of := func(shared *audit.Shared) *Search {
		s, err := Of(&audit.Run{Integration: &audit.Integration{}, Shared: shared})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if first, second := of(shared), of(shared); first != second {
		t.Error("two probes of one run prepared the search twice")
	}
	if first, second := of(nil), of(nil); first == second {
		t.Error("two runs share a search")
	}
}
