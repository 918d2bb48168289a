package match

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
)

// Fingerprint describes a key that the searcher may not hold.
type Fingerprint struct {
	ID     int
	SHA256 [32]byte
	Length int // in bytes
}

// Prints finds keys by fingerprint: each piece of text that is as long as a key, and has no blank or
// other character that keys do not have, is hashed. Encodings are for the decoder to undo.
//
// Hashing takes about a tenth of a microsecond a byte of text without blanks.
type Prints struct {
	lengths  []printsOfLength
	shortest int
}

type printsOfLength struct {
	n      int
	prints []Fingerprint
}

// Bounds on a fingerprint's length: what is shorter is no secret and would be
// found by guessing, what is longer is no key.
const (
	minPrint = 8
	maxPrint = 512
)

// NewPrints compiles fingerprints; without any, nothing is found.
func NewPrints(prints []Fingerprint) (*Prints, error) {
	p := &Prints{}
	for _, f := range prints {
		if f.Length < minPrint || f.Length > maxPrint {
			return nil, errors.New("compile fingerprints: length must be 8 to 512 bytes")
		}
		at := slices.IndexFunc(p.lengths, func(l printsOfLength) bool { return l.n == f.Length })
		if at < 0 {
			at = len(p.lengths)
			p.lengths = append(p.lengths, printsOfLength{n: f.Length})
		}
		p.lengths[at].prints = append(p.lengths[at].prints, f)
		if p.shortest == 0 || f.Length < p.shortest {
			p.shortest = f.Length
		}
	}
	return p, nil
}

// Empty reports whether there is nothing to look for.
func (p *Prints) Empty() bool { return p == nil || len(p.lengths) == 0 }

// inKey reports whether c may be in a key that is found in text: what is no blank, control or non-ASCII character.
func inKey(c byte) bool { return c > ' ' && c < 0x7f }

// eachRun calls f for the longest runs of bytes that all are in the class and that have at least least bytes.
func eachRun(data []byte, least int, in func(byte) bool, f func(from, to int)) {
	for from := 0; from < len(data); {
		if !in(data[from]) {
			from++
			continue
		}
		to := from + 1
		for to < len(data) && in(data[to]) {
			to++
		}
		if to-from >= least {
			f(from, to)
		}
		from = to
	}
}

// Contains reports whether any key is found in data.
func (p *Prints) Contains(data []byte) bool {
	hit := false
	p.Each(data, func(int, int, int) { hit = true })
	return hit
}

// Each calls found for each key that is found in data as it is.
func (p *Prints) Each(data []byte, found func(id, from, to int)) {
	if !p.Empty() {
		p.plain(data, func(f Fingerprint, at int) { found(f.ID, at, at+f.Length) })
	}
}

// plain compares every piece of every run.
func (p *Prints) plain(data []byte, found func(f Fingerprint, at int)) {
	eachRun(data, p.shortest, inKey, func(from, to int) {
		for _, l := range p.lengths {
			for at := from; at+l.n <= to; at++ {
				l.compare(data[at:at+l.n], func(f Fingerprint) { found(f, at) })
			}
		}
	})
}

func (l *printsOfLength) compare(candidate []byte, found func(f Fingerprint)) {
	sum := sha256.Sum256(candidate)
	for i := range l.prints {
		if l.prints[i].SHA256 == sum {
			found(l.prints[i])
		}
	}
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// isWord reports whether c may be in a word of a program or in base64 as URLs have it.
func isWord(c byte) bool { return isAlnum(c) || c == '-' || c == '_' }

// Blank returns text with every run in which a key was found replaced by mark.
func (p *Prints) Blank(text, mark string) string {
	if p.Empty() || !p.Contains([]byte(text)) {
		return text
	}
	var out bytes.Buffer
	data := []byte(text)
	for from := 0; from < len(data); {
		if !inKey(data[from]) {
			out.WriteByte(data[from])
			from++
			continue
		}
		to := from
		for to < len(data) && inKey(data[to]) {
			to++
		}
		if p.Contains(data[from:to]) {
			out.WriteString(mark)
		} else {
			out.Write(data[from:to])
		}
		from = to
	}
	return out.String()
}
