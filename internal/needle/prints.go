package needle

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
)

// Fingerprint describes a key that the searcher may not hold.
type Fingerprint struct {
	ID     int
	SHA256 [32]byte
	Length int // in bytes
}

// Prints finds keys by fingerprint: text is cut into runs of characters that
// keys are made of, and runs of the right length are hashed. A key is found
// when it stands alone, at the beginning or at the end of a run, plain, in
// UTF-16, percent-encoded, in hex or in base64. A key in the middle of a
// longer run is not found.
type Prints struct {
	byLength map[int][]Fingerprint
	lengths  []int
	shortest int
	longest  int
}

// Bounds on a fingerprint's length: what is shorter is no secret and would be
// found by guessing, what is longer is no key.
const (
	minPrint = 8
	maxPrint = 512
)

// NewPrints compiles fingerprints; without any, nothing is found.
func NewPrints(prints []Fingerprint) (*Prints, error) {
	p := &Prints{byLength: map[int][]Fingerprint{}}
	for _, f := range prints {
		if f.Length < minPrint || f.Length > maxPrint {
			return nil, errors.New("compile fingerprints: length must be 8 to 512 bytes")
		}
		if p.byLength[f.Length] == nil {
			p.lengths = append(p.lengths, f.Length)
		}
		p.byLength[f.Length] = append(p.byLength[f.Length], f)
		p.longest = max(p.longest, f.Length)
		if p.shortest == 0 || f.Length < p.shortest {
			p.shortest = f.Length
		}
	}
	return p, nil
}

// Empty reports whether there is nothing to look for.
func (p *Prints) Empty() bool { return p == nil || len(p.lengths) == 0 }

// Classes of characters, from narrow to wide: a run of a wider class that is
// no run of a narrower one is looked at too.
const (
	classAlnum   = 1 << iota // letters and digits
	className                // and - _
	classSymbols             // and . ~ + / = % $ ! # * @ ^ & :
)

var classes = func() (t [256]byte) {
	for c := range t {
		switch b := byte(c); {
		case b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z':
			t[c] = classAlnum | className | classSymbols
		case b == '-' || b == '_':
			t[c] = className | classSymbols
		case bytes.IndexByte([]byte(".~+/=%$!#*@^&:"), b) >= 0:
			t[c] = classSymbols
		}
	}
	return t
}()

// Contains reports whether any key is found in data.
func (p *Prints) Contains(data []byte) bool {
	hit := false
	p.Find(data, func(int, int, string) { hit = true })
	return hit
}

// Find calls found for each key found in data with the fingerprint's ID, the
// offset of the run it was found in, and the spelling that was undone: plain,
// base64, hex, percent or utf-16.
func (p *Prints) Find(data []byte, found func(id, offset int, form string)) {
	if p.Empty() {
		return
	}
	seen := map[[2]int]bool{}
	p.find(data, 1, func(f Fingerprint, at int, form string) {
		if k := [2]int{f.ID, at}; !seen[k] {
			seen[k] = true
			found(f.ID, at, form)
		}
	})
}

func (p *Prints) find(data []byte, depth int, found func(f Fingerprint, at int, form string)) {
	p.runs(data, found)
	if depth == 0 {
		return
	}
	p.wide(data, found)
	for from := 0; from < len(data); {
		if classes[data[from]]&classSymbols == 0 {
			from++
			continue
		}
		to := from
		for to < len(data) && classes[data[to]]&classSymbols != 0 {
			to++
		}
		if run := data[from:to]; len(run) >= p.shortest {
			p.decoded(run, func(f Fingerprint, form string) { found(f, from, form) })
		}
		from = to
	}
}

// runs hashes the runs of each class of characters.
func (p *Prints) runs(data []byte, found func(f Fingerprint, at int, form string)) {
	for _, class := range []byte{classAlnum, className, classSymbols} {
		for from := 0; from < len(data); {
			if classes[data[from]]&class == 0 {
				from++
				continue
			}
			to := from + 1
			for to < len(data) && classes[data[to]]&class != 0 {
				to++
			}
			if to-from >= p.shortest {
				p.ends(data[from:to], func(f Fingerprint, at int) { found(f, from+at, "plain") })
			}
			from = to
		}
	}
}

// ends compares the beginning and the end of a run.
func (p *Prints) ends(run []byte, found func(f Fingerprint, at int)) {
	for _, n := range p.lengths {
		if len(run) < n {
			continue
		}
		p.compare(run[:n], func(f Fingerprint) { found(f, 0) })
		if len(run) > n {
			p.compare(run[len(run)-n:], func(f Fingerprint) { found(f, len(run)-n) })
		}
	}
}

func (p *Prints) compare(candidate []byte, found func(f Fingerprint)) {
	sum := sha256.Sum256(candidate)
	for _, f := range p.byLength[len(candidate)] {
		if f.SHA256 == sum {
			found(f)
		}
	}
}

// maxDecoded bounds the runs that are decoded: longer ones are embedded files,
// in which the runs themselves are compared but no decoding is tried.
const maxDecoded = 64 << 10

// decoded compares what a run stands for in the usual encodings.
func (p *Prints) decoded(run []byte, found func(f Fingerprint, form string)) {
	if len(run) > maxDecoded {
		return
	}
	inner := func(data []byte, form string) {
		p.runs(data, func(f Fingerprint, _ int, _ string) { found(f, form) })
		for _, n := range p.lengths { // a key may have characters of no class
			if len(data) == n {
				p.compare(data, func(f Fingerprint) { found(f, form) })
			}
		}
	}
	if bytes.IndexByte(run, '%') >= 0 {
		inner(unpercent(run), "percent")
	}
	for from := 0; from < len(run); {
		if !isHex(run[from]) {
			from++
			continue
		}
		to := from
		for to < len(run) && isHex(run[to]) {
			to++
		}
		if n := (to - from) / 2 * 2; n >= 2*p.shortest {
			out := make([]byte, n/2)
			if _, err := hex.Decode(out, run[from:from+n]); err == nil {
				inner(out, "hex")
			}
		}
		from = to
	}
	for _, alphabet := range []struct {
		extra string
		enc   *base64.Encoding
	}{{"+/", base64.RawStdEncoding}, {"-_", base64.RawURLEncoding}} {
		for from := 0; from < len(run); {
			if !isBase64(run[from], alphabet.extra) {
				from++
				continue
			}
			to := from
			for to < len(run) && isBase64(run[to], alphabet.extra) {
				to++
			}
			if n := to - from; n*3/4 >= p.shortest {
				if n%4 == 1 {
					n--
				}
				out := make([]byte, alphabet.enc.DecodedLen(n))
				if k, err := alphabet.enc.Decode(out, run[from:from+n]); err == nil {
					inner(out[:k], "base64")
				}
			}
			from = to
		}
	}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isBase64(c byte, extra string) bool {
	return classes[c]&classAlnum != 0 || c == extra[0] || c == extra[1]
}

func unpercent(run []byte) []byte {
	out := make([]byte, 0, len(run))
	for i := 0; i < len(run); i++ {
		if run[i] == '%' && i+2 < len(run) && isHex(run[i+1]) && isHex(run[i+2]) {
			var b [1]byte
			hex.Decode(b[:], run[i+1:i+3])
			out = append(out, b[0])
			i += 2
			continue
		}
		out = append(out, run[i])
	}
	return out
}

// wide looks at runs of characters in UTF-16, either byte order.
func (p *Prints) wide(data []byte, found func(f Fingerprint, at int, form string)) {
	for from := 0; from+1 < len(data); {
		if classes[data[from]]&classSymbols == 0 || data[from+1] != 0 {
			from++
			continue
		}
		var text []byte
		to := from
		for to+1 < len(data) && data[to+1] == 0 && classes[data[to]]&classSymbols != 0 {
			text = append(text, data[to])
			to += 2
		}
		// The last character of a big-endian run has its zero before it.
		if to < len(data) && classes[data[to]]&classSymbols != 0 {
			text = append(text, data[to])
		}
		if len(text) >= p.shortest {
			p.runs(text, func(f Fingerprint, at int, _ string) { found(f, from+2*at, "utf-16") })
		}
		from = to + 1
	}
}

// Blank returns text with every run in which a key was found replaced by mark.
func (p *Prints) Blank(text, mark string) string {
	if p.Empty() || !p.Contains([]byte(text)) {
		return text
	}
	// What decoding finds cannot be cut out exactly: leave out each whole run.
	var out bytes.Buffer
	data := []byte(text)
	for from := 0; from < len(data); {
		if classes[data[from]]&classSymbols == 0 {
			out.WriteByte(data[from])
			from++
			continue
		}
		to := from
		for to < len(data) && classes[data[to]]&classSymbols != 0 {
			to++
		}
		if p.Contains(data[from:to]) {
			out.WriteString(mark)
		} else {
			out.Write(data[from:to])
		}
		from = to
	}
	if p.Contains(out.Bytes()) {
		return mark
	}
	return out.String()
}
