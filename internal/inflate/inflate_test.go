package inflate

import (
	"bytes"
	stdflate "compress/flate"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	fast "github.com/klauspost/compress/zlib"
)

// oracle inflates with the standard library: content, bytes taken, error.
func oracle(src []byte, limit int) ([]byte, int, error) {
	r := bytes.NewReader(src)
	z, err := zlib.NewReader(r)
	if err != nil {
		return nil, 0, err
	}
	out, err := io.ReadAll(io.LimitReader(z, int64(limit)+1))
	if err == nil && len(out) > limit {
		err = errors.New("too long")
	}
	return out, len(src) - r.Len(), err
}

func compress(data []byte, level int) []byte {
	var b bytes.Buffer
	z, err := zlib.NewWriterLevel(&b, level)
	if err != nil {
		panic(err)
	}
	z.Write(data)
	z.Close()
	return b.Bytes()
}

// samples are texts of many shapes.
func samples() map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 70000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	skewed := make([]byte, 200000) // makes codes of very different lengths
	for i := range skewed {
		v := r.Uint32()
		n := 0
		for v&1 == 1 && n < 24 {
			v >>= 1
			n++
		}
		skewed[i] = byte(n*7 + r.IntN(2))
	}
	words := strings.Repeat("the quick brown fox; ", 50)
	var text strings.Builder
	for range 12000 {
		at := r.IntN(len(words) - 30)
		fmt.Fprintf(&text, "%s %d\n", words[at:at+r.IntN(30)], r.IntN(1000))
	}
	return map[string][]byte{
		"empty": nil, "one": {7}, "zeros": make([]byte, 100000), "random": random, "skewed": skewed, "text": []byte(text.String()),
		"periods": []byte(strings.Repeat("ab", 999) + strings.Repeat("abc", 999) + strings.Repeat("abcdefg", 99) + strings.Repeat("abcdefgh", 99)),
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, data := range samples() {
		for _, level := range []int{stdflate.HuffmanOnly, 0, 1, 6, 9} {
			t.Run(fmt.Sprint(name, " level ", level), func(t *testing.T) {
				t.Parallel()
				var d Decoder
				z := append(compress(data, level), "and what follows"...)
				for range 2 { // a decoder is used again
					got := make([]byte, len(data))
					taken, err := d.Zlib(got, z)
					if err != nil || taken != len(z)-16 || !bytes.Equal(got, data) {
						t.Fatalf("taken %d of %d, equal %v, %v", taken, len(z)-16, bytes.Equal(got, data), err)
					}
				}
			})
		}
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	data := []byte(strings.Repeat("some text to be compressed ", 40))
	z := compress(data, 6)
	change := func(at int, b byte) []byte {
		c := bytes.Clone(z)
		if at < 0 {
			at += len(c)
		}
		c[at] ^= b
		return c
	}
	for _, c := range []struct {
		name string
		src  []byte
		size int
	}{
		{"empty", nil, 0},
		{"header", change(0, 1), len(data)},
		{"dictionary", []byte{0x78, 0xbb, 0, 0, 0, 0}, 0},
		{"checksum", change(-1, 1), len(data)},
		{"too long", z, len(data) - 1},
		{"too short", z, len(data) + 1},
		{"reserved block", []byte{0x78, 0x9c, 7}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var d Decoder
			if _, err := d.Zlib(make([]byte, c.size), c.src); !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v", err)
			}
		})
	}
	var d Decoder
	for n := range z {
		if _, err := d.Zlib(make([]byte, len(data)), z[:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

// FuzzZlib holds the decoder to the standard library: what that takes, this
// takes, with the same content and the same end; what that refuses, so does this.
func FuzzZlib(f *testing.F) {
	for _, data := range samples() {
		if len(data) > 3000 {
			data = data[:3000]
		}
		for _, level := range []int{stdflate.HuffmanOnly, 0, 1, 9} {
			f.Add(compress(data, level))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) { check(t, src) })
}

// FuzzDeflate is FuzzZlib past the header and the checksum, which random
// changes seldom get right.
func FuzzDeflate(f *testing.F) {
	for _, data := range samples() {
		if len(data) > 3000 {
			data = data[:3000]
		}
		z := compress(data, 9)
		f.Add(z[2 : len(z)-4])
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := bytes.NewReader(raw)
		out, err := io.ReadAll(io.LimitReader(stdflate.NewReader(r), limit))
		if err != nil || len(out) == limit {
			check(t, append([]byte{0x78, 0x9c}, raw...))
			return
		}
		whole := append([]byte{0x78, 0x9c}, raw[:len(raw)-r.Len()]...)
		check(t, binary.BigEndian.AppendUint32(whole, adler32.Checksum(out)))
	})
}

// TestDamaged is the fuzzing that every test run does: damaged streams of all
// shapes, their checksums set right where they can still be inflated.
func TestDamaged(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	var seeds [][]byte
	for _, data := range samples() {
		for _, size := range []int{40, 700, 9000} {
			for _, level := range []int{stdflate.HuffmanOnly, 1, 9} {
				seeds = append(seeds, compress(data[:min(size, len(data))], level))
			}
		}
	}
	for range damagedRounds {
		z := bytes.Clone(seeds[r.IntN(len(seeds))])
		for range 1 + r.IntN(3) {
			at := 2 + r.IntN(len(z)-2)
			if r.IntN(2) == 0 {
				at = 2 + r.IntN(min(len(z)-2, 60)) // tables are at the beginning
			}
			switch r.IntN(4) {
			case 0:
				z[at] = byte(r.Uint32())
			case 1:
				z[at] ^= 1 << r.IntN(8)
			case 2:
				z = append(z[:at:at], z[min(len(z), at+1+r.IntN(4)):]...)
			default:
				z = append(z[:at:at], append([]byte{byte(r.Uint32())}, z[at:]...)...)
			}
			if len(z) < 8 {
				break
			}
		}
		raw := bytes.NewReader(z[2:])
		if out, err := io.ReadAll(io.LimitReader(stdflate.NewReader(raw), limit)); err == nil && len(out) < limit {
			z = binary.BigEndian.AppendUint32(z[:len(z)-raw.Len()], adler32.Checksum(out))
		}
		check(t, z)
	}
}

const damagedRounds = 3000

// limit bounds what the tests inflate.
const limit = 1 << 16

func check(t *testing.T, src []byte) {
	want, taken, err := oracle(src, limit)
	var d Decoder
	if err != nil {
		// Whatever size is declared, it must be refused.
		for _, n := range []int{len(want), len(want) + 1, len(want) + 1000} {
			if _, got := d.Zlib(make([]byte, n), src); got == nil {
				t.Fatalf("the standard library says %v; declared size %d was taken", err, n)
			}
		}
		return
	}
	got := make([]byte, len(want))
	n, err := d.Zlib(got, src)
	if err != nil || n != taken || !bytes.Equal(got, want) {
		t.Fatalf("taken %d, want %d; equal %v; %v", n, taken, bytes.Equal(got, want), err)
	}
	if _, err := d.Zlib(make([]byte, len(want)+1), src); err == nil {
		t.Fatal("a size that is too large was taken")
	}
	if len(want) > 0 {
		if _, err := d.Zlib(make([]byte, len(want)-1), src); err == nil {
			t.Fatal("a size that is too small was taken")
		}
	}
}

func BenchmarkInflate(b *testing.B) {
	for _, size := range []int{200, 5000, 150000} {
		data := samples()["text"][:size]
		z := compress(data, 6)
		b.Run(fmt.Sprint("own/", size), func(b *testing.B) {
			var d Decoder
			dst := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := d.Zlib(dst, z); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint("klauspost/", size), func(b *testing.B) {
			dst := make([]byte, size)
			src := bytes.NewReader(z)
			r, err := fast.NewReader(src)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			for b.Loop() {
				src.Reset(z)
				if err := r.(fast.Resetter).Reset(src, nil); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(r, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
