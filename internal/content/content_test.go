package content

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

func gz(content string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(content))
	w.Close()
	return b.String()
}

func zst(content string) string {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		panic(err)
	}
	w.Write([]byte(content))
	w.Close()
	return b.String()
}

func zipped(pairs ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		f, _ := w.Create(pairs[i])
		f.Write([]byte(pairs[i+1]))
	}
	w.Close()
	return b.String()
}

func tarred(pairs ...string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		w.WriteHeader(&tar.Header{Name: pairs[i], Mode: 0o644, Size: int64(len(pairs[i+1])), Typeflag: tar.TypeReg})
		w.Write([]byte(pairs[i+1]))
	}
	w.Close()
	return b.String()
}

func zlibbed(content string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(content))
	w.Close()
	return b.String()
}

func brotlied(content string) string {
	var b bytes.Buffer
	w := brotli.NewWriter(&b)
	w.Write([]byte(content))
	w.Close()
	return b.String()
}

func pdf(contents ...string) string {
	var b strings.Builder
	b.WriteString("%PDF-1.7\n")
	for i, content := range contents {
		fmt.Fprintf(&b, "%d 0 obj\n<</Length %d/Filter/FlateDecode>>\nstream\r\n%s\r\nendstream\nendobj\n", i+1, len(zlibbed(content)), zlibbed(content))
	}
	return b.String() + "9 0 obj <</Length 3>> stream\nabc\nendstream endobj\ntrailer <</Size 9>>\n%%EOF\n"
}

func ar(pairs ...string) string {
	var b strings.Builder
	b.WriteString(arMagic)
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8o%-10d`\n%s%s", pairs[i]+"/", 0, 0, 0, 0o644, len(pairs[i+1]), pairs[i+1], strings.Repeat("\n", len(pairs[i+1])%2))
	}
	return b.String()
}

// bzip2 of "hello\n", made with bzip2 1.0.8: the standard library only reads.
const bz = "BZh91AY&SY\xc1\xc0\x80\xe2\x00\x00\x01\x41\x00\x00\x10\x02\x44\xa0\x00\x30\xcd\x00\xc3\x46\x29\x97\x17\x72\x45\x38\x50\x90\xc1\xc0\x80\xe2"

type keep struct {
	bytes.Buffer
	done func(string)
}

func (k *keep) Close() error { k.done(k.String()); return nil }

// walkAll opens a container alone, without what is encoded in it. Its error is that of the context, of reading r or of a writer; what is
// wrong with the container is a cut.
func walkAll(ctx context.Context, format Format, r io.Reader, limits Limits, member func(path string) io.WriteCloser) ([]Cut, error) {
	w := &walker{ctx: ctx, limits: limits.withDefaults(), open: member}
	w.left = w.limits.Bytes
	src := &source{ctx: ctx, r: r}
	err := w.walk("", format, src, 1)
	if err == nil {
		err = src.failed
	}
	if cut := (*cutError)(nil); errors.As(err, &cut) {
		w.cut("", cut.reason, cut.detail)
		err = nil
	}
	return w.cuts, err
}

func walk(t testing.TB, format Format, r io.Reader, l Limits) (map[string]string, []Cut) {
	t.Helper()
	got := map[string]string{}
	cuts, err := walkAll(context.Background(), format, r, l, func(path string) io.WriteCloser {
		return &keep{done: func(s string) { got[path] += s }}
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, cuts
}

func TestWalk(t *testing.T) {
	t.Parallel()
	inner := zipped("deep.txt", "found")
	cases := []struct {
		name, data string
		want       map[string]string
	}{
		{"gzip", gz("text"), map[string]string{"content": "text"}},
		{"gzip in two pieces", gz("te") + gz("xt"), map[string]string{"content": "text"}},
		{"gzip and padding", gz("text") + "\x00\x00\x00", map[string]string{"content": "text"}},
		{"zstd", zst("text"), map[string]string{"content": "text"}},
		{"bzip2", bz, map[string]string{"content": "hello\n"}},
		{"zip", zipped("a", "1", "b/c", "2"), map[string]string{"a": "1", "b/c": "2"}},
		{"empty zip", zipped(), map[string]string{}},
		{"zip behind something", "#!/bin/sh\n" + zipped("a", "1"), map[string]string{"a": "1"}},
		{"tar", tarred("a", "1", "b/c", "2"), map[string]string{"a": "1", "b/c": "2"}},
		{"tar in gzip", gz(tarred("a", "1")), map[string]string{"content": tarred("a", "1"), "content!/a": "1"}},
		{"zip in tar", tarred("x.jar", inner, "after", "still"), map[string]string{"x.jar": inner, "x.jar!/deep.txt": "found", "after": "still"}},
		{"zlib", zlibbed("text"), map[string]string{"content": "text"}},
		{"brotli", brotlied("text"), map[string]string{"content": "text"}},
		{"brotli in zip", zipped("x.js.br", brotlied("found"), "after", "still"), map[string]string{"x.js.br": brotlied("found"), "x.js.br!/content": "found", "after": "still"}},
		{"PDF", pdf("one", strings.Repeat("two ", 99)), map[string]string{"stream 1": "one", "stream 2": strings.Repeat("two ", 99)}},
		{"ar", ar("debian-binary", "2.0\n", "data.tar.gz", gz(tarred("a", "1")), "odd", "x"), map[string]string{
			"debian-binary": "2.0\n", "data.tar.gz": gz(tarred("a", "1")), "data.tar.gz!/content": tarred("a", "1"), "data.tar.gz!/content!/a": "1", "odd": "x",
		}},
		{"gzip in zip", zipped("x.gz", gz("found"), "after", "still"), map[string]string{"x.gz": gz("found"), "x.gz!/content": "found", "after": "still"}},
	}
	for _, c := range cases {
		for _, stream := range []bool{false, true} {
			var r io.Reader = strings.NewReader(c.data)
			if stream {
				r = struct{ io.Reader }{r}
				if Sniff([]byte(c.data)) == None && c.name != "brotli" {
					continue // told by its end, which a stream does not show
				}
			}
			format := sniffWhole([]byte(c.data))
			if c.name == "brotli" {
				format = SniffNamed("a.js.br", []byte(c.data))
			}
			got, cuts := walk(t, format, r, Limits{})
			if diff := cmp.Diff(c.want, got); diff != "" || len(cuts) > 0 {
				t.Errorf("%s (stream %v): cuts %v (-want +got):\n%s", c.name, stream, cuts, diff)
			}
		}
	}
}

func TestCuts(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("\x00", 1<<20)
	encrypted := []byte(zipped("a", "secret"))
	encrypted[6] |= 1 // local header
	encrypted[bytes.Index(encrypted, []byte("PK\x01\x02"))+8] |= 1
	cases := []struct {
		name, data string
		limits     Limits
		want       map[string]Reason
	}{
		{"depth", gz(gz(gz("x"))), Limits{Depth: 2}, map[string]Reason{"content!/content": TooDeep}},
		{"bytes", gz(zeros), Limits{Bytes: 1000}, map[string]Reason{"": TooLarge}},
		{"bytes of all members", zipped("a", zeros, "b", zeros), Limits{Bytes: 3 << 19}, map[string]Reason{"": TooLarge}},
		{"ratio", gz(zeros), Limits{Ratio: 10, RatioFrom: 1000}, map[string]Reason{"content": TooDense}},
		{"ratio in zip", zipped("a", zeros, "b", "fine"), Limits{Ratio: 10, RatioFrom: 100_000}, map[string]Reason{"a": TooDense}},
		{"members", zipped("a", "1", "b", "2", "c", "3"), Limits{Members: 2}, map[string]Reason{"": TooMany}},
		{"cut off gzip", gz(strings.Repeat("some text ", 99))[:40], Limits{}, map[string]Reason{"content": Damaged}},
		{"cut off tar", tarred("a", strings.Repeat("x", 5000))[:3000], Limits{}, map[string]Reason{"a": Damaged, "": Damaged}},
		{"cut off zip", zipped("a", "1")[:40], Limits{}, map[string]Reason{"": Damaged}},
		{"encrypted zip", string(encrypted), Limits{}, map[string]Reason{"a": Encrypted}},
		{"damaged xz", "\xfd7zXZ\x00aaaaaaaaaaaa", Limits{}, map[string]Reason{"": Damaged}},
		{"xz in zip", zipped("a.xz", "\xfd7zXZ\x00aaaaaaaaaaaa", "b", "fine"), Limits{}, map[string]Reason{"a.xz": Damaged}},
		{"damaged lzma", "\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00aaaa", Limits{}, map[string]Reason{"content": Damaged}},
		{"compress", "\x1f\x9d\x90aaaa", Limits{}, map[string]Reason{"": Unsupported}},
		{"git bundle", "# v2 git bundle\n0123 HEAD\n\nPACK", Limits{}, map[string]Reason{"": Unsupported}},
		{"git pack", "PACK\x00\x00\x00\x02\x00\x00\x00\x01", Limits{}, map[string]Reason{"": Unsupported}},
		{"cut off zlib", zlibbed(strings.Repeat("some text ", 99))[:20], Limits{}, map[string]Reason{"content": Damaged}},
		{"cut off ar", ar("a", "some text")[:70], Limits{}, map[string]Reason{"": Damaged}},
		{"encrypted PDF", pdf("x") + "8 0 obj <</Filter/Standard/V 4>> endobj trailer <</Encrypt 8 0 R>>", Limits{}, map[string]Reason{"": Encrypted}},
		{"large PDF", pdf(strings.Repeat("text ", 99)), Limits{ZipBytes: 100}, map[string]Reason{"": TooLarge}},
		{"zip whose directory is empty", zipped("a", "1")[:40] + zipped(), Limits{}, map[string]Reason{"": Damaged}},
		{"rar", "Rar!\x1a\x07\x00aaaa", Limits{}, map[string]Reason{"": Unsupported}},
		{"compress", "\x1f\x9daaaa", Limits{}, map[string]Reason{"": Unsupported}},
		{"LZW in a PDF", "%PDF-1.4\n1 0 obj\n<</Filter /LZWDecode /Length 4>>\nstream\n\x80\x0b\x60\x50\nendstream\nendobj\n", Limits{}, map[string]Reason{"stream 1": Unsupported}},
		{"7z", "7z\xbc\xaf\x27\x1caaaa", Limits{}, map[string]Reason{"": Unsupported}},
	}
	for _, c := range cases {
		got, cuts := walk(t, sniffWhole([]byte(c.data)), strings.NewReader(c.data), c.limits)
		reasons := map[string]Reason{}
		for _, cut := range cuts {
			reasons[cut.Path] = cut.Reason
		}
		if diff := cmp.Diff(c.want, reasons); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", c.name, diff)
		}
		if strings.Contains(c.name, "in zip") && got["b"] != "fine" {
			t.Errorf("%s: the member after it was lost: %v", c.name, len(got))
		}
	}
	big := struct{ io.Reader }{strings.NewReader(zipped("a", strings.Repeat("0123456789abcdefghijk", 10), "b", "2"))}
	if _, cuts := walk(t, Zip, big, Limits{ZipBytes: 100}); len(cuts) != 1 || cuts[0].Reason != TooLarge {
		t.Errorf("a zip stream beyond the bound: %v", cuts)
	}
}

// Text may begin as a zlib stream does.
func TestTextThatLooksLikeZlib(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x^2 + y^2 = z^2\n", "x^n", "x^", "x^" + strings.Repeat("{2}", 300)} {
		if _, cuts := walk(t, sniffWhole([]byte(text)), strings.NewReader(text), Limits{}); len(cuts) > 0 && sniffWhole([]byte(text)) != None {
			t.Errorf("%.20q: %v", text, cuts)
		}
	}
}

func TestBrotliIsToldByItsNameAndNoText(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("server { server_name acme.com.br; } # açaí\n", 40)
	for _, c := range []struct {
		name, data string
		want       Format
	}{
		{"app.js.br", brotlied(text), Brotli}, {"APP.JS.BR", brotlied("x"), Brotli}, {"app.js", brotlied(text), None}, {"acme.com.br", text, None},
		{"acme.com.br", "x" + text, None}, {"acme.com.br", "xy" + text, None}, {"empty.br", "", None}, {"app.gz.br", gz("x"), Gzip},
	} {
		if got := SniffNamed(c.name, []byte(c.data)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestErrorsOfOthersAreErrors(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	nowhere := func(string) io.WriteCloser { return &keep{done: func(string) {}} }
	if _, err := walkAll(ctx, Gzip, strings.NewReader(gz("x")), Limits{}, nowhere); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	broken := errors.New("disk on fire")
	r := io.MultiReader(strings.NewReader(gz(strings.Repeat("abc", 1000))[:20]), failing{broken})
	if _, err := walkAll(context.Background(), Gzip, r, Limits{}, nowhere); !errors.Is(err, broken) {
		t.Errorf("reader: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzWalk: whatever the bytes, the walk ends, stays within its bounds, and
// closes every writer it asked for.
func FuzzWalk(f *testing.F) {
	for _, s := range []string{zlibbed("text"), zlibbed(gz("x")), pdf("text"), ar("a", "1", "b", zlibbed("2")), brotlied("text"), gz("x"), zipped("a", "1"), tarred("a", "1"), gz(tarred("a", zipped("b", "2"))), zst("text"), bz, zipped("x", gz("y"))} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 16
		total, opened, closed := 0, 0, 0
		format := sniffWhole(data)
		if format == None {
			format = Brotli
		}
		_, err := walkAll(context.Background(), format, bytes.NewReader(data), Limits{Bytes: most, Members: 100}, func(string) io.WriteCloser {
			opened++
			return &keep{done: func(s string) { closed++; total += len(s) }}
		})
		if err != nil {
			t.Fatal(err)
		}
		if opened != closed {
			t.Fatalf("%d opened, %d closed", opened, closed)
		}
		if total > most+len(data)*4+4096 { // names and comments come on top
			t.Fatalf("%d bytes came out", total)
		}
	})
}

func TestSniffKnowsNothingElse(t *testing.T) {
	t.Parallel()
	var wrong []string
	for _, s := range []string{"", "PK", "PKzip is a program", "BZh is how it begins", "\x1f\x8b", "(\xb5", "7zip", "Rar", strings.Repeat("0", 600), strings.Repeat("\x00", 600), strings.Repeat("text 123 ", 90), "x = 1", "%PDF", "!<arch>", "# v2 git bundles are", "PACK of wolves", "]\x00\x00 and so on, and on"} {
		if Sniff([]byte(s)) != None {
			wrong = append(wrong, s)
		}
	}
	sort.Strings(wrong)
	if len(wrong) > 0 {
		t.Errorf("taken for archives: %q", wrong)
	}
}

func sniffWhole(data []byte) Format {
	if f := Sniff(data); f != None {
		return f
	}
	return SniffEnd(data)
}
